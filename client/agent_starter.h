// Starts the user's own larderd and waits until it reports that it is ready (sd_notify).
#pragma once

#include <string>

#include "base/result.h"

namespace larder::agent {

struct UserPaths;

// Starts the agent and returns the socket of the running one. Its directories must exist. If another process starts one
// at the same time, waits for that one, polling every 20 ms for 3 s. Error: agent_unreachable if none is ready within
// 20 s.
[[nodiscard]] Result<std::string> start_user_agent(const UserPaths& paths);
// Returns the path of larderd: beside this program, else in PATH; empty if there is none.
[[nodiscard]] std::string find_larderd();

}  // namespace larder::agent
