#include "base/runtime/suspend_clock.h"

#include <ctime>

namespace larder {
namespace {

Duration read(clockid_t clock) {
  timespec time{};
  if (clock_gettime(clock, &time) != 0) return {};
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

}  // namespace

Duration time_suspended() {
  // In this order: time between the two reads makes the difference smaller, and never looks like a suspend.
  const Duration with_suspend = read(CLOCK_BOOTTIME);
  return with_suspend - read(CLOCK_MONOTONIC);
}

}  // namespace larder
