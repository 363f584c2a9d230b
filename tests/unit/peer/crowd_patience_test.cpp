// Claims and holders that come to nothing, and an origin that is slow (docs/decisions/0019-crowd.md, rule 5), one agent
// at a time.
#include "peer/crowd/crowd.h"

#include <gmock/gmock.h>

#include "tests/unit/peer/crowd_lab.h"

namespace larder::peer::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;

using CrowdPatienceTest = CrowdLab;

TEST_F(CrowdPatienceTest, ClaimsWithoutProgressAreVoidAndTheirSegmentsFree) {
  know(4, 0);
  crowd->begin_crowd(now);
  const auto before = others(true);
  for (std::uint32_t i = 0; i < 4; ++i) hear(before[i], says({{i * 8, 0}, {i * 8 + 1, 0}}));
  EXPECT_THAT(run(milliseconds(1450)).fetch, IsEmpty());
  EXPECT_EQ(run(milliseconds(150)).fetch.size(), 1u);
  EXPECT_EQ(crowd->figures(now).fetchers, 1u);
}

TEST_F(CrowdPatienceTest, ClaimsTakenUpAndDroppedAgainAreNoProgress) {
  know(4, 0);
  crowd->begin_crowd(now);
  const auto before = others(true);
  for (std::uint32_t tick = 0; tick < 16; ++tick) {
    for (std::uint32_t i = 0; i < 4; ++i) hear(before[i], says({{(i * 8 + tick) % 32, 0}}));
    run(milliseconds(100));
  }
  EXPECT_FALSE(crowd->take_step(now).fetch.empty());
}

