// What a file that takes the place of another one keeps of it: mode, owner, group, access list.
#pragma once

#include <sys/stat.h>

#include <string>

#include "base/result.h"

namespace larder::agent {

struct AttributesOf {
  int directory = -1;
  const std::string& name;  // in the directory
};

// Gives the open file `to` what the file `from` has, whose facts are `facts`. Bits that would let a program run as
// another user are not taken over. Where the owner or the group cannot be, nobody gets more rights by that than before,
// and the note for the user that is returned says so; empty: all was kept. The error is errno.
[[nodiscard]] tl::expected<std::string, int> take_over_attributes(int to, const struct stat& facts,
                                                                  const AttributesOf& from);

}  // namespace larder::agent
