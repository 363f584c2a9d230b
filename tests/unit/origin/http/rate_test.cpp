#include "origin/http/rate.h"

#include <gtest/gtest.h>

namespace larder::origin {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

TEST(DebtBucket, KeepsTheRateOverTime) {
  const SteadyTime start{};
  DebtBucket bucket;
  bucket.set_rate(1'000'000, start);
  SteadyTime now = start;
  std::uint64_t sent = 0;
  while (now < start + seconds(10)) {
    const Duration wait = bucket.wait(now);
    if (wait > Duration::zero()) {
      now += wait;
      continue;
    }
    bucket.spend(16384, now);
    sent += 16384;
  }
  EXPECT_NEAR(static_cast<double>(sent), 10e6, 0.05e6);
}

TEST(DebtBucket, SavesUpOnlyAShortBurst) {
  const SteadyTime start{};
  DebtBucket bucket;
  bucket.set_rate(1'000'000, start);
  const SteadyTime later = start + minutes(10);
  std::uint64_t burst = 0;
  while (bucket.wait(later) == Duration::zero()) {
    bucket.spend(1000, later);
    burst += 1000;
  }
  EXPECT_LE(burst, 60'000U);
}

TEST(DebtBucket, UnlimitedNeverWaitsAndAChangeForgives) {
  DebtBucket bucket;
  const SteadyTime now{};
  bucket.spend(1'000'000'000, now);
  EXPECT_EQ(bucket.wait(now), Duration::zero());
  bucket.set_rate(1000, now);
  bucket.spend(1'000'000, now);
  EXPECT_GT(bucket.wait(now), seconds(900));
  bucket.set_rate(2000, now);
  EXPECT_EQ(bucket.wait(now), Duration::zero());
  bucket.spend(1'000'000, now);
  bucket.set_rate(0, now);
  EXPECT_EQ(bucket.wait(now), Duration::zero());
}

TEST(DebtBucket, NamesALumpThatLeavesNoLongSilence) {
  DebtBucket bucket;
  EXPECT_EQ(bucket.lump(), UINT64_MAX) << "unlimited";
  bucket.set_rate(8'000'000, {});
  EXPECT_EQ(bucket.lump(), 1'000'000U);
  bucket.spend(bucket.lump(), {});
  EXPECT_LE(bucket.wait({}), seconds(1));
  bucket.set_rate(8192, {});
  EXPECT_EQ(bucket.lump(), 1024U);
  bucket.set_rate(100, {});
  EXPECT_EQ(bucket.lump(), 1024U) << "one call for each byte would be too many";
}

}  // namespace
}  // namespace larder::origin
