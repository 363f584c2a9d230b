// Notices that this machine or this process stood still: a suspend, a stopped process, a paused virtual machine whose
// clock went on. To be asked about every second. Pure; loop thread.
#pragma once

#include <optional>

#include "base/runtime/clock.h"

namespace larder::peer {

class WakeWatch {
 public:
  static constexpr Duration kLookEvery = std::chrono::seconds(1);
  static constexpr Duration kSuspended = std::chrono::milliseconds(500);  // more than two clock reads can differ
  static constexpr Duration kStood = std::chrono::seconds(5);             // longer than a busy loop's delay

  // Returns whether the machine or process stood still since the last call. `suspended`: time_suspended().
  bool notice_wake(SteadyTime now, Duration suspended) {
    const bool woke = seen_ && (suspended - suspended_ > kSuspended || now - *seen_ > kStood);
    seen_ = now;
    suspended_ = suspended;
    return woke;
  }

 private:
  std::optional<SteadyTime> seen_;
  Duration suspended_{};
};

}  // namespace larder::peer
