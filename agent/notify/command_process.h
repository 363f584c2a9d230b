// Runs notify commands as processes, with the runner that hooks use (base/process/hook_runner.h).
#pragma once

#include "agent/notify/notify_runner.h"

namespace larder::agent {

// Standard input is empty. The output of a failed command is part of the error.
[[nodiscard]] RunCommand run_as_process(Executor& loop);

}  // namespace larder::agent
