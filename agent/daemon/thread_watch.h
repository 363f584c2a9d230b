// Watchdog (watchdog.h) over the threads of this process: asks them every few seconds, and logs threads that are stuck
// or recover. Loop thread only. The loop itself is watched by the service manager, to which it reports.
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
  // Has `answer` called on the watched thread, when its turn comes. Returns false if the thread takes no questions now.
  // An answer that is destroyed counts as called: the thread has ended.
  using Ask = std::function<bool(UniqueFunction<void()> answer)>;

  // `interval`: time between two questions.
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
  // Null after destruction, for late answers.
  std::shared_ptr<ThreadWatch*> self_ = std::make_shared<ThreadWatch*>(this);
};

}  // namespace larder::agent
