// Reads a small file whole, for configuration and the like. Blocks on the disk only: a FIFO without a writer, a
// terminal or a file that never ends is an error at once.
#pragma once

#include <cstddef>
#include <string>

#include "base/result.h"

namespace larder {

// Returns at most `bound` bytes. Errors have `doing` and name `path`: not_found, permission_denied, too_large,
// invalid_argument (a directory, pipe or block device), disk_error.
[[nodiscard]] Result<std::string> read_small_file(const std::string& path, std::size_t bound, const std::string& doing);

}  // namespace larder
