// One command at a time for one set of URLs and destinations: two of them would write the same hidden files. Held by a
// name in the abstract socket namespace, which the kernel frees whatever way the process ends.
#pragma once

#include <optional>
#include <string>

#include "base/io/unique_fd.h"

namespace larder::agent {

// None when another process holds it.
[[nodiscard]] std::optional<UniqueFd> acquire_single_run(const std::string& key);

}  // namespace larder::agent
