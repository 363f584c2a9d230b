#include "cache/record/retention.h"

#include <iterator>

namespace larder::cache {

bool keeps_unheld(ContentState state, bool shareable, bool bounded) {
  return state == ContentState::complete && shareable && bounded;
}

std::vector<EvictionCandidate> choose_victims(std::vector<EvictionCandidate> oldest_first, std::uint64_t needed) {
  std::uint64_t freed = 0;
  std::vector<EvictionCandidate> chosen;
  for (EvictionCandidate& candidate : oldest_first) {
    if (freed >= needed) break;
    if (candidate.bytes == 0) continue;  // frees nothing
    freed += candidate.bytes;
    chosen.push_back(std::move(candidate));
  }
  // Spares contents from the most recently used end: the last one chosen is always needed, small ones before it may not
  // be.
  for (auto at = chosen.end(); at != chosen.begin();) {
    --at;
    if (freed < needed || freed - at->bytes < needed) continue;
    freed -= at->bytes;
    at = chosen.erase(at);
  }
  return chosen;
}

WallTime age_limit(WallTime now, Duration max_age) {
  if (now.time_since_epoch() < max_age) return WallTime{};
  return now - max_age;
}

}  // namespace larder::cache
