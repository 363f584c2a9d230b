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
      for (const std::uint64_t id : ids) pace.on_received(id, bytes, now);
    }
  }

  PeerPace pace;
  SteadyTime now{seconds(100)};
};

TEST_F(Pace, TrustedPeersGetSeveralWindows) {
  EXPECT_EQ(pace.windows(now), PeerPace::kWindows);
  EXPECT_FALSE(pace.on_probation());
  EXPECT_FALSE(pace.too_slow(now));
  EXPECT_TRUE(pace.take_stalled(now).empty());
}

TEST_F(Pace, NothingFromAnyPeerIsAStallOfAll) {
  pace.on_opened(1, now);
  pace.on_opened(2, now);
  EXPECT_TRUE(pace.take_stalled(now + milliseconds(1499)).empty());
  EXPECT_EQ(pace.take_stalled(now + milliseconds(1500)), (std::vector<std::uint64_t>{1, 2}));
}

TEST_F(Pace, AShortPatienceShortensTheStall) {
  pace.set_rules({seconds(1), 0});
  pace.on_opened(1, now);
  EXPECT_EQ(pace.take_stalled(now + seconds(1)).size(), 1U);
}

TEST_F(Pace, OneThatGoesOnKeepsTheOthers) {
  pace.on_opened(1, now);
  pace.on_opened(2, now);
  deliver(100 * 1024, seconds(9));
  EXPECT_TRUE(pace.take_stalled(now).empty());
  deliver(100 * 1024, seconds(1));
  EXPECT_EQ(pace.take_stalled(now), std::vector<std::uint64_t>{2});
  EXPECT_FALSE(pace.on_probation()) << "the others deliver";
}

TEST_F(Pace, AfterAStallTheyRestLongerEachTimeAndComeBackOnProbation) {
  Duration rest = seconds(2);
  for (int i = 0; i < 8; ++i) {
    pace.on_opened(1, now);
    now += seconds(2);
    ASSERT_EQ(pace.take_stalled(now).size(), 1U);
    pace.on_closed(1, false, now);
    EXPECT_EQ(pace.windows(now + rest - milliseconds(1)), 0U) << i;
    EXPECT_EQ(pace.windows(now + rest), 1U) << i;
    now += rest;
    rest = std::min<Duration>(2 * rest, PeerPace::kLongestRest);
  }
}

TEST_F(Pace, SuccessEndsProbation) {
  pace.on_opened(1, now);
  now += seconds(2);
  ASSERT_FALSE(pace.take_stalled(now).empty());
  pace.on_closed(1, false, now);
  now += seconds(3);
  pace.on_opened(2, now);
  pace.on_received(2, 100, now);
  pace.on_closed(2, true, now);
  EXPECT_EQ(pace.windows(now), PeerPace::kWindows);
}

TEST_F(Pace, TooSlowIsJudgedAfterThePatienceAndUntilTheyAreFastAgain) {
  pace.on_opened(1, now);
  deliver(10 * 1024, milliseconds(4900));  // 100 KiB/s
  EXPECT_FALSE(pace.too_slow(now));
  deliver(10 * 1024, milliseconds(200));
  EXPECT_TRUE(pace.too_slow(now));
  deliver(100 * 1024, seconds(5));
  EXPECT_FALSE(pace.too_slow(now));
}

TEST_F(Pace, AllPeersTogetherCount) {
  pace.on_opened(1, now);
  pace.on_opened(2, now);
  deliver(16 * 1024, seconds(6), {1, 2});  // 160 KiB/s each
  EXPECT_FALSE(pace.too_slow(now));
}

TEST_F(Pace, WithoutAMinimumNothingIsTooSlow) {
  pace.set_rules({seconds(1), 0});
  pace.on_opened(1, now);
  deliver(1, seconds(20));
  EXPECT_FALSE(pace.too_slow(now));
}

TEST_F(Pace, WhatThisSideHoldsBackIsNobodysFault) {
  pace.on_opened(1, now);
  for (int i = 0; i < 100; ++i) {
    now += milliseconds(100);
    pace.set_throttled(true, now);
    EXPECT_TRUE(pace.take_stalled(now).empty());
    EXPECT_FALSE(pace.too_slow(now));
  }
  pace.set_throttled(false, now);
  EXPECT_TRUE(pace.take_stalled(now + milliseconds(1400)).empty());
  EXPECT_FALSE(pace.take_stalled(now + milliseconds(1500)).empty());
}

TEST_F(Pace, ARefusedSegmentIsNotAskedForAtOnce) {
  pace.on_refused(3, now);
  EXPECT_FALSE(pace.may_ask(3, now + seconds(4)));
  EXPECT_TRUE(pace.may_ask(4, now));
  EXPECT_TRUE(pace.may_ask(3, now + seconds(5)));
  pace.on_refused(3, now + seconds(5));
  EXPECT_FALSE(pace.may_ask(3, now + seconds(14)));
  pace.end_rests();
  EXPECT_TRUE(pace.may_ask(3, now));
}

TEST_F(Pace, WhoRefusesEverythingRests) {
  for (std::uint64_t segment = 0; segment < 4; ++segment) pace.on_refused(segment, now);
  EXPECT_EQ(pace.windows(now), 0U);
  pace.end_rests();
  EXPECT_EQ(pace.windows(now), 1U) << "still on probation";
}

