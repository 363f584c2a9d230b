// Watchdog (watchdog.h) over the threads of this process: asks every few seconds, logs who stands still and who goes on
// again. Loop thread only; the loop itself is watched by the service manager, which is fed from it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "agent/daemon/watchdog.h"
#include "base/runtime/clock.h"
#include "base/unique_function.h"

namespace larder::agent {

class ThreadWatch {
 public:
  // Has `answer` called on the thread that is watched, when its turn comes; false where it takes no questions now. An
  // answer that is destroyed counts as called: the thread has come to its end.
  using Ask = std::function<bool(UniqueFunction<void()> answer)>;

  // `interval` between two questions.
  ThreadWatch(Runtime runtime, Duration interval) : runtime_(runtime), interval_(interval) {}
  ~ThreadWatch() {
    *self_ = nullptr;
    runtime_.timers.cancel(timer_);
  }
  ThreadWatch(const ThreadWatch&) = delete;
  ThreadWatch& operator=(const ThreadWatch&) = delete;

  void add(std::string name, Duration bound, Ask ask);  // before start()
  void start();
  [[nodiscard]] const Watchdog& watchdog() const { return watchdog_; }

 private:
  void tick();

  Runtime runtime_;
  const Duration interval_;
  Watchdog watchdog_;
  std::vector<Ask> asks_;
  TimerId timer_ = 0;
  std::shared_ptr<ThreadWatch*> self_ = std::make_shared<ThreadWatch*>(this);  // answers may come too late
};

}  // namespace larder::agent
