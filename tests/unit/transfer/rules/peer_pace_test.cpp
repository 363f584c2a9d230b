#include "agent/transfer/rules/peer_pace.h"

#include <gtest/gtest.h>

namespace larder::agent {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class Pace : public testing::Test {
 protected:
  Pace() { pace.set_rules({seconds(5), 256 * kKiB}); }

  // `bytes` every 100 ms of each delivery, for `time`.
  void deliver(std::uint64_t bytes, Duration time, const std::vector<std::uint64_t>& ids = {1}) {
    for (const SteadyTime end = now + time; now < end;) {
      now += milliseconds(100);
      for (const std::uint64_t id : ids) pace.received(id, bytes, now);
    }
  }

  PeerPace pace;
  SteadyTime now{seconds(100)};
};

TEST_F(Pace, TrustedPeersGetSeveralWindows) {
  EXPECT_EQ(pace.windows(now), PeerPace::kWindows);
  EXPECT_FALSE(pace.on_probation());
  EXPECT_FALSE(pace.too_slow(now));
  EXPECT_TRUE(pace.stalled(now).empty());
}

TEST_F(Pace, NothingFromAnyPeerIsAStallOfAll) {
  pace.opened(1, now);
  pace.opened(2, now);
  EXPECT_TRUE(pace.stalled(now + milliseconds(1499)).empty());
  EXPECT_EQ(pace.stalled(now + milliseconds(1500)), (std::vector<std::uint64_t>{1, 2}));
}

TEST_F(Pace, AShortPatienceShortensTheStall) {
  pace.set_rules({seconds(1), 0});
  pace.opened(1, now);
  EXPECT_EQ(pace.stalled(now + seconds(1)).size(), 1U);
}

TEST_F(Pace, OneThatGoesOnKeepsTheOthers) {
  pace.opened(1, now);
  pace.opened(2, now);
  deliver(100 * 1024, seconds(9));
  EXPECT_TRUE(pace.stalled(now).empty());
  deliver(100 * 1024, seconds(1));
  EXPECT_EQ(pace.stalled(now), std::vector<std::uint64_t>{2});
  EXPECT_FALSE(pace.on_probation()) << "the others deliver";
}

TEST_F(Pace, AfterAStallTheyRestLongerEachTimeAndComeBackOnProbation) {
  Duration rest = seconds(2);
  for (int i = 0; i < 8; ++i) {
    pace.opened(1, now);
    now += seconds(2);
    ASSERT_EQ(pace.stalled(now).size(), 1U);
    pace.closed(1, false, now);
    EXPECT_EQ(pace.windows(now + rest - milliseconds(1)), 0U) << i;
    EXPECT_EQ(pace.windows(now + rest), 1U) << i;
    now += rest;
    rest = std::min<Duration>(2 * rest, PeerPace::kLongestRest);
  }
}

TEST_F(Pace, SuccessEndsProbation) {
  pace.opened(1, now);
  now += seconds(2);
  ASSERT_FALSE(pace.stalled(now).empty());
  pace.closed(1, false, now);
  now += seconds(3);
  pace.opened(2, now);
  pace.received(2, 100, now);
  pace.closed(2, true, now);
  EXPECT_EQ(pace.windows(now), PeerPace::kWindows);
}

TEST_F(Pace, TooSlowIsJudgedAfterThePatienceAndUntilTheyAreFastAgain) {
  pace.opened(1, now);
  deliver(10 * 1024, milliseconds(4900));  // 100 KiB/s
  EXPECT_FALSE(pace.too_slow(now));
  deliver(10 * 1024, milliseconds(200));
  EXPECT_TRUE(pace.too_slow(now));
  deliver(100 * 1024, seconds(5));
  EXPECT_FALSE(pace.too_slow(now));
}

TEST_F(Pace, AllPeersTogetherCount) {
  pace.opened(1, now);
  pace.opened(2, now);
  deliver(16 * 1024, seconds(6), {1, 2});  // 160 KiB/s each
  EXPECT_FALSE(pace.too_slow(now));
}

TEST_F(Pace, WithoutAMinimumNothingIsTooSlow) {
  pace.set_rules({seconds(1), 0});
  pace.opened(1, now);
  deliver(1, seconds(20));
  EXPECT_FALSE(pace.too_slow(now));
}

TEST_F(Pace, WhatThisSideHoldsBackIsNobodysFault) {
  pace.opened(1, now);
  for (int i = 0; i < 100; ++i) {
    now += milliseconds(100);
    pace.hold(true, now);
    EXPECT_TRUE(pace.stalled(now).empty());
    EXPECT_FALSE(pace.too_slow(now));
  }
  pace.hold(false, now);
  EXPECT_TRUE(pace.stalled(now + milliseconds(1400)).empty());
  EXPECT_FALSE(pace.stalled(now + milliseconds(1500)).empty());
}

TEST_F(Pace, ARefusedSegmentIsNotAskedForAtOnce) {
  pace.refused(3, now);
  EXPECT_FALSE(pace.may_ask(3, now + seconds(4)));
  EXPECT_TRUE(pace.may_ask(4, now));
  EXPECT_TRUE(pace.may_ask(3, now + seconds(5)));
  pace.refused(3, now + seconds(5));
  EXPECT_FALSE(pace.may_ask(3, now + seconds(14)));
  pace.ask_again();
  EXPECT_TRUE(pace.may_ask(3, now));
}

TEST_F(Pace, WhoRefusesEverythingRests) {
  for (std::uint64_t segment = 0; segment < 4; ++segment) pace.refused(segment, now);
  EXPECT_EQ(pace.windows(now), 0U);
  pace.ask_again();
  EXPECT_EQ(pace.windows(now), 1U) << "still on probation";
}

}  // namespace
}  // namespace larder::agent
