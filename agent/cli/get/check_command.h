// --check CMD: the user's own program decides whether the content is valid.
#pragma once

#include <string>

#include "base/result.h"

namespace larder::agent {

// Runs `/bin/sh -c COMMAND larder-check PATH` with LARDER_FILE, LARDER_DESTINATION and LARDER_URL set and its output on
// standard error; blocks until it ends. Exit status 0 is true, 1 is false, anything else hook_failed.
[[nodiscard]] Result<bool> run_check(const std::string& command, const std::string& path,
                                     const std::string& destination, const std::string& url);

}  // namespace larder::agent
