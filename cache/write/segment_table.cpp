#include "cache/write/segment_table.h"

#include <algorithm>

#include "base/hash/merkle.h"

namespace larder::cache {
namespace {

constexpr std::uint64_t kUnitBlocks = kMinSegment / kBlockSize;

}  // namespace

SegmentTable::SegmentTable(std::optional<std::uint64_t> size, const std::vector<std::uint64_t>& committed)
    : size_(size), unit_blocks_(size ? SegmentLayout(*size).segment_blocks() : kUnitBlocks) {
  for (const std::uint64_t index : committed) {
    const std::uint64_t first = index * unit_blocks_;
    taken_.add({first, std::min(first + unit_blocks_, blocks())});
  }
}

std::uint64_t SegmentTable::blocks() const {
  return size_ ? block_count(*size_) : UINT64_MAX;
}

std::uint64_t SegmentTable::blocks_in(std::uint64_t index) const {
  return std::min(unit_blocks_, blocks() - index * unit_blocks_);
}

SegmentTable::Open& SegmentTable::open_segment(std::uint64_t index) {
  Open& segment = open_[index];
  if (!segment.leaves) {
    segment.blocks = blocks_in(index);
    segment.leaves = std::make_shared<Leaves>(segment.blocks);
  }
  return segment;
}

std::vector<Interval> SegmentTable::take_blocks(Interval blocks, Source source, const std::string& fetched_for) {
  std::vector<Interval> result;
  for (Interval gap : taken_.gaps(blocks)) {
    while (gap.begin < gap.end) {
      const std::uint64_t index = gap.begin / unit_blocks_;
      const Interval part{gap.begin, std::min(gap.end, (index + 1) * unit_blocks_)};
      Open& segment = open_segment(index);
      segment.taken += part.end - part.begin;
      if (!size_ || segment.taken == segment.blocks) {
        segment.source = source;
        segment.fetched_for = fetched_for;
      }
      if (size_ && segment.taken == segment.blocks) ++filling_;
      taken_.add(part);
      result.push_back(part);
      gap.begin = part.end;
    }
  }
  return result;
}

void SegmentTable::note_from_peer(BlockIndex block, std::uint64_t bytes, const std::vector<std::byte>& attestation) {
  Open& segment = open_.at(block.value() / unit_blocks_);
  segment.peer_bytes += bytes;
  if (!attestation.empty()) segment.attestation = attestation;
}

void SegmentTable::note_from_origin(std::uint64_t block, Transport transport) {
  Open& segment = open_.at(block / unit_blocks_);
  segment.transport = std::min(segment.transport.value_or(transport), transport);
}

SegmentTable::LeafPlace SegmentTable::leaf_place(std::uint64_t block) const {
  return {open_.at(block / unit_blocks_).leaves, block % unit_blocks_};
}

ContentWriter::Unfinished SegmentTable::unfinished() const {
  ContentWriter::Unfinished sum;
  if (!size_) return sum;
  const Interval last{blocks() - 1, blocks()};
  for (const auto& [index, segment] : open_) {
    sum.bytes += segment.taken * kBlockSize;
    sum.of_peers += segment.peer_bytes;
    const bool has_last = last.begin / unit_blocks_ == index && taken_.gaps(last).empty();
    if (has_last) sum.bytes -= block_count(*size_) * kBlockSize - *size_;
  }
  return sum;
}

std::optional<WholeSegment> SegmentTable::wrote(Interval blocks) {
  const std::uint64_t index = blocks.begin / unit_blocks_;
  const auto found = open_.find(index);
  if (found == open_.end()) return std::nullopt;
  Open& segment = found->second;
  segment.written += blocks.end - blocks.begin;
  if (!size_ || segment.written < segment.blocks) return std::nullopt;
  WholeSegment whole{index,
                     std::move(segment.leaves),
                     segment.source,
                     std::move(segment.fetched_for),
                     segment.peer_bytes,
                     std::move(segment.attestation),
                     segment.transport.value_or(Transport::unknown)};
  open_.erase(found);
  --filling_;
  return whole;
}

std::optional<std::vector<WholeSegment>> SegmentTable::set_size(std::uint64_t size) {
  const SegmentLayout layout(size);
  const std::uint64_t total = block_count(size);
  std::uint64_t written = 0;
  for (const auto& [index, unit] : open_) written += unit.written;
  if (size_ || !taken_.gaps({0, total}).empty() || written != total) return std::nullopt;
  std::vector<WholeSegment> segments;
  for (std::uint64_t i = 0; i < layout.count(); ++i) {
    WholeSegment segment{i, std::make_shared<Leaves>(), Source::origin, {}};
    std::optional<Transport> transport;
    const std::uint64_t end = std::min((i + 1) * layout.segment_blocks(), total);
    for (std::uint64_t at = i * layout.segment_blocks(); at < end; at += kUnitBlocks) {
      const Open& unit = open_.at(at / kUnitBlocks);
      const auto count = static_cast<std::ptrdiff_t>(std::min(kUnitBlocks, end - at));
      segment.leaves->insert(segment.leaves->end(), unit.leaves->begin(), unit.leaves->begin() + count);
      segment.source = unit.source;
      segment.fetched_for = unit.fetched_for;
      segment.peer_bytes += unit.peer_bytes;
      if (unit.transport) transport = std::min(transport.value_or(*unit.transport), *unit.transport);
    }
    segment.transport = transport.value_or(Transport::unknown);
    segments.push_back(std::move(segment));
  }
  size_ = size;
  unit_blocks_ = layout.segment_blocks();
  open_.clear();
  return segments;
}

}  // namespace larder::cache
