// How long to wait before an attempt is repeated. Pure; whether an error is worth repeating is in base/error_table.h.
#pragma once

#include <chrono>
#include <optional>

#include "base/runtime/clock.h"

namespace larder::origin {

struct RetryRule {
  Duration first = std::chrono::seconds(5);  // never sooner
  Duration longest = std::chrono::minutes(10);
  double jitter = 0.25;  // largest random part added to the delay: agents that failed together retry apart
};

// Returns the delay before the next attempt. `attempt` counts the failures in a row, from 1; the delay doubles with
// each. Retry-After is a minimum, since the origin would refuse an earlier request; it is capped at kMaxRetryAfter
// (http/http_fields.h). A job waits so for its refused files; all requests to the host pause by origin/host_lanes.h.
[[nodiscard]] Duration retry_delay(const RetryRule& rule, unsigned attempt,
                                   std::optional<std::chrono::seconds> retry_after, Random& random);

}  // namespace larder::origin
