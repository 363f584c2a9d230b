// One command at a time for one set of URLs and destinations, since two would write the same hidden files. The lock is
// a name in the abstract socket namespace, which the kernel frees however the process ends.
#pragma once

#include <optional>
#include <string>

#include "base/io/unique_fd.h"

namespace larder::agent {

// Returns none if another process holds the lock.
[[nodiscard]] std::optional<UniqueFd> acquire_single_run(const std::string& key);

}  // namespace larder::agent
