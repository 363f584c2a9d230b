#include "tests/unit/transfer/fake_writer.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "base/hash/merkle.h"
#include "peer/swarm/windows.h"

namespace larder::test {
namespace {

void must(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "contract of ContentWriter broken: %s\n", what);
  std::abort();
}

}  // namespace

FakeWriter::FakeWriter(FakeCache& cache, Runtime runtime, cache::ContentId id)
    : cache_(cache), runtime_(runtime), id_(std::move(id)) {
  const FakeRecord& record = cache_.records.at(id_);
  size_ = record.info.size;
  version_ = record.info.versions.front();
  shareable_ = record.info.shareable;
  bytes_ = record.bytes;
  segments_ = record.segments;
  if (!size_) return;
  blocks_.resize(block_count(*size_));
  for (const cache::SegmentInfo& segment : segments_) {
    for (std::uint64_t at = segment.range.offset; at < segment.range.end(); at += kBlockSize) {
      blocks_[at / kBlockSize] = {true, true};
    }
  }
}

FakeWriter::~FakeWriter() {
  if (FakeRecord* record = cache_.record(id_)) record->being_written = false;
}

std::uint64_t FakeWriter::block_end(std::uint64_t block) const {
  return std::min((block + 1) * kBlockSize, size_.value_or(UINT64_MAX));
}

std::vector<ByteRange> FakeWriter::missing() const {
  if (!size_) return began_ ? std::vector<ByteRange>{} : std::vector<ByteRange>{{0, UINT64_MAX}};
  std::vector<ByteRange> ranges;
  for (std::uint64_t i = 0; i < blocks_.size(); ++i) {
    const std::uint64_t begin = i * kBlockSize;
    const bool taken = std::any_of(streams_.begin(), streams_.end(), [begin](const auto& entry) {
      return entry.second.range.offset <= begin && begin < entry.second.range.end();
    });
    const bool running = std::any_of(runs_.begin(), runs_.end(), [begin](const auto& entry) {
      return entry.second.range.offset <= begin && begin < entry.second.range.end();
    });
    if (blocks_[i].accepted || taken || running) continue;
    if (!ranges.empty() && ranges.back().end() == begin) {
      ranges.back().length = block_end(i) - ranges.back().offset;
    } else {
      ranges.push_back({begin, block_end(i) - begin});
    }
  }
  return ranges;
}

std::uint64_t FakeWriter::bytes_written() const {
  std::uint64_t bytes = 0;
  for (std::uint64_t i = 0; i < blocks_.size(); ++i) {
    if (blocks_[i].durable) bytes += block_end(i) - i * kBlockSize;
  }
  return bytes;
}

cache::StreamId FakeWriter::open_stream(ByteRange range, cache::Source source, std::string fetched_for) {
  must(range.offset % kBlockSize == 0, "a stream begins at a block");
  must(!fetched_for.empty(), "a stream is on somebody's account");
  began_ = true;
  streams_[next_stream_] = {range, range.offset, source, std::move(fetched_for)};
  return next_stream_++;
}

Status FakeWriter::append(cache::StreamId id, Buffer bytes) {
  must(streams_.count(id) == 1, "append to an open stream");
  Stream& stream = streams_[id];
  const std::uint64_t end = stream.position + bytes.size();
  if (end > stream.range.end() || (size_ && end > *size_)) return fail(ErrorCode::too_large, "append", "too much");
  if (bytes_.size() < end) bytes_.resize(end);
  if (blocks_.size() < block_count(end)) blocks_.resize(block_count(end));
  const std::uint64_t begin = stream.position;
  for (std::uint64_t at = begin; at < end;) {  // what another stream brought stays
    const std::uint64_t part = std::min(end, (at / kBlockSize + 1) * kBlockSize) - at;
    if (!blocks_[at / kBlockSize].accepted) {
      std::memcpy(bytes_.data() + at, bytes.bytes().data() + (at - begin), part);
    }
    at += part;
  }
  const std::uint64_t first = begin / kBlockSize;
  stream.position = end;
  const std::uint64_t last = end == size_ ? blocks_.size() : end / kBlockSize;
  for (std::uint64_t i = first; i < last; ++i) {
    if (blocks_[i].accepted) continue;
    blocks_[i].accepted = true;
    blocks_[i].from_peer = stream.source == cache::Source::peer;
  }
  write(first, last, bytes.size(), stream);
  return {};
}

