// Follows a path by descriptors, as the kernel would, with the rules of fs.protected_symlinks whether or not they are
// switched on. Private to place.cpp.
#pragma once

#include <sys/stat.h>

#include <string>

#include "base/io/unique_fd.h"
#include "base/result.h"

namespace larder::agent {

struct Walked {
  UniqueFd directory;  // O_PATH: the one that holds the last name
  struct stat directory_facts {};
  std::string name;             // the last name; empty for the root directory
  UniqueFd object;              // O_PATH: what has that name; none where nothing has
  struct stat object_facts {};  // where there is one
  bool followed_link = false;
  bool magic = false;       // the last step was a link of /proc, whose text is no path
  int own_descriptor = -1;  // of this process, where the last name is one in its list of descriptors; may be closed
};

// `path` is absolute. not_found: a directory on the way is missing.
[[nodiscard]] Result<Walked> walk_path(const std::string& path, const std::string& doing);

}  // namespace larder::agent
