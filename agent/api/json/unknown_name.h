// The error text for a member or parameter that this agent does not know. It is refused and not ignored: an agent that
// ignored a digest would hand over unproven bytes. Pure.
#pragma once

#include <string>
#include <string_view>

namespace larder::agent {

// Follows the quoted name: "is not known to this agent (0.1.0, API 1): …".
[[nodiscard]] std::string unknown_name();

}  // namespace larder::agent