void FakeWriter::write(std::uint64_t first, std::uint64_t last, std::size_t bytes, const Stream& stream) {
  queued_ += bytes;
  cache_.most_queued = std::max(cache_.most_queued, queued_);
  last_ = stream;
  Task task = alive_.guard([this, first, last, bytes, source = stream.source, account = stream.fetched_for] {
    make_durable(first, last, bytes, source, account);
  });
  if (cache_.write_latency == Duration{}) {
    runtime_.executor.post(std::move(task));
  } else {
    runtime_.timers.after(cache_.write_latency, std::move(task));
  }
}

cache::StreamId FakeWriter::open_blocks(BlockRun run) {
  must(size_.has_value(), "blocks come only where the size is known");
  must(run.range.offset % kBlockSize == 0 && run.range.length > 0 && run.range.end() <= *size_, "a run is of blocks");
  must(run.range.end() % kBlockSize == 0 || run.range.end() == *size_, "a run ends at a block");
  const cache::SegmentLayout layout(*size_);
  must(layout.index_at(run.range.offset) == layout.index_at(run.range.end() - 1), "a run lies within one segment");
  must(!run.fetched_for.empty(), "a run is on somebody's account");
  began_ = true;
  runs_[next_stream_] = std::move(run);
  return next_stream_++;
}

Status FakeWriter::append_blocks(cache::StreamId id, std::uint64_t offset, Buffer bytes, std::vector<Digest> leaves) {
  must(runs_.count(id) == 1, "append to an open run");
  const BlockRun& run = runs_[id];
  const std::uint64_t end = offset + bytes.size();
  must(offset % kBlockSize == 0 && (end % kBlockSize == 0 || end == *size_), "whole blocks");
  must(run.range.offset <= offset && end <= run.range.end(), "blocks of the run");
  std::vector<Digest> right(block_count(bytes.size()));
  hash_blocks(bytes.bytes(), right);
  must(leaves == right, "each block has its leaf");
  const Stream account{run.range, end, cache::Source::peer, run.fetched_for};
  for (std::uint64_t i = offset / kBlockSize; i < block_count(end); ++i) {
    if (blocks_[i].accepted) continue;  // another stream brought it
    const std::uint64_t begin = i * kBlockSize;
    if (bytes_.size() < block_end(i)) bytes_.resize(block_end(i));
    std::memcpy(bytes_.data() + begin, bytes.bytes().data() + (begin - offset), block_end(i) - begin);
    blocks_[i].accepted = blocks_[i].from_peer = true;
    if (!run.attestation.empty()) attestations_[cache::SegmentLayout(*size_).index_at(begin)] = run.attestation;
    write(i, i + 1, block_end(i) - begin, account);
  }
  return {};
}

void FakeWriter::make_durable(std::uint64_t first, std::uint64_t last, std::size_t bytes, cache::Source source,
                              const std::string& fetched_for) {
  const auto alive = alive_.watch();
  const bool was_high = queued_ >= kLowWater;
  queued_ -= bytes;
  for (std::uint64_t i = first; i < last; ++i) blocks_[i].durable = true;
  if (size_) commit_ready(source, fetched_for);
  if (alive.expired()) return;
  if (was_high && queued_ < kLowWater && on_drained) on_drained();
  if (!alive.expired() && source == cache::Source::peer && on_blocks_written) {
    on_blocks_written({first * kBlockSize, bytes});
  }
  if (!alive.expired() && finishing_) try_finish();
}

void FakeWriter::commit_ready(cache::Source source, const std::string& fetched_for) {
  const cache::SegmentLayout layout(*size_);
  const auto alive = alive_.watch();
  for (std::uint64_t i = 0; i < layout.count() && !alive.expired(); ++i) {
    const bool there = std::any_of(segments_.begin(), segments_.end(),
                                   [i](const cache::SegmentInfo& segment) { return segment.index == i; });
    if (there) continue;
    bool ready = true;
    const ByteRange range = layout.range(i);
    for (std::uint64_t at = range.offset; at < range.end(); at += kBlockSize) {
      ready = ready && blocks_[at / kBlockSize].durable;
    }
    if (ready) commit(i, source, fetched_for);
  }
}

