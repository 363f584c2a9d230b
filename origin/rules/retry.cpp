#include "origin/rules/retry.h"

#include <algorithm>

#include "origin/http/http_fields.h"

namespace larder::origin {
namespace {

Duration scaled(Duration duration, double factor) {
  return std::chrono::duration_cast<Duration>(
      std::chrono::duration<double, std::nano>(static_cast<double>(duration.count()) * factor));
}

}  // namespace

Duration retry_delay(const RetryRule& rule, unsigned attempt, std::optional<std::chrono::seconds> retry_after,
                     Random& random) {
  const double spread = 1.0 + rule.jitter * random.unit();
  // Leaves room for the jitter below the longest delay.
  const Duration ceiling = std::max(rule.first, scaled(rule.longest, 1.0 / (1.0 + rule.jitter)));
  Duration delay = rule.first;
  for (unsigned i = 1; i < attempt && delay < ceiling; ++i) delay *= 2;
  delay = scaled(std::min(delay, ceiling), spread);
  if (!retry_after) return delay;
  const Duration asked = std::clamp<Duration>(*retry_after, Duration::zero(), kMaxRetryAfter);
  // Jitter here too, but at most ten seconds: a whole fleet often gets the same Retry-After.
  const Duration apart = std::min<Duration>(scaled(asked, spread - 1.0), std::chrono::seconds(10));
  return std::max(delay, asked + apart);
}

}  // namespace larder::origin
