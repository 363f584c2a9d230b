// Fill: bytes and blocks on their way from the streams to the writer, and back-pressure to the sources.
#include <algorithm>
#include <utility>

#include "agent/transfer/fill/fill.h"
#include "base/hash/merkle.h"

namespace larder::agent {

void Fill::on_stream_data(std::uint64_t id, Buffer bytes) {
  Stream* stream = find_stream(id);
  if (stopped_ || stream == nullptr || bytes.empty()) return;
  const auto self = shared_from_this();
  const std::uint64_t end = bound_ && size_ ? std::min(stream->window.end(), *size_) : stream->window.end();
  const std::uint64_t room = end - std::min(end, stream->position);
  if (bytes.size() > room) {
    events_.on_fill_wasted(stream->cut ? bytes.size() - room : bytes.size());
    if (!stream->cut) {
      return break_fill(Error{ErrorCode::bad_response, options_.doing, "more bytes came than the content has"});
    }
    bytes = copy_of(bytes.bytes().first(static_cast<std::size_t>(room)));
  }
  const std::size_t size = bytes.size();
  const std::uint64_t from = stream->position;
  received_ += size;
  since_break_ += size;
  stream->position += size;
  stream->begun = true;
  note_progress(size);
  if (!writer_) {
    stream->unconsumed += size;
    stream->waiting.push_back(std::move(bytes));
  } else {
    if (const Status status = write(*stream, std::move(bytes)); !status) return break_fill(status.error());
    note_blocks(from, stream->position);
    report_filled_segment(*stream, from);
    stream->unconsumed += size;
    if (!writer_behind()) {
      sources_[stream->source].source->consumed(stream->source_stream, std::exchange(stream->unconsumed, 0));
    }
    end_covered(id);
  }
  if (!stopped_) events_.on_fill_received();
}

void Fill::note_progress(std::uint64_t bytes) {
  since_fruitless_ += bytes;
  if (since_fruitless_ >= kResumeProgress) fruitless_ = 0;
}

// Notes the blocks that a stream of bytes completed by going on from `from` to `to`. Those that another stream
// delivered before are wasted.
void Fill::note_blocks(std::uint64_t from, std::uint64_t to) {
  if (!size_) return;
  const cache::Interval blocks{from / kBlockSize, to == *size_ ? block_count(to) : to / kBlockSize};
  if (blocks.begin >= blocks.end) return;
  const std::uint64_t twice = bytes_of(blocks).length - fresh_bytes(blocks);
  present_.add(blocks);
  if (twice == 0) return;
  received_ -= twice;
  events_.on_fill_wasted(twice);
}

ByteRange Fill::bytes_of(cache::Interval blocks) const {
  const std::uint64_t begin = blocks.begin * kBlockSize;
  return {begin, std::min(blocks.end * kBlockSize, *size_) - begin};
}

std::uint64_t Fill::fresh_bytes(cache::Interval blocks) const {
  std::uint64_t bytes = 0;
  for (const cache::Interval gap : present_.gaps(blocks)) bytes += bytes_of(gap).length;
  return bytes;
}

std::vector<cache::Interval> Fill::gaps_of(ByteRange window) const {
  return present_.gaps({window.offset / kBlockSize, block_count(window.end())});
}

std::uint64_t Fill::uncommitted_of_peers() const {
  const std::uint64_t bytes = received_of_peers_ - std::min(received_of_peers_, committed_of_peers_);
  return std::min(bytes, uncommitted());
}

// Writes bytes on the account of the present owner. A change of owner takes effect at the next block, where a writer's
// stream can begin: bytes before it belong to the stream that began the block.
Status Fill::write(Stream& stream, Buffer bytes) {
  if (stream.account == events_.account()) return append(stream, std::move(bytes));
  const std::uint64_t to_block = (kBlockSize - stream.written % kBlockSize) % kBlockSize;
  if (to_block >= bytes.size() && to_block != 0) return append(stream, std::move(bytes));
  if (to_block > 0) {
    if (Status status = append(stream, copy_of(bytes.bytes().first(static_cast<std::size_t>(to_block)))); !status) {
      return status;
    }
    bytes = copy_of(bytes.bytes().subspan(static_cast<std::size_t>(to_block)));
  }
  writer_->close_stream(*stream.writing);
  open_writing(stream);
  return append(stream, std::move(bytes));
}

Status Fill::append(Stream& stream, Buffer bytes) {
  const std::size_t size = bytes.size();
  Status status = writer_->append(*stream.writing, std::move(bytes));
  if (status) stream.written += size;
  return status;
}

bool Fill::well_formed(const Stream& stream, ByteRange blocks, std::size_t leaves) const {
  const bool inside = blocks.offset >= stream.window.offset && blocks.offset < stream.window.end() &&
                      blocks.length <= stream.window.end() - blocks.offset && blocks.length > 0;
  const bool whole =
      inside && blocks.offset % kBlockSize == 0 && (blocks.length % kBlockSize == 0 || blocks.end() == *size_);
  return stream.blocks && whole && leaves == block_count(blocks.length);
}

void Fill::on_stream_blocks(std::uint64_t id, std::uint64_t offset, Buffer bytes, std::vector<Digest> leaves) {
  Stream* stream = find_stream(id);
  if (stopped_ || stream == nullptr) return;
  const auto self = shared_from_this();
  const std::size_t size = bytes.size();
  if (!well_formed(*stream, {offset, size}, leaves.size())) {
    events_.on_fill_wasted(size);
    sources_[stream->source].source->cancel_stream(stream->source_stream);
    return on_stream_broken(id, Error{ErrorCode::bad_response, options_.doing, "blocks came that were not asked for"});
  }
  stream->begun = true;
  stream->brought += size;
  pace_.on_received(id, size, runtime_.clock.now());
  const cache::Interval blocks{offset / kBlockSize, block_count(offset + size)};
  const std::uint64_t fresh = fresh_bytes(blocks);
  received_ += fresh;
  received_of_peers_ += fresh;
  since_break_ += fresh;
  note_progress(fresh);
  if (fresh < size) events_.on_fill_wasted(size - fresh);
  if (const Status status = append_blocks(*stream, offset, std::move(bytes), std::move(leaves)); !status) {
    return break_fill(status.error());
  }
  end_covered(id);
  if (!stopped_) events_.on_fill_received();
}

// Skips blocks that another stream delivered before. These may not be in the file yet.
Status Fill::append_blocks(Stream& stream, std::uint64_t offset, Buffer bytes, std::vector<Digest> leaves) {
  if (stream.account != events_.account()) {
    writer_->close_stream(*stream.writing);
    open_writing(stream);
  }
  const cache::Interval blocks{offset / kBlockSize, block_count(offset + bytes.size())};
  const std::vector<cache::Interval> fresh = present_.gaps(blocks);
  present_.add(blocks);
  if (fresh.size() == 1 && fresh.front() == blocks) {
    return writer_->append_blocks(*stream.writing, offset, std::move(bytes), std::move(leaves));
  }
  std::uint64_t at = blocks.begin;
  const auto came_before = [&](std::uint64_t end) {
    if (at < end) stream.extra_blocks.push_back(bytes_of({at, end}));
  };
  for (const cache::Interval part : fresh) {
    came_before(part.begin);
    at = part.end;
    const ByteRange range = bytes_of(part);
    const auto first = leaves.begin() + static_cast<std::ptrdiff_t>(part.begin - blocks.begin);
    Status status = writer_->append_blocks(
        *stream.writing, range.offset, copy_of(bytes.bytes().subspan(range.offset - offset, range.length)),
        std::vector<Digest>(first, first + static_cast<std::ptrdiff_t>(part.end - part.begin)));
    if (!status) return status;
  }
  came_before(blocks.end);
  report_blocks(stream);
  return {};
}

void Fill::on_blocks_written(ByteRange range) {
  if (stopped_) return;
  const auto self = shared_from_this();
  for (auto& [id, stream] : streams_) {
    if (!stream.blocks || range.offset < stream.window.offset || range.end() > stream.window.end()) continue;
    stream.taken_blocks.push_back(range);
    return report_blocks(stream);
  }
  // The stream has ended with its last block, as a rule before that block was written. Only peers deliver blocks.
  for (const SourceSlot& slot : sources_) {
    if (slot.source->kind() == SourceKind::peer) slot.source->consumed_blocks(0, range);
  }
}

void Fill::report_blocks(Stream& stream) {
  if (writer_->queued() == 0) {  // whichever stream delivered them, they are in the file
    for (const ByteRange& range : std::exchange(stream.extra_blocks, {})) stream.taken_blocks.push_back(range);
  }
  if (writer_behind()) return;
  Source& source = *sources_[stream.source].source;
  for (const ByteRange& range : std::exchange(stream.taken_blocks, {}))
    source.consumed_blocks(stream.source_stream, range);
}

// Ends the streams whose window is complete by the progress of `bringer`. `bringer` itself is ended only where its
// source would go on; otherwise the source reports the end.
void Fill::end_covered(std::uint64_t bringer) {
  // Reporting consumption may have ended `bringer` already.
  const Stream* own = find_stream(bringer);
  if (!size_ || stopped_ || (streams_.size() < 2 && (own == nullptr || !own->cut))) return;
  std::vector<std::uint64_t> covered;
  for (const auto& [id, stream] : streams_) {
    const bool brought_all = stream.blocks && stream.brought >= stream.window.length;  // at its rate it ends later
    const bool ends_itself = brought_all || (id == bringer && !(stream.cut && stream.position >= stream.window.end()));
    if (stream.writing && !stream.end && !ends_itself && gaps_of(stream.window).empty()) covered.push_back(id);
  }
  for (const std::uint64_t id : covered) give_up_stream(id);
  if (!covered.empty()) pump();
}

// Writes the bytes that waited for the writer. Returns false if the fill has ended on the way.
bool Fill::flush_stream(std::uint64_t id) {
  Stream& stream = *find_stream(id);
  if (size_) stream.window.length = *size_;
  const bool too_long = stream.position > stream.window.end();
  if (too_long) {
    break_fill(Error{ErrorCode::bad_response, options_.doing, "more bytes came than the content has"});
    return false;
  }
  if (size_ == 0U) {  // nothing to write, nothing to wait for
    sources_[stream.source].source->cancel_stream(stream.source_stream);
    streams_.clear();
    return true;
  }
  open_writing(stream);
  while (!stream.waiting.empty()) {
    Buffer bytes = std::move(stream.waiting.front());
    stream.waiting.pop_front();
    const std::uint64_t from = stream.written;
    if (const Status status = append(stream, std::move(bytes)); !status) {
      break_fill(status.error());
      return false;
    }
    note_blocks(from, stream.written);
  }
  if (stream.end) {
    end_stream(id, *std::exchange(stream.end, std::nullopt));
    return !stopped_;
  }
  if (!writer_behind() && stream.unconsumed > 0) {
    sources_[stream.source].source->consumed(stream.source_stream, std::exchange(stream.unconsumed, 0));
  }
  return true;
}

void Fill::on_drained() {
  if (stopped_) return;
  const auto self = shared_from_this();
  std::vector<std::uint64_t> ids;
  for (const auto& [id, stream] : streams_) ids.push_back(id);
  for (const std::uint64_t id : ids) {
    Stream* stream = find_stream(id);  // consumption reported to a source may end another stream
    if (stopped_ || stream == nullptr) continue;
    if (stream->blocks) {
      report_blocks(*stream);
    } else if (stream->unconsumed > 0) {
      sources_[stream->source].source->consumed(stream->source_stream, std::exchange(stream->unconsumed, 0));
    }
  }
}

void Fill::on_stream_wasted(std::uint64_t bytes) {
  if (!stopped_) events_.on_fill_wasted(bytes);
}

}  // namespace larder::agent
