// Requests that wait, for a short time, for a job to end. Loop thread only.
#pragma once

#include <map>
#include <string>

#include "agent/jobs/model/job.h"
#include "base/runtime/alive.h"
#include "base/runtime/clock.h"

namespace larder::agent {

class JobOutcomes {
 public:
  JobOutcomes(Executor& executor, Timers& timers) : executor_(executor), timers_(timers) {}
  ~JobOutcomes();
  JobOutcomes(const JobOutcomes&) = delete;
  JobOutcomes& operator=(const JobOutcomes&) = delete;

  // Calls `done` once, never from within the call: when the job has ended or is gone, at the latest after `limit`.
  void wait_for_end(const std::string& job, Duration limit, Task done);
  void on_job_event(const Event& event);
  [[nodiscard]] std::size_t waiting() const { return waiters_.size(); }

 private:
  struct Waiter {
    TimerId timer = 0;
    Task done;
  };
  Executor& executor_;
  Timers& timers_;
  std::multimap<std::string, Waiter> waiters_;
  Alive alive_;
};

}  // namespace larder::agent
