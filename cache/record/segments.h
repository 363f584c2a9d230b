// The geometry of segments (docs/design.md, Hashes and segments): the smallest power of two not below size/64, at least
// 2 MiB, at most 64 MiB. Pure.
#pragma once

#include <cstdint>

#include "base/hash/merkle.h"
#include "base/text/units.h"

namespace larder::cache {

inline constexpr std::uint64_t kMinSegment = 2 * kMiB;
inline constexpr std::uint64_t kMaxSegment = 64 * kMiB;

class SegmentLayout {
 public:
  explicit SegmentLayout(std::uint64_t content_size);
  [[nodiscard]] std::uint64_t content_size() const { return content_size_; }
  [[nodiscard]] std::uint64_t segment_size() const { return segment_size_; }
  [[nodiscard]] std::uint64_t segment_blocks() const { return segment_size_ / kBlockSize; }
  [[nodiscard]] std::uint64_t count() const;  // an empty content has one empty segment
  [[nodiscard]] ByteRange range(std::uint64_t index) const;
  [[nodiscard]] std::uint64_t index_at(std::uint64_t offset) const { return offset / segment_size_; }

 private:
  std::uint64_t content_size_;
  std::uint64_t segment_size_;
};

}  // namespace larder::cache
