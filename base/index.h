// Numbers that name one of a row of things. Where such a number stands beside another one (a count of bytes, a count of
// members), its own type keeps a caller from exchanging the two. Members and arithmetic use plain numbers (value()).
#pragma once

#include <compare>
#include <cstdint>

namespace larder {

template <class Thing>
class Index {
 public:
  explicit constexpr Index(std::uint64_t value) : value_(value) {}
  [[nodiscard]] constexpr std::uint64_t value() const { return value_; }
  friend constexpr auto operator<=>(Index, Index) = default;

 private:
  std::uint64_t value_;
};

using SegmentIndex = Index<struct SegmentOfContent>;  // from 0, in the content's own layout of segments
using BlockIndex = Index<struct BlockOfContent>;      // from 0, in units of kBlockSize

}  // namespace larder
