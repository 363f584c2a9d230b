#include "agent/daemon/thread_watch.h"

#include "base/io/log.h"

namespace larder::agent {
namespace {

// Makes a call when it is destroyed, on whatever thread that happens.
class AtTheEnd {
 public:
  explicit AtTheEnd(UniqueFunction<void()> call) : call_(std::move(call)) {}
  AtTheEnd(AtTheEnd&& other) noexcept : call_(std::exchange(other.call_, nullptr)) {}
  AtTheEnd& operator=(AtTheEnd&&) = delete;
  ~AtTheEnd() {
    if (call_) call_();
  }

 private:
  UniqueFunction<void()> call_;
};

}  // namespace

void ThreadWatch::add(std::string name, Duration bound, Ask ask) {
  watchdog_.add(std::move(name), bound);
  asks_.push_back(std::move(ask));
}

void ThreadWatch::start() {
  tick();
}

void ThreadWatch::tick() {
  for (const Watchdog::Change& change : watchdog_.check_threads(runtime_.clock.now())) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(change.waited).count();
    if (change.stands) {
      log::error("a thread stands still name={} for_s={}; under systemd the agent is started anew", change.name,
                 seconds);
    } else {
      log::warn("a thread goes on again name={} after_s={}", change.name, seconds);
    }
  }
  for (const Watchdog::Question& question : watchdog_.ask()) {
    AtTheEnd answered([self = self_, &executor = runtime_.executor, question] {
      executor.post([self, question] {
        if (*self != nullptr) (*self)->watchdog_.on_answer(question);
      });
    });
    const bool asked = asks_[question.thread](
        [answered = std::make_unique<AtTheEnd>(std::move(answered))]() mutable { answered.reset(); });
    if (!asked) watchdog_.on_refused(question);
  }
  timer_ = runtime_.timers.after(interval_, [this] { tick(); });
}

}  // namespace larder::agent
