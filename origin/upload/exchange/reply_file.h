// The reply of an application as a file: there as a whole, or not at all. Any thread; blocks on the disk.
#pragma once

#include <string>
#include <string_view>

#include "base/io/file_system.h"
#include "base/result.h"

namespace larder::origin {

// Writes beside `path`, syncs, and renames over it; mode 0600. Error: disk_full, disk_error.
[[nodiscard]] Status write_reply(FileSystem& files, const std::string& path, std::string_view reply);

}  // namespace larder::origin
