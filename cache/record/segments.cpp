#include "cache/record/segments.h"

#include <algorithm>
#include <bit>

namespace larder::cache {
namespace {

constexpr std::uint64_t kTargetSegments = 64;

std::uint64_t segment_size_of(std::uint64_t content_size) {
  // The comparison comes before the rounding: bit_ceil is undefined above 2^63.
  const std::uint64_t wanted = content_size / kTargetSegments + (content_size % kTargetSegments == 0 ? 0 : 1);
  if (wanted >= kMaxSegment) return kMaxSegment;
  return std::max(kMinSegment, std::bit_ceil(wanted));
}

}  // namespace

SegmentLayout::SegmentLayout(std::uint64_t content_size)
    : content_size_(content_size), segment_size_(segment_size_of(content_size)) {}

std::uint64_t SegmentLayout::count() const {
  if (content_size_ == 0) return 1;
  return content_size_ / segment_size_ + (content_size_ % segment_size_ == 0 ? 0 : 1);
}

ByteRange SegmentLayout::range(std::uint64_t index) const {
  const std::uint64_t offset = index * segment_size_;
  if (offset >= content_size_) return {content_size_, 0};
  return {offset, std::min(segment_size_, content_size_ - offset)};
}

}  // namespace larder::cache
