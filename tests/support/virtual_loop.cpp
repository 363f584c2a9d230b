#include "tests/support/virtual_loop.h"

#include <algorithm>

#include "base/runtime/loop.h"

namespace larder::test {

// Neither clock starts at zero, so that nothing can take "unset" for a time.
VirtualLoop::VirtualLoop(std::uint64_t seed)
    : now_(std::chrono::hours(1000)),
      wall_(std::chrono::sys_days(std::chrono::year(2026) / 1 / 31) + std::chrono::hours(8)),
      random_(make_seeded_random(seed)) {}

VirtualLoop::~VirtualLoop() {
  // Tasks may cancel timers from their destructors: nothing is destroyed while it is still in the tables.
  while (!timers_.empty()) {
    times_.erase(timers_.begin()->first.second);
    const auto dying = timers_.extract(timers_.begin());
  }
  const auto dying = std::exchange(posted_, {});
}

void VirtualLoop::post(Task task) {
  {
    const std::lock_guard lock(mutex_);
    posted_.push_back(std::move(task));
  }
  posted_something_.notify_all();
}

TimerId VirtualLoop::after(Duration delay, Task task) {
  const TimerId id = ++last_id_;
  const SteadyTime time = now_ + std::max(delay, Duration::zero());
  timers_.emplace(Due{time, id}, std::move(task));
  times_.emplace(id, time);
  return id;
}

void VirtualLoop::cancel(TimerId id) {
  const auto found = times_.find(id);
  if (found == times_.end()) return;
  const auto dying = timers_.extract(Due{found->second, id});
  times_.erase(found);
}

bool VirtualLoop::run_one_posted() {
  Task task;
  {
    const std::lock_guard lock(mutex_);
    if (posted_.empty()) return false;
    task = std::move(posted_.front());
    posted_.pop_front();
  }
  task();
  return true;
}

void VirtualLoop::run_due() {
  const auto first = timers_.begin();
  times_.erase(first->first.second);
  auto due = timers_.extract(first);
  due.mapped()();
}

void VirtualLoop::run_ready() {
  for (;;) {
    if (run_one_posted()) continue;
    if (timers_.empty() || timers_.begin()->first.first > now_) return;
    run_due();
  }
}

void VirtualLoop::move_to(SteadyTime time) {
  wall_ += time - now_;
  now_ = time;
}

void VirtualLoop::advance(Duration duration) {
  const SteadyTime end = now_ + duration;
  run_ready();
  while (!timers_.empty() && timers_.begin()->first.first <= end) {
    move_to(timers_.begin()->first.first);
    run_ready();
  }
  move_to(end);
}

bool VirtualLoop::run_until(const std::function<bool()>& done, Duration limit) {
  const SteadyTime end = now_ + limit;
  for (;;) {
    if (done()) return true;
    if (run_one_posted()) continue;
    if (timers_.empty() || timers_.begin()->first.first > end) return false;
    move_to(std::max(now_, timers_.begin()->first.first));
    run_due();
  }
}

bool VirtualLoop::wait_for(const std::function<bool()>& done, Duration limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  for (;;) {
    run_ready();
    if (done()) return true;
    std::unique_lock lock(mutex_);
    if (!posted_something_.wait_until(lock, end, [this] { return !posted_.empty(); })) return false;
  }
}

}  // namespace larder::test
