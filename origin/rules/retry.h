// How long to wait before an attempt is repeated. Pure; whether an error is worth repeating is in base/error_table.h.
#pragma once

#include <chrono>
#include <optional>

#include "base/runtime/clock.h"

namespace larder::origin {

struct RetryRule {
  Duration first = std::chrono::seconds(5);  // never sooner
  Duration longest = std::chrono::minutes(10);
  double jitter = 0.25;  // of the delay, on top of it: agents that failed together come back apart
};

// `attempt` counts the failures in a row, from 1. The delay doubles with each. Retry-After is a minimum: asking sooner
// than the origin wants is rude and useless; it is capped where it is read (http_fields.h).
[[nodiscard]] Duration retry_delay(const RetryRule& rule, unsigned attempt,
                                   std::optional<std::chrono::seconds> retry_after, Random& random);

}  // namespace larder::origin
