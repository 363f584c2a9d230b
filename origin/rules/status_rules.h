// Meaning of a status for a download: redirect, transient or fatal. The table follows BITS ("may fix itself" is
// transient, "needs intervention" is fatal), with 425 and 429 added. Pure.
#pragma once

#include "base/result.h"
#include "base/runtime/clock.h"
#include "origin/http/http_client.h"

namespace larder::origin {

// Returns true for 300, 301, 302, 303, 307, 308, with or without Location.
[[nodiscard]] bool is_redirect(int status);
// Returns the error for a status that is neither success nor a redirect with Location. A transient error has the
// Retry-After of the answer. The detail is for people.
[[nodiscard]] Error status_error(const HttpHead& head, WallTime now);

}  // namespace larder::origin
