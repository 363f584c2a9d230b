// Total time that this machine has been suspended since boot (CLOCK_BOOTTIME less CLOCK_MONOTONIC, clock_gettime(2)).
// The steady clock stands still during a suspend, so only a difference between two calls shows it. Any thread.
#pragma once

#include "base/runtime/clock.h"

namespace larder {

[[nodiscard]] Duration time_suspended();

}  // namespace larder
