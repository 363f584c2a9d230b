#include "base/runtime/slow_calls.h"

#include <atomic>
#include <system_error>
#include <thread>
#include <utility>

namespace larder {
namespace {

// Constant initialisation and no destructor: a thread that was left behind may come back while the process ends.
constinit std::atomic<std::size_t> all_in_flight{0};

// Takes one of `most` places; false: all are taken.
bool take_place(std::atomic<std::size_t>& taken, std::size_t most) {
  std::size_t now = taken.load();
  do {
    if (now >= most) return false;
  } while (!taken.compare_exchange_weak(now, now + 1));
  return true;
}

}  // namespace

struct SlowCalls::Count {
  std::atomic<std::size_t> in_flight{0};
  void leave() {
    --in_flight;
    --all_in_flight;
  }
};

SlowCalls::SlowCalls(std::size_t most) : most_(most), count_(std::make_shared<Count>()) {}

std::size_t SlowCalls::in_flight() const {
  return count_->in_flight;
}

bool SlowCalls::start(UniqueFunction<Task()> call) {
  if (!take_place(count_->in_flight, most_)) return false;
  if (!take_place(all_in_flight, kMostOfAll)) {
    --count_->in_flight;
    return false;
  }
  try {
    std::thread([count = count_, call = std::move(call)]() mutable {
      Task tell = call();
      call = nullptr;  // what it holds is let go of before the place is free
      count->leave();
      if (tell) tell();
    }).detach();
  } catch (const std::system_error&) {
    count_->leave();
    return false;
  }
  return true;
}

}  // namespace larder
