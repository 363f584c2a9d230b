#include "origin/rules/retry.h"

#include <gtest/gtest.h>

#include <map>

#include "base/runtime/loop.h"
#include "origin/http/http_fields.h"

namespace larder::origin {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

TEST(Retry, GrowsWithJitterToItsLimit) {
  const auto random = make_seeded_random(7);
  const RetryRule rule;
  std::map<unsigned, std::pair<Duration, Duration>> seen;  // attempt -> shortest, longest
  for (unsigned attempt = 1; attempt <= 40; ++attempt) {
    for (int i = 0; i < 200; ++i) {
      const Duration delay = retry_delay(rule, attempt, std::nullopt, *random);
      auto [it, fresh] = seen.try_emplace(attempt, delay, delay);
      it->second.first = std::min(it->second.first, delay);
      it->second.second = std::max(it->second.second, delay);
    }
  }
  EXPECT_GE(seen[1].first, seconds(5));
  EXPECT_LE(seen[1].second, milliseconds(6250));
  EXPECT_GT(seen[1].second - seen[1].first, milliseconds(1000)) << "agents that fail together must come back apart";
  EXPECT_GE(seen[2].first, seconds(10));
  EXPECT_GE(seen[4].first, seconds(40));
  EXPECT_GE(seen[40].first, minutes(8));
  EXPECT_LE(seen[40].second, minutes(10));
  EXPECT_GT(seen[40].second - seen[40].first, seconds(60));
}

// Always draws the same: the share of what there is to draw, in thousandths.
class FixedRandom final : public Random {
 public:
  explicit FixedRandom(std::uint64_t thousandths) : value_(UINT64_MAX / 1000 * thousandths) {}
  std::uint64_t next() override { return value_; }

 private:
  std::uint64_t value_;
};

double seconds_of(Duration delay) {
  return std::chrono::duration<double>(delay).count();
}

TEST(Retry, DoublesWithEachFailureUpToTheLongest) {
  FixedRandom none(0), half(500);
  const auto delay = [](unsigned attempt, Random& random) {
    return seconds_of(retry_delay({}, attempt, std::nullopt, random));
  };
  const double without_jitter[] = {5, 10, 20, 40, 80, 160, 320, 480, 480};
  for (unsigned attempt = 1; attempt <= std::size(without_jitter); ++attempt) {
    EXPECT_NEAR(delay(attempt, none), without_jitter[attempt - 1], 0.01) << attempt;
    EXPECT_NEAR(delay(attempt, half), without_jitter[attempt - 1] * 1.125, 0.01) << attempt;
  }
}

TEST(Retry, SpreadsRetryAfterByTenSecondsAtMost) {
  FixedRandom none(0), half(500);
  const auto delay = [](int asked, Random& random) { return seconds_of(retry_delay({}, 1, seconds(asked), random)); };
  EXPECT_NEAR(delay(40, none), 40, 0.01);
  EXPECT_NEAR(delay(40, half), 45, 0.01) << "an eighth more";
  EXPECT_NEAR(delay(400, none), 400, 0.01);
  EXPECT_NEAR(delay(400, half), 410, 0.01);
}

TEST(Retry, TakesTheJobsOwnDelay) {
  const auto random = make_seeded_random(7);
  RetryRule rule;
  rule.first = minutes(30);
  for (int i = 0; i < 50; ++i) EXPECT_GE(retry_delay(rule, 9, std::nullopt, *random), minutes(30));
}

TEST(Retry, ObeysRetryAfterAsAMinimum) {
  const auto random = make_seeded_random(7);
  for (int i = 0; i < 50; ++i) {
    const Duration delay = retry_delay({}, 1, seconds(100), *random);
    EXPECT_GE(delay, seconds(100));
    EXPECT_LE(delay, seconds(110));
    EXPECT_GE(retry_delay({}, 6, seconds(1), *random), seconds(160)) << "the back-off is longer";
    EXPECT_LE(retry_delay({}, 1, seconds(1'000'000), *random), kMaxRetryAfter + seconds(10));
    EXPECT_GE(retry_delay({}, 1, seconds(-5), *random), seconds(5));
  }
}

}  // namespace
}  // namespace larder::origin
