// Requests that wait, for a short time, for a job to end. Loop thread only.
#pragma once

#include <map>
#include <string>

#include "agent/jobs/model/job.h"
#include "base/runtime/alive.h"
#include "base/runtime/clock.h"

namespace larder::agent {

class JobEnds {
 public:
  JobEnds(Executor& executor, Timers& timers) : executor_(executor), timers_(timers) {}
  ~JobEnds();
  JobEnds(const JobEnds&) = delete;
  JobEnds& operator=(const JobEnds&) = delete;

  // Calls `done` once, never from within the call: when the job has ended or is gone, at the latest after `limit`.
  void wait(const std::string& job, Duration limit, Task done);
  void heard(const Event& event);
  [[nodiscard]] std::size_t waiting() const { return waits_.size(); }

 private:
  struct Wait {
    TimerId timer = 0;
    Task done;
  };
  Executor& executor_;
  Timers& timers_;
  std::multimap<std::string, Wait> waits_;
  Alive alive_;
};

}  // namespace larder::agent
