// Notifies when a job has ended up transferred or in error. Implemented by agent/notify; loop thread only.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/unique_function.h"

namespace larder::agent {

struct Notification {
  std::string command;  // its name in the configuration
  std::string job_id;
  std::string job_name;
  std::string state;       // "transferred" or "error"
  std::string error_code;  // with error; else empty
  uid_t owner = 0;
};

class Notifier {
 public:
  virtual ~Notifier() = default;
  // Runs the command until it succeeds or the tries are used up, then calls `done`: the job is not notified again after
  // a restart. Calls `done` from within the call if no such command is configured. Not called after forget().
  virtual void notify(Notification what, UniqueFunction<void()> done) = 0;
  // The job has left that state: no more tries. Unknown ids are ignored.
  virtual void forget(const std::string& job_id) = 0;
  [[nodiscard]] virtual std::vector<std::string> command_names() const = 0;
};

}  // namespace larder::agent
