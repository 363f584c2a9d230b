#include "base/runtime/slow_calls.h"

#include <atomic>
#include <system_error>
#include <thread>
#include <utility>

namespace larder {
namespace {

// Constant initialisation and no destructor: a thread that was left behind may come back while the process ends.
constinit std::atomic<std::size_t> all_in_flight{0};

// Takes one of the process' places; false: all are taken.
bool take_place() {
  std::size_t now = all_in_flight.load();
  do {
    if (now >= SlowCalls::kMostOfAll) return false;
  } while (!all_in_flight.compare_exchange_weak(now, now + 1));
  return true;
}

}  // namespace

bool SlowCalls::start(UniqueFunction<Task()> call) {
  if (in_flight() >= most_ || !take_place()) return false;
  try {
    std::thread([hold = calls_.begin(), call = std::move(call)]() mutable {
      Task tell = call();
      call = nullptr;  // what it holds is let go of before the place is free
      hold.release();
      --all_in_flight;
      if (tell) tell();
    }).detach();
  } catch (const std::system_error&) {
    --all_in_flight;
    return false;
  }
  return true;
}

}  // namespace larder
