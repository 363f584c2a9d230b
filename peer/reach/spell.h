// A time during which something holds against somebody, and ends by itself. Whoever comes to it again within kMemory of
// its end has it twice as long as before, up to a longest. Plain value; `now` is an argument.
#pragma once

#include <algorithm>

#include "base/runtime/clock.h"

namespace larder::peer {

struct Spell {
  static constexpr Duration kMemory = std::chrono::hours(24 * 7);

  WallTime since{};
  WallTime until{};
  unsigned times = 0;
  friend bool operator==(const Spell&, const Spell&) = default;

  // No spell is longer than `longest` from now: a clock that was set back must not make it so.
  [[nodiscard]] bool in_force(WallTime now, Duration longest) const { return now < until && until - now <= longest; }
  [[nodiscard]] bool remembered(WallTime now, Duration longest) const {
    return times > 0 && until - now <= longest && now - until < kMemory;
  }
  void begin(WallTime now, Duration first, Duration longest) {
    times = remembered(now, longest) ? std::min(times + 1, 32U) : 1;
    Duration length = first;
    for (unsigned i = 1; i < times && length < longest; ++i) length *= 2;
    since = now;
    until = now + std::min(length, longest);
  }
};

}  // namespace larder::peer
