// What a shell offers in place of an argument: ids and names that the agent knows. The completions that are installed
// ask for them by `larder --complete KIND`.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace larder::agent {

class AgentAccess;

// The request that knows the words of a kind ("jobs", "records", "agents", "hooks", "notify"); none: no such kind.
[[nodiscard]] std::string completion_target(std::string_view kind);
// The words in the agent's answer, one on each line; a tab and a description follow where one helps to choose. Control
// characters are left out: names and URLs come from other people.
[[nodiscard]] Result<std::string> completion_words(std::string_view kind, const std::string& answer);
// Asks a running agent, starts none, and says nothing where none answers: a shell's line must not be disturbed.
int print_completions(const std::string& kind, AgentAccess& agent);

}  // namespace larder::agent
