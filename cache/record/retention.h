// Which contents stay and which go. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "base/runtime/clock.h"
#include "cache/record/record.h"

namespace larder::cache {

// Whether a content may stay once nobody refers to it: only whole, shareable ones that the cache has room for.
[[nodiscard]] bool keeps_unheld(ContentState state, bool shareable, bool bounded);

struct EvictionCandidate {
  ContentId id;
  std::uint64_t bytes = 0;
};

// Which of `oldest_first` to evict to free `needed` bytes: the least recently used ones, but none that turns out not to
// be needed once a larger one goes as well. All of them when they do not suffice.
[[nodiscard]] std::vector<EvictionCandidate> choose_victims(std::vector<EvictionCandidate> oldest_first,
                                                            std::uint64_t needed);

// The last use before which a record is too old at `now`.
[[nodiscard]] WallTime age_limit(WallTime now, Duration max_age);

}  // namespace larder::cache
