// The words for a member or parameter of a request that this agent does not know. It is refused and not passed over: an
// agent that passed over a digest would hand over bytes that nobody has proven. Pure.
#pragma once

#include <string>
#include <string_view>

namespace larder::agent {

// Goes behind the name in quotes: "is not known to this agent (0.1.0, API 1): …".
[[nodiscard]] std::string unknown_name();

}  // namespace larder::agent
