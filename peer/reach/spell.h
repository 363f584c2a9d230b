// A time in which a sanction holds (a doubt, a shunning, a mark), and which ends by itself. A spell that begins within
// kMemory of the last one's end is twice as long as that, up to a longest. Plain value; `now` is an argument.
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

  // A spell that ends later than `longest` from now is not in force: the clock was set back.
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
