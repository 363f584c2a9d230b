// Notify commands as processes, by the runner that hooks have too (agent/verdict/hook_runner.h).
#pragma once

#include "agent/notify/notify_runner.h"

namespace larder::agent {

// Standard input is empty. What the command prints is part of the error when it fails.
[[nodiscard]] RunCommand run_as_process(Executor& loop);

}  // namespace larder::agent