TEST_F(Pace, WhatComesWithinFiftyMillisecondsIsForgottenTogether) {
  pace.set_rules({seconds(1), 1000});
  pace.on_opened(1, now);
  const SteadyTime first = now + seconds(2);
  pace.on_received(1, 1, first);
  pace.on_received(1, 5000, first + milliseconds(49));
  EXPECT_FALSE(pace.too_slow(first + milliseconds(999)));
  EXPECT_TRUE(pace.too_slow(first + seconds(1)));
  const SteadyTime second = now + seconds(4);
  pace.on_received(1, 1, second);
  pace.on_received(1, 5000, second + milliseconds(50));
  EXPECT_FALSE(pace.too_slow(second + seconds(1)));
  EXPECT_FALSE(pace.too_slow(second + milliseconds(1049)));
  EXPECT_TRUE(pace.too_slow(second + milliseconds(1050)));
}

TEST_F(Pace, TheLeastRateIsFastEnough) {
  pace.set_rules({seconds(1), 1000});
  const auto is_slow = [this](std::uint64_t bytes) {
    pace.on_received(1, bytes, now += milliseconds(1500));
    return pace.too_slow(now += milliseconds(500));
  };
  pace.on_opened(1, now);
  EXPECT_TRUE(is_slow(999));
  EXPECT_FALSE(is_slow(1000));
  EXPECT_TRUE(is_slow(999));
  pace.set_throttled(true, now);
  pace.set_throttled(false, now);
  EXPECT_TRUE(is_slow(999));
  pace.on_closed(1, true, now);
  pace.on_opened(1, now);
  EXPECT_TRUE(is_slow(999));
}

TEST_F(Pace, WhoBeginsAnewIsNotJudgedByWhatWasBefore) {
  pace.set_rules({seconds(1), 1000});
  pace.on_opened(1, now);
  now += seconds(1);
  EXPECT_TRUE(pace.too_slow(now));
  pace.on_closed(1, false, now);
  pace.on_opened(2, now);
  EXPECT_FALSE(pace.too_slow(now));
  EXPECT_FALSE(pace.too_slow(now + milliseconds(999)));
  EXPECT_TRUE(pace.too_slow(now + seconds(1)));
}

TEST_F(Pace, ThatThisSideHoldsBackIsForgivenInOne) {
  pace.on_opened(1, now);
  pace.set_throttled(true, now);
  EXPECT_TRUE(pace.take_stalled(now + seconds(10)).empty());
  pace.set_throttled(false, now + seconds(10));
  EXPECT_TRUE(pace.take_stalled(now + milliseconds(11'499)).empty());
  EXPECT_FALSE(pace.take_stalled(now + milliseconds(11'500)).empty());
}

TEST_F(Pace, FourRefusalsInARowAreARest) {
  for (std::uint64_t segment = 0; segment < 3; ++segment) pace.on_refused(segment, now);
  EXPECT_EQ(pace.windows(now), PeerPace::kWindows);
  pace.on_opened(1, now);
  pace.on_closed(1, true, now);
  for (std::uint64_t segment = 3; segment < 6; ++segment) pace.on_refused(segment, now);
  EXPECT_EQ(pace.windows(now), PeerPace::kWindows) << "one came between";
  pace.on_refused(6, now);
  EXPECT_EQ(pace.windows(now), 0U);
  now += PeerPace::kFirstRest;
  EXPECT_EQ(pace.windows(now), 1U);
  for (std::uint64_t segment = 7; segment < 10; ++segment) pace.on_refused(segment, now);
  EXPECT_EQ(pace.windows(now), 1U) << "it is counted from the beginning";
}

TEST_F(Pace, DisappointmentsAreForgivenHalfAMinuteAfterTheRest) {
  const auto disappoint = [this] {
    pace.on_opened(1, now);
    now += seconds(2);
    ASSERT_FALSE(pace.take_stalled(now).empty());
    pace.on_closed(1, false, now);
  };
  disappoint();
  disappoint();
  EXPECT_EQ(pace.windows(now + 2 * PeerPace::kFirstRest - milliseconds(1)), 0U) << "the second rest is longer";
  // It ends after 4 s; 29 s later the next one is the third, 30 s later the first again.
  now += seconds(4) + PeerPace::kForgive - seconds(3);
  disappoint();
  EXPECT_EQ(pace.windows(now + seconds(8) - milliseconds(1)), 0U);
  now += seconds(8) + PeerPace::kForgive - seconds(2);
  disappoint();
  EXPECT_EQ(pace.windows(now + PeerPace::kFirstRest - milliseconds(1)), 0U);
  EXPECT_EQ(pace.windows(now + PeerPace::kFirstRest), 1U);
  now += PeerPace::kFirstRest + PeerPace::kForgive - seconds(2);
  disappoint();
  EXPECT_EQ(pace.windows(now + PeerPace::kFirstRest), 1U) << "a single one is forgiven too";
}

TEST_F(Pace, WhereNothingIsAskedForNobodyDisappoints) {
  pace.on_opened(1, now);
  pace.on_closed(1, true, now);
  EXPECT_TRUE(pace.take_stalled(now + seconds(100)).empty());
  EXPECT_EQ(pace.windows(now + seconds(100)), PeerPace::kWindows);
}

TEST_F(Pace, OneByteASecondIsALeastRate) {
  pace.set_rules({seconds(1), 1});
  pace.on_opened(1, now);
  EXPECT_TRUE(pace.too_slow(now + seconds(1)));
}

TEST_F(Pace, ASegmentIsAskedForAgainLaterEachTimeButNotAfterMoreThanAMinute) {
  for (const int wait : {5, 10, 20, 40, 60, 60, 60}) {
    pace.on_refused(3, now);
    EXPECT_FALSE(pace.may_ask(3, now + seconds(wait) - milliseconds(1))) << wait;
    EXPECT_TRUE(pace.may_ask(3, now + seconds(wait))) << wait;
  }
}

}  // namespace
}  // namespace larder::agent
