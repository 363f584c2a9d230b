// Follows a path by descriptors as the kernel would, always with the rules of fs.protected_symlinks. Private to
// place.cpp.
#pragma once

#include <sys/stat.h>

#include <string>

#include "base/io/unique_fd.h"
#include "base/result.h"

namespace larder::agent {

struct Walked {
  UniqueFd directory;  // O_PATH: the directory of the last name
  struct stat directory_facts {};
  std::string name;             // the last name; empty for the root directory
  UniqueFd object;              // O_PATH: the object of that name; none: it does not exist
  struct stat object_facts {};  // if there is an object
  bool followed_link = false;
  bool magic = false;       // the last step was a link of /proc, whose text is not a path
  int own_descriptor = -1;  // number, if the last name is in this process's list of descriptors; may be closed
};

// Walks the absolute `path`. not_found: a directory on the way is missing.
[[nodiscard]] Result<Walked> walk_path(const std::string& path, const std::string& doing);

}  // namespace larder::agent
