// The part of a writer for blocks from peers: in any order, with leaves that are known already.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/hash/merkle.h"
#include "cache/write/writer.h"

namespace larder::cache {

std::optional<Error> WriterCore::refusal_of(const BlockSpan& span) const {
  const std::string doing = "write blocks of content " + id_;
  if (!size_) return Error{ErrorCode::invalid_state, doing, "its size is not known"};
  if (span.attestation.size() > ContentWriter::kMaxAttestation) {
    return Error{ErrorCode::invalid_argument, doing,
                 fmt::format("an attestation of {} bytes is too long", span.attestation.size())};
  }
  const ByteRange range = span.range;
  const bool inside = range.length > 0 && range.offset < *size_ && range.length <= *size_ - range.offset;
  const bool aligned = range.offset % kBlockSize == 0 && (range.end() % kBlockSize == 0 || range.end() == *size_);
  const SegmentLayout layout(*size_);
  if (inside && aligned && layout.index_at(range.offset) == layout.index_at(range.end() - 1)) return std::nullopt;
  return Error{ErrorCode::invalid_argument, doing,
               fmt::format("{} bytes at {} are not blocks of one segment", range.length, range.offset)};
}

StreamId WriterCore::open_blocks(BlockSpan span) {
  const StreamId stream = ++last_stream_;
  OpenSpan& opened = spans_[stream];
  opened.refused = refusal_of(span);
  if (!opened.refused) opened.blocks = {span.range.offset / kBlockSize, block_count(span.range.end())};
  opened.what = std::move(span);
  return stream;
}

Status WriterCore::check_blocks(const OpenSpan& span, ByteRange bytes, std::size_t leaves) const {
  const auto [offset, size] = bytes;
  const std::string doing = "write blocks of content " + id_;
  const ByteRange range = span.what.range;
  const auto refuse = [&](ErrorCode code, std::string_view why) {
    return larder::fail(code, doing, fmt::format("{} bytes at {} {}", size, offset, why));
  };
  if (offset < range.offset || offset >= range.end()) return refuse(ErrorCode::invalid_argument, "are not of the run");
  if (size > range.end() - offset) return refuse(ErrorCode::too_large, "go beyond the run's end");
  const bool whole = size > 0 && (size % kBlockSize == 0 || offset + size == *size_);
  if (offset % kBlockSize != 0 || !whole) return refuse(ErrorCode::invalid_argument, "are not whole blocks");
  if (leaves != block_count(size)) return refuse(ErrorCode::invalid_argument, "do not have a leaf for each block");
  const Interval blocks{offset / kBlockSize, block_count(offset + size)};
  if (span.appended.gaps(blocks) != std::vector{blocks}) return refuse(ErrorCode::invalid_argument, "came before");
  return {};
}

Status WriterCore::append_blocks(StreamId id, std::uint64_t offset, Buffer bytes, std::vector<Digest> leaves) {
  if (failed_) return tl::unexpected(*failed_);
  const std::string doing = "write blocks of content " + id_;
  if (host() == nullptr) return larder::fail(ErrorCode::cancelled, doing, "the cache is closing");
  const auto found = spans_.find(id);
  if (found == spans_.end() || finish_ || finished_)
    return larder::fail(ErrorCode::invalid_state, doing, "the stream is closed");
  OpenSpan& span = found->second;
  if (span.refused) return tl::unexpected(*span.refused);
  if (Status good = check_blocks(span, {offset, bytes.size()}, leaves.size()); !good) return good;
  gather(span, offset, std::move(bytes), leaves);
  if (queued_ >= ContentWriter::kHighWater || behind()) was_high_ = true;
  if (span.gathered && (span.gathered->bytes >= kJobBytes || jobs_.count() == 0)) submit_span(span);
  return {};
}

// Takes the blocks that no other stream took. Their leaves are set here: no disk job writes them.
void WriterCore::gather(OpenSpan& span, std::uint64_t offset, Buffer bytes, const std::vector<Digest>& leaves) {
  const Interval blocks{offset / kBlockSize, block_count(offset + bytes.size())};
  const std::uint64_t bytes_end = offset + bytes.size();
  span.appended.add(blocks);
  const auto parts = table_.take_blocks(blocks, Source::peer, span.what.fetched_for);
  if (parts.empty()) return;
  if (!span.gathered) {
    span.gathered = std::make_shared<WriteJob>();
    span.gathered->hashed = span.gathered->of_peers = true;
  }
  WriteJob& job = *span.gathered;
  for (const Interval part : parts) {
    const std::uint64_t begin = part.begin * kBlockSize;
    const std::uint64_t end = std::min(bytes_end, part.end * kBlockSize);
    WritePart piece{begin, bytes.bytes().subspan(begin - offset, end - begin), part, table_.leaf_place(part.begin)};
    std::copy_n(leaves.begin() + static_cast<std::ptrdiff_t>(part.begin - blocks.begin), part.end - part.begin,
                piece.place.leaves->begin() + static_cast<std::ptrdiff_t>(piece.place.first));
    table_.note_from_peer(BlockIndex(part.begin), end - begin, span.what.attestation);
    job.parts.push_back(std::move(piece));
    job.bytes += end - begin;
    queued_ += end - begin;
  }
  job.buffers.push_back(std::move(bytes));
}

void WriterCore::submit_span(OpenSpan& span) {
  if (host() == nullptr || !span.gathered) return;
  auto job = std::exchange(span.gathered, nullptr);
  job->ordered = ordered_.expect(*job);
  submit(std::move(job));
}

void WriterCore::tell_blocks_written(const WriteJob& job) {
  std::vector<ByteRange> ranges;
  for (const WritePart& part : job.parts) {
    if (!ranges.empty() && ranges.back().end() == part.offset) {
      ranges.back().length += part.bytes.size();
    } else {
      ranges.push_back({part.offset, part.bytes.size()});
    }
  }
  for (const ByteRange range : ranges) {
    if (handle_ == nullptr || failed_) return;
    const auto written = handle_->on_blocks_written;  // a copy: the callback may destroy the handle
    if (written) written(range);
  }
}

void WriterCore::close_span(StreamId id) {
  const auto found = spans_.find(id);
  if (found == spans_.end()) return;
  OpenSpan span = std::move(found->second);
  spans_.erase(found);
  submit_span(span);
}

}  // namespace larder::cache
