// What the cache says of itself: for metrics, `larder cache` and the rules of space.
#pragma once

#include <cstdint>

namespace larder::cache {

struct CacheFigures {
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;      // committed bytes of contents, partial ones included
  std::uint64_t max_size = 0;   // in force
  std::uint64_t keep_free = 0;  // in force
  std::uint64_t available = 0;  // of the file system
  std::uint64_t evicted = 0;    // records since start
  std::uint64_t dropped_damaged = 0;
};

}  // namespace larder::cache
