// Which contents are kept and which are evicted. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "base/runtime/clock.h"
#include "cache/record/record.h"

namespace larder::cache {

// Returns whether a content may stay without a reference: only if complete, shareable and bounded by the cache.
[[nodiscard]] bool keeps_unheld(ContentState state, bool shareable, bool bounded);

struct EvictionCandidate {
  ContentId id;
  std::uint64_t bytes = 0;
};

// Returns the contents of `oldest_first` to evict to free `needed` bytes: the least recently used, without those that
// are not needed because a larger one goes as well. All of them if they do not suffice.
[[nodiscard]] std::vector<EvictionCandidate> choose_victims(std::vector<EvictionCandidate> oldest_first,
                                                            std::uint64_t needed);

// Returns the time of last use before which a record is too old at `now`.
[[nodiscard]] WallTime age_limit(WallTime now, Duration max_age);

}  // namespace larder::cache
