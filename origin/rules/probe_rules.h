// When a probe asks again in a plainer way. The requests of a probe help the download, and no failure of theirs is the
// download's as long as a plainer one could do better. Pure.
#pragma once

#include "base/result.h"
#include "base/runtime/clock.h"
#include "origin/rules/helper_memory.h"

namespace larder::origin {

// A helper's answer is waited for no longer than this: a server on which HEAD hangs must not cost a minute. What is
// slow for good reasons is then waited for by the plainer request, and remembered.
inline constexpr Duration kHelperPatience = std::chrono::seconds(5);

// `status`: of an answer that is neither the file's nor a redirect.
[[nodiscard]] bool asks_plainer_after_status(ProbeStep step, int status);
// The request failed on its way, or its answer was refused.
[[nodiscard]] bool asks_plainer_after(ProbeStep step, ErrorCode code);
// The host asks for peace: not at once, but the next probe begins in a plainer way.
[[nodiscard]] bool is_for_next_time(ProbeStep step, int status);

}  // namespace larder::origin
