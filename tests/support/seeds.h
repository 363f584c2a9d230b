// Which seeds a randomised test runs. The environment decides: LARDER_SEED is the first (a failure names its seed, and
// repeats exactly with it), LARDER_SEEDS how many (1 where only LARDER_SEED is given).
#pragma once

#include <cstdint>
#include <cstdlib>

namespace larder::test {

struct Seeds {
  std::uint64_t first;
  std::uint64_t count;
};

inline Seeds seeds_to_run(Seeds ordinary) {
  const char* const first = std::getenv("LARDER_SEED");
  const char* const count = std::getenv("LARDER_SEEDS");
  if (first) ordinary = {std::strtoull(first, nullptr, 10), 1};
  if (count) ordinary.count = std::strtoull(count, nullptr, 10);
  return ordinary;
}

}  // namespace larder::test
