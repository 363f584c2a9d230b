// Whether a content's file is as the index says it was left. Disk threads.
#pragma once

#include <string>

#include "base/io/file_system.h"
#include "base/result.h"
#include "cache/index/index.h"

namespace larder::cache {

struct FileVerdict {
  bool intact = false;
  std::string why;  // when it is not
};

[[nodiscard]] FileVerdict compare(const FileStat& found, const index::FileMark& mark);
// An error is a disk that does not answer: nothing is known of the file then.
[[nodiscard]] Result<FileVerdict> check_file(FileSystem& files, const std::string& path, const index::FileMark& mark);

}  // namespace larder::cache
