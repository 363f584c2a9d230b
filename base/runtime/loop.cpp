#include "base/runtime/loop.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <unordered_map>
#include <utility>

namespace larder {

namespace asio = boost::asio;

struct Loop::Impl {
  struct Timer {
    asio::steady_timer timer;
    Task task;
  };

  // Before `context`, which is destroyed first: tasks that were never run may cancel timers in their destructors.
  std::unordered_map<TimerId, Timer> timers;
  TimerId last_id = 0;
  asio::io_context context{1};
  asio::executor_work_guard<asio::io_context::executor_type> keep_running{context.get_executor()};

  ~Impl() {
    // Timers end before the context that they use, and outside the map: their tasks may cancel other timers while being
    // destroyed.
    auto dying = std::exchange(timers, {});
  }

  void fire(TimerId id) {
    const auto found = timers.find(id);
    if (found == timers.end()) return;  // cancelled after it became due
    Task task = std::move(found->second.task);
    timers.erase(found);
    task();
  }
};

Loop::Loop() : impl_(std::make_unique<Impl>()) {}
Loop::~Loop() = default;

void Loop::run() {
  impl_->context.run();
}
void Loop::stop() {
  impl_->context.stop();
}

void Loop::post(Task task) {
  asio::post(impl_->context, std::move(task));
}

TimerId Loop::after(Duration delay, Task task) {
  const TimerId id = ++impl_->last_id;
  const auto placed = impl_->timers.try_emplace(id, Impl::Timer{asio::steady_timer(impl_->context), std::move(task)});
  asio::steady_timer& timer = placed.first->second.timer;
  timer.expires_after(delay);
  timer.async_wait([impl = impl_.get(), id](const boost::system::error_code& error) {
    if (!error) impl->fire(id);
  });
  return id;
}

void Loop::cancel(TimerId id) {
  const auto found = impl_->timers.find(id);
  if (found == impl_->timers.end()) return;
  // Taken out of the map before it is destroyed: the task's destructor may call cancel() again.
  const auto dying = impl_->timers.extract(found);
}

SteadyTime Loop::now() const {
  return std::chrono::steady_clock::now();
}
WallTime Loop::wall() const {
  return std::chrono::system_clock::now();
}
boost::asio::io_context& Loop::context() {
  return impl_->context;
}

}  // namespace larder
