#include "peer/common/token_bucket.h"

#include <gtest/gtest.h>

namespace larder::peer {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr SteadyTime kStart{seconds(100)};

unsigned taken(TokenBucket& bucket, SteadyTime now) {
  unsigned count = 0;
  while (count < 1000 && bucket.take_token(now)) ++count;
  return count;
}

TEST(RefusingBucket, GivesABurstAndThenItsRate) {
  TokenBucket bucket(10, 4);
  EXPECT_EQ(taken(bucket, kStart), 4U);
  EXPECT_EQ(taken(bucket, kStart + milliseconds(99)), 0U);
  EXPECT_EQ(taken(bucket, kStart + milliseconds(301)), 3U);
  EXPECT_EQ(taken(bucket, kStart + seconds(1000)), 4U) << "no more is saved up";
}

TEST(RefusingBucket, AClockThatGoesBackGivesNothing) {
  TokenBucket bucket(10, 1);
  EXPECT_TRUE(bucket.take_token(kStart + seconds(5)));
  EXPECT_FALSE(bucket.take_token(kStart));
  EXPECT_FALSE(bucket.take_token(kStart));
}

TEST(RefusingBucket, SaysWhenItGivesAgain) {
  TokenBucket bucket(10, 2);
  EXPECT_EQ(bucket.free_at(), SteadyTime{}) << "now";
  EXPECT_EQ(taken(bucket, kStart), 2U);
  const SteadyTime again = bucket.free_at();
  EXPECT_GE(again, kStart + milliseconds(100));
  EXPECT_LE(again, kStart + milliseconds(101));
  EXPECT_TRUE(bucket.take_token(again));
  bucket.fill(again + seconds(1));
  EXPECT_EQ(bucket.free_at(), SteadyTime{});
}

}  // namespace
}  // namespace larder::peer
