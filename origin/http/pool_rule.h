// Which connections of the pool may be used again after the addresses or routes of this machine have changed: none that
// is older than the change. One that comes from an address which is gone hears nothing any more, and nobody says so.
// Pure.
#pragma once

#include <chrono>
#include <optional>

#include "base/runtime/clock.h"

namespace larder::origin {

struct PoolRule {
  bool fresh = false;       // none of them at all
  long longest_life_s = 0;  // older ones are closed; 0: no limit
  long name_memory_s = 60;  // names that were looked up longer ago are looked up anew
};

// libcurl counts whole seconds, and rounds them down.
[[nodiscard]] inline PoolRule pool_rule(std::optional<SteadyTime> changed_at, SteadyTime now) {
  if (!changed_at) return {};
  const auto since = std::chrono::floor<std::chrono::seconds>(now - *changed_at).count();
  if (since < 2) return {true, 0, 0};
  return {false, static_cast<long>(since) - 1, static_cast<long>(since < 60 ? since - 1 : 60)};
}

}  // namespace larder::origin
