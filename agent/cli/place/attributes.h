// Attributes that a file takes over from the one that it replaces: mode, owner, group, access list.
#pragma once

#include <sys/stat.h>

#include <string>

#include "base/result.h"

namespace larder::agent {

struct AttributesOf {
  int directory = -1;
  const std::string& name;  // in the directory
};

// Gives the open file `to` the attributes of the file `from`, whose stat is `facts`. Set-user-id and similar bits are
// not taken over. If owner or group cannot be set, no user gets more rights than before, and the returned note for the
// user says so; empty: all were kept. The error is errno.
[[nodiscard]] tl::expected<std::string, int> take_over_attributes(int to, const struct stat& facts,
                                                                  const AttributesOf& from);

}  // namespace larder::agent