TEST_F(CrowdPatienceTest, ProgressKeepsAClaim) {
  know(4, 0);
  crowd->begin_crowd(now);
  const auto before = others(true);
  for (std::uint32_t tick = 1; tick < 40; ++tick) {
    for (std::uint32_t i = 0; i < 4; ++i) hear(before[i], says({{i * 8, tick * 50'000}}));
    ASSERT_THAT(run(milliseconds(400)).fetch, IsEmpty()) << tick;
  }
}

TEST_F(CrowdPatienceTest, AByteASecondIsNoProgress) {
  know(4, 0);
  crowd->begin_crowd(now);
  const auto before = others(true);
  for (std::uint32_t tick = 0; tick < 5; ++tick) {
    for (std::uint32_t i = 0; i < 4; ++i) hear(before[i], says({{i * 8, tick}}));
    run(milliseconds(400));
  }
  EXPECT_EQ(crowd->take_step(now).fetch.size(), 1u);
}

TEST_F(CrowdPatienceTest, WhatIsWhollyFetchedMustComeToBeHeld) {
  know(4, 0);
  crowd->begin_crowd(now);
  const auto before = others(true);
  for (std::uint32_t i = 0; i < 4; ++i) hear(before[i], says({{i * 8, kSegment}}));
  EXPECT_THAT(run(milliseconds(2900)).fetch, IsEmpty());
  EXPECT_EQ(run(milliseconds(250)).fetch.size(), 1u);
}

TEST_F(CrowdPatienceTest, WhoBrokeTwoClaimsIsNotWaitedForAgain) {
  const AgentId liar = others(true)[0];
  know(4, 0);
  crowd->begin_crowd(now);
  hear(liar, says({{0, 0}}));
  run(milliseconds(1600));
  EXPECT_TRUE(record.waits_for(liar, now));
  crowd->on_agent_gone(liar, now);
  hear(liar, says({{1, 0}}));
  run(milliseconds(1600));
  EXPECT_FALSE(record.waits_for(liar, now));
  hear(liar, says({{5, 0}}));
  EXPECT_EQ(crowd->figures(now).claimed, 0u);
  EXPECT_TRUE(record.waits_for(liar, now + ClaimRecord::kFirstRest));
}

TEST_F(CrowdPatienceTest, OnlyFewClaimsOfOneAgentCount) {
  know(4, 0);
  crowd->begin_crowd(now);
  std::vector<CrowdClaim> all;
  for (std::uint32_t i = 0; i < kMaxCrowdClaims; ++i) all.push_back({i, 0});
  hear(others(true)[0], says(all));
  EXPECT_EQ(crowd->figures(now).claimed, CrowdMembers::kCounted);
}

TEST_F(CrowdPatienceTest, WhoGetsNothingForItsPatienceMayFetchTooUpToEight) {
  know(11, 0);
  crowd->begin_crowd(now);
  const auto before = others(true);
  // They go on, but far below the rate that is enough.
  std::size_t fetching = 4;
  for (std::uint32_t tick = 1; tick < 40 && crowd->take_step(now).fetch.empty(); ++tick) {
    for (std::uint32_t i = 0; i < fetching; ++i) hear(before[i], says({{i * 4, tick * 17'000}}));
    run(milliseconds(400));
  }
  EXPECT_EQ(crowd->take_step(now).fetch.size(), 1u);
  EXPECT_GE(now - SteadyTime(seconds(100)), rules.patience);
  make();
  know(11, 0);
  crowd->begin_crowd(now);
  fetching = 8;
  for (std::uint32_t tick = 1; tick < 40; ++tick) {
    for (std::uint32_t i = 0; i < fetching; ++i) hear(before[i], says({{i * 4, tick * 12'000}}));
    ASSERT_THAT(run(milliseconds(400)).fetch, IsEmpty()) << "eight are the most";
  }
}

TEST_F(CrowdPatienceTest, ACrowdThatGoesOnWellIsWaitedFor) {
  rules.patience = seconds(1);
  make();
  know(11, 0);
  crowd->begin_crowd(now);
  const auto before = others(true);
  for (std::uint32_t tick = 1; tick < 10; ++tick) {
    for (std::uint32_t i = 0; i < 4; ++i) hear(before[i], says({{i * 8, tick * 200'000}}));
    ASSERT_THAT(run(milliseconds(400)).fetch, IsEmpty());
  }
}

TEST_F(CrowdPatienceTest, HoldersThatGiveNothingAreNotWaitedForWithoutBound) {
  rules.patience = seconds(1);
  make();
  know(11, 0);
  crowd->begin_crowd(now);
  const auto before = others(true);
  std::vector<std::uint64_t> most;
  for (std::uint64_t i = 0; i < 20; ++i) most.push_back(i);
  bool fetched = false;
  for (std::uint32_t tick = 1; tick < 15 && !fetched; ++tick) {
    for (std::uint32_t i = 0; i < 8; ++i) hear(before[i], says({{20 + i, tick * 200'000}}, most));
    fetched = !run(milliseconds(400)).fetch.empty();
  }
  EXPECT_TRUE(fetched) << "even with eight fetchers";
  EXPECT_LE(now - SteadyTime(seconds(100)), seconds(5));
}

TEST_F(CrowdPatienceTest, WhoGetsEnoughAfterAllLeavesTheOriginAtOnce) {
  rules.patience = seconds(1);
  make();
  know(11, 0);
  crowd->begin_crowd(now);
  std::vector<std::uint64_t> all;
  for (std::uint64_t i = 0; i < 32; ++i) all.push_back(i);
  bool fetched = false;
  for (std::uint32_t tick = 1; tick < 10 && !fetched; ++tick) {
    hear(others(true)[0], says({}, all));
    fetched = !run(milliseconds(400)).fetch.empty();
  }
  ASSERT_TRUE(fetched) << "what others hold and do not give";
  crowd->on_bytes_from_peers(rules.min_rate / 2, now);
  EXPECT_THAT(at(milliseconds(10)).fetch, Not(IsEmpty()));
  crowd->on_bytes_from_peers(rules.min_rate / 2, now);
  EXPECT_THAT(at(milliseconds(10)).fetch, IsEmpty()) << "the second is not over, but what it needs is here";
}

TEST_F(CrowdPatienceTest, TheLastSegmentIsFetchedAgainWhereItsFetcherIsMuchTooSlow) {
  know(4, 0);
  for (std::uint64_t i = 0; i < 31; ++i) crowd->on_segment_offered(i, false, now);
  crowd->begin_crowd(now);
  bool fetched = false;
  for (std::uint32_t tick = 1; tick < 30 && !fetched; ++tick) {
    hear(others(true)[0], says({{31, tick * 8'000}}));
    fetched = !run(milliseconds(400)).fetch.empty();
  }
  EXPECT_TRUE(fetched);
  EXPECT_FALSE(record.may_try(now)) << "now and then, not for each of hundreds of files on a thin line";
}

// The last ones on a line that all share become faster when others have ended.
TEST_F(CrowdPatienceTest, WhoHasJustBecomeFreeDoesNotTakeTheLastOneForTooSlow) {
  know(0, 4);
  for (std::uint64_t i = 0; i < 30; ++i) crowd->on_segment_offered(i, false, now);
  hear(others(false)[0], says({{31, 8'000}}));
  crowd->begin_crowd(now);
  ASSERT_THAT(run(milliseconds(100)).fetch, ElementsAre(30));
  std::uint32_t said = 8'000;
  for (std::uint64_t part = 1; part < 8; ++part) {
    crowd->on_progress(SegmentIndex(30), part * kSegment / 8, now);
    hear(others(false)[0], says({{31, said += 8'000}}));
    ASSERT_THAT(run(milliseconds(300)).fetch, ElementsAre(30));
  }
  crowd->on_segment_offered(30, true, now);
  const SteadyTime freed = now;
  while (now - freed < rules.line_shows - milliseconds(100)) {
    hear(others(false)[0], says({{31, said += 2'000}}));
    ASSERT_THAT(run(milliseconds(50)).fetch, IsEmpty());
  }
  hear(others(false)[0], says({{31, said += 2'000}}));
  EXPECT_THAT(run(milliseconds(150)).fetch, ElementsAre(31)) << "it is as slow by itself";
}

TEST_F(CrowdPatienceTest, AHolderThatDoesNotGiveIsNoHolderForAWhile) {
  know(0, 4);
  const AgentId holder = others(false)[0];
  for (std::uint64_t i = 0; i < 31; ++i) crowd->on_segment_offered(i, false, now);
  hear(holder, says({}, {31}));
  crowd->begin_crowd(now);
  EXPECT_THAT(run(milliseconds(500)).fetch, IsEmpty());
  crowd->on_segment_not_given(holder, 31, now);
  hear(holder, says({}, {31}));
  EXPECT_THAT(run(milliseconds(100)).fetch, ElementsAre(31));
  EXPECT_THAT(crowd->holders(SegmentIndex(31), 8, now), IsEmpty());
  now += CrowdMembers::kFirstRefusal;
  hear(holder, says({}, {31}));
  EXPECT_THAT(crowd->holders(SegmentIndex(31), 8, now), ElementsAre(holder));
}

TEST_F(CrowdPatienceTest, WhoProvesNothingHoldsNothingForAWhileAndLongerEachTime) {
  know(0, 4);
  const AgentId holder = others(false)[0];
  CrowdEntry all = says({});
  all.complete = true;
  hear(holder, all);
  crowd->begin_crowd(now);
  EXPECT_THAT(run(milliseconds(500)).fetch, IsEmpty());
  crowd->on_nothing_proven(holder, now);
  hear(holder, all);
  crowd->on_holder(holder, true, {}, now);
  EXPECT_FALSE(run(milliseconds(100)).fetch.empty());
  EXPECT_THAT(crowd->holders(SegmentIndex(3), 8, now), IsEmpty());
  now += CrowdMembers::kFirstRefusal;
  hear(holder, all);
  EXPECT_THAT(crowd->holders(SegmentIndex(3), 8, now), ElementsAre(holder));
  crowd->on_nothing_proven(holder, now);
  now += CrowdMembers::kFirstRefusal;
  hear(holder, all);
  EXPECT_THAT(crowd->holders(SegmentIndex(3), 8, now), IsEmpty());
}

}  // namespace
}  // namespace larder::peer::test
