#include "origin/http/rate.h"

#include <algorithm>

namespace larder::origin {
namespace {

// Largest credit, in seconds of the rate: covers a late timer, but is too small to show as a burst.
constexpr double kBurstSeconds = 0.05;
// A lump is an eighth of a second of the rate, and not so small that the calls cost more than the bytes.
constexpr std::uint64_t kLumpsPerSecond = 8;
constexpr std::uint64_t kLeastLump = 1024;

}  // namespace

double DebtBucket::credit_at(SteadyTime now) const {
  const double elapsed = std::chrono::duration<double>(std::max(now - as_of_, Duration::zero())).count();
  const auto rate = static_cast<double>(rate_);
  return std::min(credit_ + elapsed * rate, rate * kBurstSeconds);
}

void DebtBucket::set_rate(std::uint64_t bytes_per_second, SteadyTime now) {
  if (bytes_per_second == rate_) return;
  // The debt is dropped: it was made at another rate, and a raised limit should take effect at once.
  credit_ = 0;
  as_of_ = now;
  rate_ = bytes_per_second;
}

void DebtBucket::spend(std::uint64_t bytes, SteadyTime now) {
  if (unlimited()) return;
  credit_ = credit_at(now) - static_cast<double>(bytes);
  as_of_ = now;
}

Duration DebtBucket::wait(SteadyTime now) const {
  if (unlimited()) return Duration::zero();
  const double credit = credit_at(now);
  if (credit >= 0) return Duration::zero();
  const std::chrono::duration<double> seconds(-credit / static_cast<double>(rate_));
  return std::chrono::duration_cast<Duration>(seconds) + std::chrono::microseconds(1);  // rounded up
}

std::uint64_t DebtBucket::lump() const {
  return unlimited() ? UINT64_MAX : std::max(rate_ / kLumpsPerSecond, kLeastLump);
}

void SlownessWatch::begin(SteadyTime now) {
  from_ = now;
  received_ = 0;
  slow_ = false;
}

bool SlownessWatch::is_slow(std::uint64_t received, std::uint64_t least_rate, SteadyTime now) {
  if (now - from_ < kSpan) return slow_;
  const double seconds = std::chrono::duration<double>(now - from_).count();
  slow_ = static_cast<double>(received - received_) < static_cast<double>(least_rate) * seconds;
  from_ = now;
  received_ = received;
  return slow_;
}

}  // namespace larder::origin
