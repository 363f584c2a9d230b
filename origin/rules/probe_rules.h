// When a probe asks again with a plainer request. The requests of a probe are helpers of the download: their failure is
// not the download's as long as a plainer request may succeed. Pure.
#pragma once

#include "base/result.h"
#include "base/runtime/clock.h"
#include "origin/rules/helper_memory.h"

namespace larder::origin {

// Longest wait for the answer to a helper request: a server on which HEAD hangs must not cost a minute. A server that
// is slow for good reasons then answers the plainer request, and this is remembered.
inline constexpr Duration kHelperPatience = std::chrono::seconds(5);

// Returns whether to ask again after a status that is neither the file's nor a redirect.
[[nodiscard]] bool asks_plainer_after_status(ProbeStep step, int status);
// Returns whether to ask again after a request that failed on its way, or whose answer was refused.
[[nodiscard]] bool asks_plainer_after(ProbeStep step, ErrorCode code);
// Returns whether the host wants fewer requests (429 to a HEAD): this probe fails, the next one begins with a GET.
[[nodiscard]] bool is_for_next_time(ProbeStep step, int status);

}  // namespace larder::origin