void FakeWriter::commit(std::uint64_t index, cache::Source source, const std::string& fetched_for) {
  cache::SegmentInfo segment{index, cache::SegmentLayout(*size_).range(index), {}, source, fetched_for};
  for (std::uint64_t at = segment.range.offset; at < segment.range.end(); at += kBlockSize) {
    if (blocks_[at / kBlockSize].from_peer) segment.peer_bytes += block_end(at / kBlockSize) - at;
  }
  if (source == cache::Source::origin) segment.fetched_as = cache::version_name(version_);
  if (!over_.empty()) segment.transport = over_.rbegin()->second;  // one at a time does for a test
  if (const auto found = attestations_.find(index); found != attestations_.end()) segment.attestation = found->second;
  // Looked at where bytes of peers and of the origin are in it.
  if (segment.peer_bytes > 0 && segment.peer_bytes < segment.range.length) {
    std::vector<Digest> leaves(block_count(segment.range.length));
    hash_blocks(std::span(bytes_).subspan(segment.range.offset, segment.range.length), leaves);
    segment.root = peer::segment_root(cache::SegmentLayout(*size_), leaves);
  }
  const auto before = [](const cache::SegmentInfo& a, const cache::SegmentInfo& b) { return a.index < b.index; };
  segments_.insert(std::upper_bound(segments_.begin(), segments_.end(), segment, before), segment);
  if (FakeRecord* record = cache_.record(id_)) {
    record->bytes.resize(*size_);
    if (segment.range.length > 0) {
      std::memcpy(record->bytes.data() + segment.range.offset, bytes_.data() + segment.range.offset,
                  segment.range.length);
    }
    record->segments = segments_;
    record->info.bytes_held += segment.range.length;
  }
  if (on_segment) on_segment(segment);
}

void FakeWriter::close_stream(cache::StreamId id) {
  if (runs_.erase(id) == 1) return;
  must(streams_.count(id) == 1, "close an open stream");
  streams_.erase(id);
}

void FakeWriter::set_end(std::uint64_t size) {
  must(!size_, "set_end only with an unknown size");
  size_ = size;
  bytes_.resize(size);
  blocks_.resize(block_count(size));
  for (Block& block : blocks_) block.accepted = true;
  if (FakeRecord* record = cache_.record(id_)) record->info.size = size;
}

void FakeWriter::finish_content(bool want_sha256, UniqueFunction<void(Result<cache::ContentInfo>)> done) {
  must(streams_.empty() && runs_.empty() && missing().empty(), "finish only what is whole");
  finishing_ = true;
  want_sha256_ = want_sha256;
  done_ = std::move(done);
  runtime_.executor.post(alive_.guard([this] { try_finish(); }));
}

void FakeWriter::try_finish() {
  if (queued_ > 0 || !done_) return;
  if (cache_.finish_error) return std::exchange(done_, {})(tl::unexpected<Error>(*cache_.finish_error));
  for (Block& block : blocks_) block.durable = true;
  const auto alive = alive_.watch();
  commit_ready(last_.source, last_.fetched_for.empty() ? "nobody" : last_.fetched_for);
  if (alive.expired()) return;
  FakeRecord* const record = cache_.record(id_);
  must(record != nullptr, "the content is held while it is written");
  auto done = std::exchange(done_, {});
  if (cache_.last_steps == Duration{}) return done(complete(cache_, id_, want_sha256_));
  record->completing = true;
  runtime_.timers.after(cache_.last_steps, [&cache = cache_, id = id_, want_sha256 = want_sha256_, alive,
                                            done = std::move(done)]() mutable {
    if (cache.record(id) == nullptr) return;  // dropped
    const cache::ContentInfo info = complete(cache, id, want_sha256);
    if (!alive.expired()) done(info);
  });
}

cache::ContentInfo FakeWriter::complete(FakeCache& cache, const cache::ContentId& own, bool want_sha256) {
  FakeRecord* const record = cache.record(own);
  must(record != nullptr, "what is on its last steps stays until then");
  record->completing = false;
  record->info.state = cache::ContentState::complete;
  record->info.root = sha256(record->bytes);
  if (want_sha256) record->info.sha256 = record->info.root;
  cache::ContentInfo info = record->info;
  for (auto& [id, other] : cache.records) {
    if (id == own || !other.info.shareable || !info.shareable || other.info.root != info.root) continue;
    if (other.info.state != cache::ContentState::complete || other.info.offered != info.offered) continue;
    other.info.versions.push_back(record->info.versions.front());
    info = other.info;
    record->info.versions.clear();  // merged: found under the other's id only
    record->info.shareable = false;
    break;
  }
  return info;
}

}  // namespace larder::test
