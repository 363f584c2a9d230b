// Checks that a content's file is unchanged, by the mark in the index. Disk threads.
#pragma once

#include <string>

#include "base/io/file_system.h"
#include "base/result.h"
#include "cache/index/index.h"

namespace larder::cache {

struct FileVerdict {
  bool intact = false;
  std::string why;  // empty if intact
};

[[nodiscard]] FileVerdict compare(const FileStat& found, const index::FileMark& mark);
// Returns a verdict, also for a missing file. Error: the disk failed; nothing is known about the file then.
[[nodiscard]] Result<FileVerdict> check_file(FileSystem& files, const std::string& path, const index::FileMark& mark);

}  // namespace larder::cache
