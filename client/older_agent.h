// What the command does without where the agent is of an earlier release: parameters that only make an answer shorter
// or sooner are left out once the agent refused them. What decides over the bytes is never left out. Pure.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/result.h"

namespace larder::agent {

// The parameter of `target`'s query that this answer of an agent refuses and that can be left out; none: it is about
// something else.
[[nodiscard]] std::optional<std::string> dispensable(const Error& refused, std::string_view target);
// The target without those parameters.
[[nodiscard]] std::string without(std::string_view target, const std::set<std::string>& names);
// The agent's refusal of a name that it does not know, in words that say that the agent is older. Agents say so
// themselves by now; those before do not.
[[nodiscard]] Error told_as_older(Error refused, std::string_view own_version);

}  // namespace larder::agent
