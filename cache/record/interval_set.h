// A set of numbers kept as disjoint half-open intervals, for the taken blocks of a content. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

namespace larder::cache {

struct Interval {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  friend bool operator==(const Interval&, const Interval&) = default;
};

class IntervalSet {
 public:
  void add(Interval interval);
  void remove(Interval interval);
  [[nodiscard]] bool contains(std::uint64_t number) const;
  // Returns the parts of `within` that are not in the set, ascending.
  [[nodiscard]] std::vector<Interval> gaps(Interval within) const;
  [[nodiscard]] const std::map<std::uint64_t, std::uint64_t>& intervals() const { return intervals_; }

 private:
  std::map<std::uint64_t, std::uint64_t> intervals_;  // begin -> end; never touching or overlapping
};

}  // namespace larder::cache
