// Runs the configured command when a job has ended up transferred or in error: as the agent's user, without a shell,
// with LARDER_JOB, LARDER_STATE, LARDER_NAME, LARDER_ERROR_CODE and LARDER_OWNER in its environment. An exit status
// other than 0, a signal or a time-out is tried again with back-off, kTries times in all. Loop thread only. A
// notification that is still due survives a restart in the job (Job::notify_pending).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/config/config.h"
#include "agent/jobs/model/notifier.h"
#include "base/result.h"
#include "base/runtime/clock.h"

namespace larder::agent {

class NotifyRunner : public Notifier {
 public:
  static constexpr unsigned kTries = 6;  // 5 s, 10 s, … apart: given up after about three minutes

  virtual void set_commands(std::vector<NotifyCommand> commands) = 0;  // on reload
};

// Runs one command to its end; the error says how it failed. make_notify_runner(commands, runtime) runs processes.
using RunCommand = std::function<void(const NotifyCommand& command, std::vector<std::string> environment,
                                      UniqueFunction<void(Status)> done)>;

// Destroying the runner kills running commands; no callback is called then.
[[nodiscard]] std::unique_ptr<NotifyRunner> make_notify_runner(std::vector<NotifyCommand> commands, Runtime runtime);
[[nodiscard]] std::unique_ptr<NotifyRunner> make_notify_runner(std::vector<NotifyCommand> commands, Runtime runtime,
                                                               RunCommand run);

}  // namespace larder::agent
