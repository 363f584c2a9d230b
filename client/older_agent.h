// Requests to an agent of an earlier release: parameters that only make an answer shorter or sooner are left out once
// the agent has refused them. A parameter that decides about the bytes is never left out. Pure.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/result.h"

namespace larder::agent {

// Returns the parameter of `target`'s query that the agent's error refuses and that can be left out; none: the error is
// about something else.
[[nodiscard]] std::optional<std::string> dispensable(const Error& refused, std::string_view target);
// Returns the target without these parameters.
[[nodiscard]] std::string without(std::string_view target, const std::set<std::string>& names);
// Adds to the refusal of an unknown name that the agent may be older. Later agents say so themselves; other errors stay
// as they are.
[[nodiscard]] Error told_as_older(Error refused, std::string_view own_version);

}  // namespace larder::agent
