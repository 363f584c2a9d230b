// Which connections of the pool may be used again after the addresses or routes of this machine have changed: none that
// is older than the change. A connection from an address that is gone receives nothing more, and reports no error.
// Pure.
#pragma once

#include <chrono>
#include <optional>

#include "base/runtime/clock.h"

namespace larder::origin {

struct PoolRule {
  bool fresh = false;       // no connection of the pool is used
  long longest_life_s = 0;  // older connections are closed; 0: no limit
  long name_memory_s = 60;  // older entries of the DNS cache are looked up anew
};

// libcurl counts whole seconds, rounded down: within 2 s of the change no connection is certainly younger than it.
[[nodiscard]] inline PoolRule pool_rule(std::optional<SteadyTime> changed_at, SteadyTime now) {
  if (!changed_at) return {};
  const auto since = std::chrono::floor<std::chrono::seconds>(now - *changed_at).count();
  if (since < 2) return {true, 0, 0};
  return {false, static_cast<long>(since) - 1, static_cast<long>(since < 60 ? since - 1 : 60)};
}

}  // namespace larder::origin
