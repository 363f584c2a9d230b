// The loop in virtual time: tasks and timers run in the caller's thread, in an order that depends on nothing but the
// calls made, and time passes only when a test says so. post() may come from other threads (a real database or worker
// pool under test); wait_for() then waits for them in real time while virtual time stands still.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

#include "base/runtime/clock.h"

namespace larder::test {

class VirtualLoop final : public Executor, public Timers, public Clock {
 public:
  explicit VirtualLoop(std::uint64_t seed = 1);
  ~VirtualLoop() override;
  VirtualLoop(const VirtualLoop&) = delete;
  VirtualLoop& operator=(const VirtualLoop&) = delete;

  void post(Task task) override;
  TimerId after(Duration delay, Task task) override;
  void cancel(TimerId id) override;
  [[nodiscard]] SteadyTime now() const override { return now_; }
  [[nodiscard]] WallTime wall() const override { return wall_; }

  [[nodiscard]] Random& random() { return *random_; }
  [[nodiscard]] Runtime runtime() { return {*this, *this, *this, *random_}; }

  // Runs what has been posted and what is due now, until nothing is left of either.
  void run_ready();
  // Lets `duration` pass; timers fire in the order of their times, each at its own.
  void advance(Duration duration);
  // Goes from timer to timer until `done` holds, at most `limit` of virtual time. True when `done` holds; false also
  // when nothing is scheduled any more.
  [[nodiscard]] bool run_until(const std::function<bool()>& done, Duration limit = std::chrono::hours(24));
  // Runs what other threads post until `done` holds, at most `limit` of real time. Virtual time stands still.
  [[nodiscard]] bool wait_for(const std::function<bool()>& done, Duration limit = std::chrono::seconds(20));
  // The wall clock is set by somebody; timers do not notice.
  void set_wall(WallTime wall) { wall_ = wall; }
  [[nodiscard]] std::size_t timers() const { return timers_.size(); }

 private:
  using Due = std::pair<SteadyTime, TimerId>;  // equal times: first made, first run
  bool run_one_posted();
  void run_due();
  void move_to(SteadyTime time);

  mutable std::mutex mutex_;  // guards posted_ only
  std::condition_variable posted_something_;
  std::deque<Task> posted_;
  std::map<Due, Task> timers_;
  std::map<TimerId, SteadyTime> times_;
  TimerId last_id_ = 0;
  SteadyTime now_;
  WallTime wall_;
  std::unique_ptr<Random> random_;
};

}  // namespace larder::test
