#include "cache/write/writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/hash/merkle.h"

namespace larder::cache {
namespace {

std::uint64_t saturated_end(ByteRange range) {
  return range.length > UINT64_MAX - range.offset ? UINT64_MAX : range.end();
}

}  // namespace

WriterCore::WriterCore(std::shared_ptr<const WriterHostLink> host, Start start)
    : host_(std::move(host)),
      id_(std::move(start.id)),
      version_(std::move(start.version)),
      version_name_(version_name(version_)),
      shareable_(start.shareable),
      size_(start.size),
      file_(std::move(start.file)),
      table_(start.size,
             [&] {
               std::vector<std::uint64_t> indices;
               for (const SegmentInfo& segment : start.committed) indices.push_back(segment.index);
               return indices;
             }()),
      committed_(std::move(start.committed)),
      ordered_(start.hash_in_order) {
  for (const SegmentInfo& segment : committed_) bytes_written_ += segment.range.length;
}

std::unique_ptr<ContentWriter> WriterCore::make_handle() {
  auto handle = std::make_unique<WriterHandle>(shared_from_this());
  handle_ = handle.get();
  keep_unfinished_ = closed_ = false;
  return handle;
}

bool WriterCore::keep_unfinished() {
  if (failed_ || finish_ || finished_ || !size_) return false;
  while (!streams_.empty()) close_stream(streams_.begin()->first);
  while (!spans_.empty()) close_span(spans_.begin()->first);
  keep_unfinished_ = true;
  return unfinished().bytes > 0;
}

// Complete segments that are being committed count too.
ContentWriter::Unfinished WriterCore::unfinished() const {
  ContentWriter::Unfinished sum = table_.unfinished();
  sum.bytes += committing_bytes_.bytes;
  sum.of_peers += committing_bytes_.of_peers;
  return sum;
}

bool WriterCore::keeps_unfinished() const {
  return keep_unfinished_ && abandoned() && sound_ && !failed_ && !finished_ && !cancelled_ && unfinished().bytes > 0;
}

void WriterCore::abandon() {
  handle_ = nullptr;
  streams_.clear();
  spans_.clear();
  tail_.reset();
  // A finish in its last steps goes on to its end, without calling `done`.
  if (finish_ && finish_->started) {
    finish_->done = nullptr;
  } else {
    finish_.reset();
  }
  advance();
}

void WriterCore::cancel() {
  if (cancelled_) return;
  cancelled_ = true;
  sound_ = false;
  file_->mark_dropped();
  fail(Error{ErrorCode::not_found, "write content " + id_, "it was dropped from the cache"});
}

bool WriterCore::idle() const {
  return jobs_.count() == 0 && all_committed() && !(finish_ && finish_->started);
}

std::uint64_t WriterCore::end_of(const Stream& stream) const {
  const std::uint64_t content_end = size_ ? *size_ : set_end_.value_or(kMaxUnknownSize);
  return std::min(saturated_end(stream.range), content_end);
}

std::vector<ByteRange> WriterCore::missing() const {
  IntervalSet taken = table_.taken();
  for (const auto& [id, stream] : streams_) {
    taken.add({stream.cutter.first_uncut() / kBlockSize, block_count(end_of(stream))});
  }
  for (const auto& [id, span] : spans_) taken.add(span.blocks);
  if (tail_) taken.add({tail_->cutter.first_uncut() / kBlockSize, block_count(tail_->cutter.next())});
  const std::optional<std::uint64_t> size = size_ ? size_ : set_end_;
  std::vector<ByteRange> ranges;
  for (const Interval gap : taken.gaps({0, size ? block_count(*size) : UINT64_MAX})) {
    const std::uint64_t offset = gap.begin * kBlockSize;
    const std::uint64_t end = size ? std::min(*size, gap.end * kBlockSize) : UINT64_MAX;
    ranges.push_back({offset, end - offset});
  }
  return ranges;
}

StreamId WriterCore::open_stream(ByteRange range, Source source, std::string fetched_for) {
  const StreamId stream = ++last_stream_;
  streams_.emplace(stream, Stream{range, source, std::move(fetched_for), BlockCutter(range.offset)});
  return stream;
}

void WriterCore::set_transport(StreamId id, Transport transport) {
  if (const auto found = streams_.find(id); found != streams_.end()) found->second.transport = transport;
}

Status WriterCore::append(StreamId id, Buffer bytes) {
  if (failed_) return tl::unexpected(*failed_);
  const std::string doing = "write content " + id_;
  if (host() == nullptr) return larder::fail(ErrorCode::cancelled, doing, "the cache is closing");
  const auto found = streams_.find(id);
  if (found == streams_.end() || finish_ || finished_)
    return larder::fail(ErrorCode::invalid_state, doing, "the stream is closed");
  Stream& stream = found->second;
  if (stream.range.offset % kBlockSize != 0) {
    return larder::fail(ErrorCode::invalid_argument, doing,
                        fmt::format("a stream cannot start inside a block, at {}", stream.range.offset));
  }
  const std::uint64_t end = end_of(stream);
  if (stream.cutter.next() > end || bytes.size() > end - stream.cutter.next()) {
    return larder::fail(ErrorCode::too_large, doing,
                        fmt::format("{} bytes at {} go beyond the end at {}", bytes.size(), stream.cutter.next(), end));
  }
  queued_ += stream.cutter.append(std::move(bytes));
  if (size_ && stream.cutter.next() == *size_) queued_ += stream.cutter.end_here();
  if (queued_ >= ContentWriter::kHighWater) was_high_ = true;
  if (!size_) {
    appended_end_ = std::max(appended_end_, stream.cutter.next());
    host()->on_size_grown(id_, appended_end_);
  }
  if (stream.cutter.pending() >= kJobBytes || jobs_.count() == 0) cut(stream);
  return {};
}

void WriterCore::close_stream(StreamId id) {
  close_span(id);
  const auto found = streams_.find(id);
  if (found == streams_.end()) return;
  Stream stream = std::move(found->second);
  streams_.erase(found);
  if (set_end_ && stream.cutter.next() == *set_end_) queued_ += stream.cutter.end_here();
  cut(stream);
  // While the end is unknown, this may be the content's last block.
  if (!size_ && !set_end_ && stream.cutter.partial() > 0) tail_ = std::move(stream);
}

void WriterCore::set_end(std::uint64_t size) {
  if (size_ || set_end_ || failed_) return;
  if (size != appended_end_) {
    return fail(Error{ErrorCode::invalid_state, "end content " + id_,
                      fmt::format("{} bytes were appended, not {}", appended_end_, size)});
  }
  set_end_ = size;
  if (tail_) {
    Stream stream = std::move(*tail_);
    tail_.reset();
    if (stream.cutter.next() == size) queued_ += stream.cutter.end_here();
    cut(stream);
  }
  for (auto& [id, stream] : streams_) {
    if (stream.cutter.next() != size) continue;
    queued_ += stream.cutter.end_here();
    cut(stream);
  }
}

void WriterCore::cut(Stream& stream) {
  if (host() == nullptr || stream.cutter.pending() == 0) return;
  if (auto job = make_job(stream, stream.cutter.take_blocks())) submit(std::move(job));
}

void WriterCore::cut_all() {
  for (auto& [id, stream] : streams_) cut(stream);
  for (auto& [id, span] : spans_) submit_span(span);
}

std::shared_ptr<WriteJob> WriterCore::make_job(const Stream& stream, Cut cut) {
  auto job = std::make_shared<WriteJob>();
  std::size_t offered = 0;
  for (const Piece& piece : cut.pieces) {
    offered += piece.bytes.size();
    const std::uint64_t piece_end = piece.offset + piece.bytes.size();
    const Interval blocks{piece.offset / kBlockSize, block_count(piece_end)};
    for (const Interval part : table_.take_blocks(blocks, stream.source, stream.fetched_for)) {
      const std::uint64_t offset = part.begin * kBlockSize;
      const std::uint64_t end = std::min(piece_end, part.end * kBlockSize);
      job->parts.push_back(
          {offset, piece.bytes.subspan(offset - piece.offset, end - offset), part, table_.leaf_place(part.begin)});
      job->bytes += end - offset;
      if (stream.source == Source::peer) table_.note_from_peer(BlockIndex(part.begin), end - offset, {});
      if (stream.source == Source::origin) table_.note_from_origin(part.begin, stream.transport);
    }
  }
  was_high_ = was_high_ || behind();
  queued_ -= offered - job->bytes;  // blocks that another stream took already
  if (job->parts.empty()) return nullptr;
  job->buffers = std::move(cut.buffers);
  job->ordered = ordered_.expect(*job);
  return job;
}

void WriterCore::submit(std::shared_ptr<WriteJob> job) {
  job->in_flight = jobs_.begin();
  host()->disk().submit([self = shared_from_this(), job = std::move(job)]() mutable -> Task {
    Status status = run_write_job(*job, *self->file_);
    return [self = std::move(self), job = std::move(job), status = std::move(status)]() mutable {
      self->job_returned(job, std::move(status));
    };
  });
}

void WriterCore::job_returned(const std::shared_ptr<WriteJob>& job, Status status) {
  if (host() == nullptr) return;
  job->in_flight.release();
  if (status) {
    // Also after another job failed: a segment that this job completes is good.
    job_written(job);
    if (jobs_.count() == 0) cut_all();
    advance();
  } else if (failed_) {
    advance();
  } else if (status.error().code == ErrorCode::disk_full && !job->retried) {
    retry_with_room(job);
  } else {
    job_failed(status.error());
  }
}

void WriterCore::retry_with_room(const std::shared_ptr<WriteJob>& job) {
  job->retried = true;
  job->in_flight = jobs_.begin();  // waits for room
  host()->make_room(id_, job->bytes, [self = shared_from_this(), job](Status made) {
    job->in_flight.release();
    if (self->failed_) return self->advance();
    if (!made) return self->job_failed(made.error());
    self->submit(job);
  });
}

void WriterCore::job_failed(const Error& error) {
  fail(error);
  advance();
}

void WriterCore::job_written(const std::shared_ptr<WriteJob>& job) {
  bytes_written_ += job->bytes;
  host()->on_bytes_written(id_, job->bytes);
  for (WritePart& part : job->parts) {
    part.place.leaves.reset();
    if (auto whole = table_.wrote(part.blocks)) segment_whole(std::move(*whole));
  }
  if (job->ordered) {
    ordered_.on_written(job);
    hash_next();
  } else {
    unqueue(job->bytes);
  }
  if (job->of_peers) tell_blocks_written(*job);
}

void WriterCore::hash_next() {
  if (hashing_) return;
  auto jobs = ordered_.take_jobs();
  if (jobs.empty()) return;
  hashing_ = true;
  host()->disk().submit([self = shared_from_this(), hash = ordered_.hash(), jobs = std::move(jobs)]() mutable -> Task {
    hash_jobs(*hash, jobs);
    std::size_t bytes = 0;
    for (const auto& job : jobs) bytes += job->bytes;
    jobs.clear();
    return [self = std::move(self), bytes] {
      if (self->host() == nullptr) return;
      self->hashing_ = false;
      self->hash_next();
      self->unqueue(bytes);
      self->advance();
    };
  });
}

void WriterCore::unqueue(std::size_t bytes) {
  queued_ -= std::min(queued_, bytes);
  tell_drained();
}

void WriterCore::tell_drained() {
  if (!was_high_ || queued() >= ContentWriter::kLowWater) return;
  was_high_ = false;
  if (handle_ == nullptr || failed_) return;
  const auto drained = handle_->on_drained;  // a copy: the callback may destroy the handle
  if (drained) drained();
}

void WriterCore::fail(const Error& error) {
  if (failed_ || finished_) return;
  failed_ = error;
  streams_.clear();
  spans_.clear();
  tail_.reset();
  if (finish_) return answer_finish(tl::unexpected(error));
  if (handle_ == nullptr || cancelled_) return;
  const auto on_error = handle_->on_error;
  if (on_error) on_error(error);
}

void WriterCore::advance() {
  if (host() == nullptr) return;
  try_finish();
  if (!abandoned() || !idle() || closed_ || finished_) return;
  closed_ = true;
  host()->on_writer_closed(id_);
}

}  // namespace larder::cache
