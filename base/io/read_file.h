// A small file read whole, for configuration and the like. Blocks for as long as a disk does, and no longer: a FIFO
// without a writer, a terminal or a file that never ends is an error at once.
#pragma once

#include <cstddef>
#include <string>

#include "base/result.h"

namespace larder {

// At most `bound` bytes. Errors begin with `doing` and say what stands at `path`: not_found, permission_denied,
// too_large, invalid_argument for what is no file, disk_error.
[[nodiscard]] Result<std::string> read_small_file(const std::string& path, std::size_t bound, const std::string& doing);

}  // namespace larder
