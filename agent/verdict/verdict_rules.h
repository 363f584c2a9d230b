// What an answer of a digest or a hook means. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/verdict/hook_process.h"
#include "agent/verdict/verdict.h"

namespace larder::agent {

// The caller's digest decides where there is one, else the origin's. No value: nothing to compare, or it is equal.
// An error: a digest is wanted and the content's is not known.
[[nodiscard]] Result<std::optional<Judgement>> judge_digest(const Facts& facts);

// Exit status 0 is valid and 1 is not; everything else is an error of the hook and no verdict.
[[nodiscard]] Result<Judgement> judge_hook(const std::string& name, Duration timeout, const HookOutcome& outcome);

// The whole environment of a hook.
[[nodiscard]] std::vector<std::string> hook_environment(const Facts& facts);

// The first line that says something, without control characters, at most 512 bytes.
[[nodiscard]] std::string first_line(const std::string& output);

}  // namespace larder::agent
