#include "agent/api/json/unknown_name.h"

#include <fmt/format.h>

#include "base/version.h"

namespace larder::agent {

std::string unknown_name() {
  return fmt::format("is not known to this agent ({}, API {}): it is older than who asks, or the name is wrong",
                     kVersion, kApiVersion);
}

}  // namespace larder::agent
