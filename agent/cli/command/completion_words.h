// Words that a shell offers as an argument: ids and names that the agent knows. The installed completions get them by
// `larder --complete KIND`.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace larder::agent {

class AgentAccess;

// Returns the request for the words of a kind ("jobs", "records", "agents", "hooks", "notify"); empty: no such kind.
[[nodiscard]] std::string completion_target(std::string_view kind);
// Returns the words in the agent's answer, one on each line, with a tab and a description where that helps to choose.
// Control characters are left out, since names and URLs come from other people.
[[nodiscard]] Result<std::string> completion_words(std::string_view kind, const std::string& answer);
// Asks a running agent, without starting one. Prints nothing if none answers, so that the shell's line is not
// disturbed.
int print_completions(const std::string& kind, AgentAccess& agent);

}  // namespace larder::agent
