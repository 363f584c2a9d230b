// What a status means for a download: redirect, transient or fatal. The table follows BITS ("may fix itself" is
// transient, "needs intervention" is fatal), with 425 and 429 added. Pure.
#pragma once

#include "base/result.h"
#include "base/runtime/clock.h"
#include "origin/http/http_client.h"

namespace larder::origin {

// 301, 302, 303, 307, 308.
[[nodiscard]] bool is_redirect(int status);
// The error of a status that is neither success nor a redirect with Location, with Retry-After where it may be waited
// for. Its detail is for people and says what to do.
[[nodiscard]] Error status_error(const HttpHead& head, WallTime now);

}  // namespace larder::origin
