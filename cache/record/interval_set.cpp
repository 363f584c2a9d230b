#include "cache/record/interval_set.h"

#include <algorithm>
#include <iterator>

namespace larder::cache {

void IntervalSet::add(Interval interval) {
  if (interval.begin >= interval.end) return;
  auto at = intervals_.upper_bound(interval.begin);
  if (at != intervals_.begin() && std::prev(at)->second >= interval.begin) --at;
  while (at != intervals_.end() && at->first <= interval.end) {
    interval.begin = std::min(interval.begin, at->first);
    interval.end = std::max(interval.end, at->second);
    at = intervals_.erase(at);
  }
  intervals_.emplace(interval.begin, interval.end);
}

void IntervalSet::remove(Interval interval) {
  if (interval.begin >= interval.end) return;
  auto at = intervals_.upper_bound(interval.begin);
  if (at != intervals_.begin() && std::prev(at)->second > interval.begin) --at;
  while (at != intervals_.end() && at->first < interval.end) {
    const Interval old{at->first, at->second};
    at = intervals_.erase(at);
    if (old.begin < interval.begin) intervals_.emplace(old.begin, interval.begin);
    if (old.end > interval.end) intervals_.emplace(interval.end, old.end);
  }
}

bool IntervalSet::contains(std::uint64_t number) const {
  const auto after = intervals_.upper_bound(number);
  return after != intervals_.begin() && std::prev(after)->second > number;
}

std::vector<Interval> IntervalSet::gaps(Interval within) const {
  std::vector<Interval> result;
  std::uint64_t at = within.begin;
  auto next = intervals_.upper_bound(at);
  if (next != intervals_.begin() && std::prev(next)->second > at) at = std::prev(next)->second;
  for (; at < within.end && next != intervals_.end() && next->first < within.end; ++next) {
    if (at < next->first) result.push_back({at, next->first});
    at = next->second;
  }
  if (at < within.end) result.push_back({at, within.end});
  return result;
}

}  // namespace larder::cache
