// How many requests a host bears, and which connections outlive a change of the network.
#include "origin/host_lanes.h"

#include <gtest/gtest.h>

#include "origin/http/pool_rule.h"

namespace larder::origin {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

const std::string kHost = "http://a:80";

class HostLanesTest : public ::testing::Test {
 protected:
  void refuse(std::size_t active, std::size_t served, SteadyTime begun, std::optional<seconds> retry_after = {}) {
    lanes.on_refused(kHost, {active, served, begun, retry_after}, now);
  }
  bool may_begin(std::size_t active) { return lanes.may_begin(kHost, active, now); }
  std::size_t places() { return lanes.places(kHost, now); }

  HostLanes lanes{8};
  SteadyTime now = SteadyTime{} + std::chrono::hours(1000);
};

TEST_F(HostLanesTest, AHostOfWhichNothingIsKnownHasAllPlaces) {
  EXPECT_EQ(places(), 8U);
  EXPECT_TRUE(may_begin(0));
  lanes.served(kHost, now);
  lanes.began(kHost, now);
  EXPECT_EQ(lanes.remembered(), 0U) << "nothing is remembered of hosts that refuse nothing";
  EXPECT_EQ(lanes.next_change(kHost), SteadyTime::max());
}

TEST_F(HostLanesTest, IsNarrowedToWhatIsServedByHalfAtLeast) {
  struct Row {
    std::size_t active, served, left;
  };
  for (const Row& row : {Row{8, 1, 1}, Row{8, 0, 1}, Row{8, 3, 3}, Row{8, 7, 4}, Row{1, 0, 4}}) {
    HostLanes fresh(8);
    fresh.on_refused(kHost, {row.active, row.served, now, std::nullopt}, now);
    EXPECT_EQ(fresh.places(kHost, now), row.left) << row.active << " " << row.served;
    EXPECT_EQ(fresh.places("http://b:80", now), 8U) << "another host";
  }
}

TEST_F(HostLanesTest, RefusalsOfOneBurstNarrowOnce) {
  const SteadyTime begun = now;
  for (int i = 0; i < 7; ++i) {
    now += milliseconds(1);
    refuse(8, 4, begun);
  }
  EXPECT_EQ(places(), 4U);
  EXPECT_TRUE(lanes.narrowed_since(kHost, begun));
  now += milliseconds(1);
  EXPECT_FALSE(may_begin(4));
  EXPECT_TRUE(may_begin(3));
  refuse(4, 1, now);
  EXPECT_EQ(places(), 1U);
}

TEST_F(HostLanesTest, OneAtATimeIsSetApartFurtherWithEachRefusal) {
  refuse(2, 1, now);
  ASSERT_EQ(places(), 1U);
  EXPECT_TRUE(may_begin(0)) << "so far there were only too many at once";
  Duration gap = HostLanes::kFirstGap;
  for (int i = 0; i < 10; ++i) {
    now += seconds(10);
    lanes.began(kHost, now);
    const SteadyTime began = now;
    now += milliseconds(1);
    refuse(1, 0, began);
    EXPECT_FALSE(may_begin(0));
    EXPECT_EQ(lanes.next_change(kHost), began + gap);
    now = began + gap;
    EXPECT_TRUE(may_begin(0));
    gap = std::min(gap * 2, HostLanes::kLongestGap);
  }
  const Duration before = lanes.next_change(kHost) - now;
  EXPECT_LE(before, HostLanes::kLongestGap);
  for (unsigned i = 0; i < HostLanes::kServedBeforeFaster; ++i) lanes.served(kHost, now);
  lanes.began(kHost, now);
  EXPECT_EQ(lanes.next_change(kHost), now + HostLanes::kLongestGap * 3 / 4);
}

TEST_F(HostLanesTest, RetryAfterIsWaitedForByAllButNotForLong) {
  refuse(2, 1, now, seconds(2));
  EXPECT_FALSE(may_begin(0));
  now += seconds(2);
  EXPECT_TRUE(may_begin(0));
  refuse(1, 0, now, seconds(86400));
  now += HostLanes::kLongestPause;
  EXPECT_TRUE(may_begin(0)) << "a word to one file does not keep all others away for a day";
}

TEST_F(HostLanesTest, GrowsSlowlyAgainAndIsForgotten) {
  refuse(8, 1, now);
  now += HostLanes::kQuiet - milliseconds(1);
  EXPECT_EQ(places(), 1U);
  now += milliseconds(1);
  EXPECT_EQ(places(), 2U);
  now += HostLanes::kQuiet;
  EXPECT_EQ(places(), 4U);
  now += HostLanes::kQuiet;
  EXPECT_EQ(places(), 8U);
  EXPECT_EQ(lanes.remembered(), 0U);
}

TEST_F(HostLanesTest, WhatWasTooWideAgainIsTriedLessOften) {
  refuse(8, 1, now);
  Duration quiet = HostLanes::kQuiet;
  for (int i = 0; i < 8; ++i) {
    now += quiet;
    ASSERT_EQ(places(), 2U) << i;
    refuse(2, 1, now);
    ASSERT_EQ(places(), 1U) << i;
    quiet = std::min(quiet * 2, HostLanes::kLongestQuiet);
    now += quiet - milliseconds(1);
    ASSERT_EQ(places(), 1U) << i;
    now -= quiet - milliseconds(1);
  }
}

TEST_F(HostLanesTest, StrangersCannotMakeItGrow) {
  for (int i = 0; i < 10'000; ++i) {
    now += milliseconds(1);
    lanes.on_refused("http://h" + std::to_string(i) + ":80", {2, 1, now, std::nullopt}, now);
  }
  EXPECT_EQ(lanes.remembered(), HostLanes::kMaxHosts);
  EXPECT_EQ(lanes.places("http://h9999:80", now), 1U) << "the latest is there";
}

TEST(PoolRule, TakesNoConnectionThatIsOlderThanTheChange) {
  const SteadyTime change = SteadyTime{} + seconds(1000);
  EXPECT_FALSE(pool_rule(std::nullopt, change).fresh);
  EXPECT_EQ(pool_rule(std::nullopt, change).longest_life_s, 0);
  for (int ms = 0; ms < 200'000; ms += 250) {
    const SteadyTime now = change + milliseconds(ms);
    const PoolRule rule = pool_rule(change, now);
    if (rule.fresh) continue;
    ASSERT_GT(rule.longest_life_s, 0) << "0 would be no limit";
    // One made at the change has this age in libcurl's eyes, and is refused where it is above the limit.
    EXPECT_GT(ms / 1000, rule.longest_life_s) << ms;
    EXPECT_LE(ms / 1000 - 1, rule.longest_life_s) << "not more than a second of younger ones goes with it";
  }
  EXPECT_TRUE(pool_rule(change, change).fresh);
  EXPECT_EQ(pool_rule(change, change + minutes(10)).name_memory_s, 60);
}

}  // namespace
}  // namespace larder::origin
