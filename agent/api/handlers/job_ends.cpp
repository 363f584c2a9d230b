#include "agent/api/handlers/job_ends.h"

#include <utility>

namespace larder::agent {

JobOutcomes::~JobOutcomes() {
  for (const auto& [job, wait] : waiters_) timers_.cancel(wait.timer);
}

void JobOutcomes::wait_for_end(const std::string& job, Duration limit, Task done) {
  const auto added = waiters_.emplace(job, Waiter{0, std::move(done)});
  added->second.timer = timers_.after(limit, alive_.guard([this, added] {
    Task over = std::move(added->second.done);
    waiters_.erase(added);
    over();
  }));
}

// Posted, since the event comes in the middle of a change; a waiter reads the job after it.
void JobOutcomes::on_job_event(const Event& event) {
  const bool over = event.kind == EventKind::job_removed ||
                    (event.kind == EventKind::job_state && event.job != nullptr && has_ended(event.job->state));
  if (!over) return;
  const auto [begin, end] = waiters_.equal_range(event.job_id);
  for (auto at = begin; at != end; at = waiters_.erase(at)) {
    timers_.cancel(at->second.timer);
    executor_.post(alive_.guard([done = std::move(at->second.done)]() mutable { done(); }));
  }
}

}  // namespace larder::agent
