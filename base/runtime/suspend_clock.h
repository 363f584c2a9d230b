// How long this machine has been suspended since it was started (CLOCK_BOOTTIME less CLOCK_MONOTONIC,
// clock_gettime(2)). The steady clock stands still meanwhile, so a difference between two looks is the only trace. Any
// thread.
#pragma once

#include "base/runtime/clock.h"

namespace larder {

[[nodiscard]] Duration time_suspended();

}  // namespace larder
