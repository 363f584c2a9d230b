// Runs the configured command when a job has ended up transferred or in error: as the agent's user, without shell,
// told of the job by LARDER_JOB, LARDER_STATE, LARDER_NAME, LARDER_ERROR_CODE and LARDER_OWNER. An exit status other
// than 0, or a time-out, is tried again with back-off. Loop thread only.
#pragma once

#include <memory>
#include <vector>

#include "agent/config/config.h"
#include "agent/jobs/notifier.h"
#include "base/clock.h"

namespace larder::agent {

[[nodiscard]] std::unique_ptr<Notifier> make_notify_runner(std::vector<NotifyCommand> commands, Runtime runtime);

}  // namespace larder::agent
