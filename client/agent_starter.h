// Starts the user's own larderd and waits until it says that it is ready (sd_notify), without sleeping.
#pragma once

#include <string>

#include "base/result.h"

namespace larder::agent {

struct UserPaths;

// Directories exist. When another process is starting one at the same moment, that one is waited for. The socket of the
// one that runs then.
[[nodiscard]] Result<std::string> start_user_agent(const UserPaths& paths);
// Beside this program, else in PATH; empty where there is none.
[[nodiscard]] std::string find_larderd();

}  // namespace larder::agent
