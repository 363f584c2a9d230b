#include "agent/daemon/watchdog.h"

#include <algorithm>
#include <utility>

namespace larder::agent {

std::size_t Watchdog::add(std::string name, Duration bound) {
  threads_.emplace_back();
  threads_.back().name = std::move(name);
  threads_.back().bound = bound;
  return threads_.size() - 1;
}

std::vector<Watchdog::Change> Watchdog::check_threads(SteadyTime now) {
  const bool first = last_check_at_ == SteadyTime{};
  const Duration step = first ? Duration{} : std::clamp(now - last_check_at_, Duration{}, kLongestStep);
  last_check_at_ = now;
  std::vector<Change> changes;
  for (Thread& thread : threads_) {
    if (thread.asked) thread.waited += step;
    const bool stands = thread.asked && thread.waited >= thread.bound;
    if (stands == std::exchange(thread.stands, stands)) continue;
    changes.push_back({thread.name, stands, thread.waited});
  }
  return changes;
}

std::vector<Watchdog::Question> Watchdog::ask() {
  std::vector<Question> questions;
  for (std::size_t i = 0; i < threads_.size(); ++i) {
    Thread& thread = threads_[i];
    if (thread.asked && !thread.refused) continue;
    if (!thread.asked) thread.waited = {};
    thread.asked = true;
    thread.refused = false;
    questions.push_back({i, ++thread.number});
  }
  return questions;
}

void Watchdog::on_answer(const Question& question) {
  Thread& thread = threads_[question.thread];
  if (thread.number == question.number && !thread.refused) thread.asked = false;
}

void Watchdog::on_refused(const Question& question) {
  Thread& thread = threads_[question.thread];
  if (thread.number == question.number) thread.refused = true;
}

bool Watchdog::healthy() const {
  return std::none_of(threads_.begin(), threads_.end(), [](const Thread& thread) { return thread.stands; });
}

std::vector<Watchdog::State> Watchdog::states() const {
  std::vector<State> states;
  for (const Thread& thread : threads_) states.push_back({thread.name, thread.stands});
  return states;
}

}  // namespace larder::agent
