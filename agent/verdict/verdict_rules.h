// Turns the result of a digest or a hook into a verdict. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/verdict/verdict.h"
#include "base/process/hook_process.h"

namespace larder::agent {

// Compares the content's digest with the caller's, or with the origin's where the caller gave none. No value: equal, or
// nothing to compare with. An error: the content's digest is needed and unknown.
[[nodiscard]] Result<std::optional<Judgement>> judge_digest(const Facts& facts);

// Exit status 0 is valid and 1 is not valid; everything else is an error of the hook and no verdict.
[[nodiscard]] Result<Judgement> judge_hook(const std::string& name, Duration timeout, const HookOutcome& outcome);

// Returns the whole environment of a hook.
[[nodiscard]] std::vector<std::string> hook_environment(const Facts& facts);

// Returns the first line that is not blank, without control characters, at most 512 bytes.
[[nodiscard]] std::string first_line(const std::string& output);

}  // namespace larder::agent
