// The crowd's rules (docs/decisions/0019-crowd.md), one agent at a time: who fetches, what, and when it stops.
#include "peer/crowd/crowd.h"

#include <gmock/gmock.h>

#include "tests/unit/peer/crowd_lab.h"

namespace larder::peer::test {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;

using CrowdTest = CrowdLab;

TEST_F(CrowdTest, AloneFetchesAtOnceAndFromTheBeginning) {
  crowd->set_known_agents({});
  crowd->begin_crowd(now);
  EXPECT_THAT(crowd->take_step(now).fetch, ElementsAre(0));
}

TEST_F(CrowdTest, TheFirstInRankClaimsAtOnceAndAsksTheOriginWhenNobodyObjects) {
  know(0, 11);
  crowd->begin_crowd(now);
  const CrowdStep first = crowd->take_step(now);
  EXPECT_THAT(first.fetch, IsEmpty());
  EXPECT_EQ(first.urgency, SendUrgency::soon);
  EXPECT_EQ(crowd->entry().claims.size(), 1u);
  EXPECT_EQ(first.next_step_at, now + rules.confirm_after);
  EXPECT_THAT(at(rules.confirm_after).fetch, ElementsAre(0));
}

TEST_F(CrowdTest, TheLastInRankWaitsForTheOthersButNotForLong) {
  know(11, 0);
  crowd->begin_crowd(now);
  EXPECT_THAT(run(milliseconds(45)).fetch, IsEmpty());
  EXPECT_EQ(run(rules.wait + rules.confirm_after - milliseconds(45)).fetch.size(), 1u);
}

TEST_F(CrowdTest, FourFetchersAreEnough) {
  know(11, 0);
  crowd->begin_crowd(now);
  const auto before = others(true);
  for (std::uint32_t i = 0; i < 4; ++i) hear(before[i], says({{i * 8, 0}}));
  EXPECT_THAT(run(milliseconds(400)).fetch, IsEmpty());
  EXPECT_EQ(crowd->figures(now).fetchers, 4u);
}

TEST_F(CrowdTest, ThreeFetchersAreNot) {
  know(11, 0);
  crowd->begin_crowd(now);
  const auto before = others(true);
  for (std::uint32_t i = 0; i < 3; ++i) hear(before[i], says({{i * 8, 0}}));
  const auto fetch = run(milliseconds(100)).fetch;
  ASSERT_EQ(fetch.size(), 1u);
  for (const std::uint64_t claimed : {0U, 8U, 16U}) EXPECT_NE(fetch[0], claimed);
}

TEST_F(CrowdTest, EachOfTheFirstStartsAtItsOwnStripe) {
  know(2, 9);
  crowd->begin_crowd(now);
  EXPECT_THAT(at(rules.confirm_after).fetch, IsEmpty());
  EXPECT_THAT(at(rules.confirm_after).fetch, ElementsAre(16));
}

TEST_F(CrowdTest, GoesOnWithTheNextSegmentBeforeTheLastByte) {
  know(0, 5);
  crowd->begin_crowd(now);
  run(rules.confirm_after);
  for (std::uint64_t part = 1; part < 63; ++part) {
    crowd->on_progress(SegmentIndex(0), part * kSegment / 64, now += milliseconds(100));
    (void)crowd->take_step(now);
  }
  EXPECT_THAT(crowd->take_step(now).fetch, ElementsAre(0, 1)) << "one GET can go on";
  crowd->on_progress(SegmentIndex(0), kSegment, now);
  EXPECT_THAT(crowd->take_step(now).fetch, ElementsAre(1));
  crowd->on_segment_offered(0, true, now);
  const CrowdStep step = crowd->take_step(now);
  EXPECT_EQ(step.urgency, SendUrgency::soon);
  EXPECT_THAT(crowd->entry().held, ElementsAre(std::byte{1}));
  EXPECT_EQ(crowd->figures(now).first_hand, 1u);
}

TEST_F(CrowdTest, TheNextIsClaimedSoLongBeforeTheEndAsTheOriginTakesToAnswer) {
  // What has come of a segment, 1.6 s long, when the next is claimed.
  const auto claims_at = [this](Duration first_byte) -> std::uint64_t {
    make();
    know(0, 5);
    crowd->begin_crowd(now);
    run(rules.confirm_after);
    crowd->on_progress(SegmentIndex(0), 1, now += first_byte);
    for (std::uint64_t part = 1; part <= 64; ++part) {
      crowd->on_progress(SegmentIndex(0), part * kSegment / 64, now += milliseconds(25));
      if (crowd->take_step(now).fetch.size() > 1) return part * kSegment / 64;
    }
    return kSegment;
  };
  const std::uint64_t quick = claims_at(milliseconds(20));
  const std::uint64_t slow = claims_at(milliseconds(300));
  EXPECT_GT(quick, kSegment * 7 / 8) << "who is killed takes little of it with him";
  EXPECT_LT(quick, kSegment);
  EXPECT_LT(slow, kSegment * 7 / 8);
  EXPECT_GT(claims_at(seconds(20)), kSegment / 2) << "however slow: at most 0.7 s";
}

TEST_F(CrowdTest, OfTwoClaimsTheFirstInRankKeepsIts) {
  know(0, 5);
  crowd->begin_crowd(now);
  run(rules.confirm_after);
  hear(others(false)[0], says({{0, 0}}));
  EXPECT_THAT(at(milliseconds(1)).fetch, ElementsAre(0)) << "the other gives up";
  make();
  know(5, 0);
  crowd->begin_crowd(now);
  const std::uint64_t mine = run(milliseconds(60)).fetch.at(0);
  hear(others(true)[0], says({{static_cast<std::uint32_t>(mine), 0}}));
  EXPECT_THAT(at(milliseconds(1)).fetch, Not(Contains(mine)));
}

TEST_F(CrowdTest, OfTwoClaimsTheOneMoreThanHalfDoneStays) {
  know(0, 5);
  crowd->begin_crowd(now);
  run(rules.confirm_after);
  hear(others(false)[0], says({{0, kSegment / 2 + 1}}));
  EXPECT_THAT(at(milliseconds(1)).fetch, Not(Contains(0)));
}

TEST_F(CrowdTest, WhatSomebodyHoldsIsTakenAndNotFetched) {
  know(0, 5);
  std::vector<std::uint64_t> all_but_one;
  for (std::uint64_t i = 0; i < 32; ++i)
    if (i != 9) all_but_one.push_back(i);
  hear(others(false)[0], says({}, all_but_one));
  crowd->begin_crowd(now);
  run(rules.confirm_after);
  EXPECT_THAT(crowd->take_step(now).fetch, ElementsAre(9));
  EXPECT_EQ(crowd->to_take(100, now).size(), 31u);
}

TEST_F(CrowdTest, ASegmentThatComesToBeHeldElsewhereIsGivenUpUntilHalfIsDone) {
  know(0, 5);
  crowd->begin_crowd(now);
  run(rules.confirm_after);
  crowd->on_progress(SegmentIndex(0), kSegment / 4, now);
  hear(others(false)[0], says({}, {0}));
  EXPECT_THAT(at(milliseconds(1)).fetch, Not(Contains(0)));
  make();
  know(0, 5);
  crowd->begin_crowd(now);
  run(rules.confirm_after);
  crowd->on_progress(SegmentIndex(0), kSegment * 3 / 4, now);
  hear(others(false)[0], says({}, {0}));
  EXPECT_THAT(at(milliseconds(1)).fetch, Contains(0));
}

TEST_F(CrowdTest, WhatAPeerDeliversIsNotAskedOfTheOrigin) {
  know(0, 5);
  for (std::uint64_t i = 0; i < 31; ++i) crowd->on_segment_offered(i, false, now);
  crowd->on_delivering(31, now);
  crowd->begin_crowd(now);
  EXPECT_THAT(run(milliseconds(1000)).fetch, IsEmpty());
  EXPECT_THAT(run(milliseconds(1500)).fetch, ElementsAre(31)) << "nobody delivers any more";
}

TEST_F(CrowdTest, RarestFirstAndNotEverybodyFromTheSame) {
  const auto ids = others(false);
  hear(ids[0], says({}, {1, 2, 3}));
  hear(ids[1], says({}, {1, 2}));
  hear(ids[2], says({}, {1}));
  EXPECT_THAT(crowd->to_take(3, now), ElementsAre(3, 2, 1));
  std::set<AgentId> first;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Crowd other(agent_of(kSelf), key, layout, rules, record, seed);
    for (int i = 0; i < 3; ++i) other.on_entry(ids[static_cast<std::size_t>(i)], {1, 1}, says({}, {1}), now);
    first.insert(other.holders(SegmentIndex(1), 1, now).at(0));
  }
  EXPECT_EQ(first.size(), 3u);
}

// -- the origin, and policy

TEST_F(CrowdTest, WhoCannotReachTheOriginFetchesNothingAndSaysSo) {
  know(0, 4);
  crowd->begin_crowd(now);
  run(rules.confirm_after);
  crowd->on_origin_failed(now);
  const CrowdStep failed = crowd->take_step(now);
  EXPECT_THAT(failed.fetch, IsEmpty());
  EXPECT_EQ(failed.urgency, SendUrgency::soon) << "others may claim it now";
  EXPECT_EQ(crowd->missing_everywhere(now).size(), 32u);
  crowd->on_origin_back(now);
  EXPECT_EQ(run(milliseconds(100)).fetch.size(), 1u);
}

TEST_F(CrowdTest, WhoMayNotFetchDoesSoOnlyWhereNobodyElseDoes) {
  rules.may_fetch = false;
  rules.patience = seconds(1);
  make();
  know(0, 4);
  crowd->begin_crowd(now);
  hear(others(false)[0], says({{3, 0}}));
  EXPECT_THAT(run(milliseconds(900)).fetch, IsEmpty());
  EXPECT_EQ(run(seconds(2)).fetch.size(), 1u);
}

TEST_F(CrowdTest, WhoMayNotFetchDoesSoSoonWhereNobodyElseWantsIt) {
  rules.may_fetch = false;
  rules.patience = seconds(1);
  make();
  know(2, 4);
  crowd->begin_crowd(now);
  EXPECT_THAT(run(rules.wait - milliseconds(1)).fetch, IsEmpty()) << "others may be about to say so";
  EXPECT_EQ(run(rules.confirm_after + milliseconds(2)).fetch.size(), 1u);
  EXPECT_EQ(run(milliseconds(200)).fetch.size(), 1u);
  hear(others(false)[0], says({{3, 0}}));
  EXPECT_THAT(run(milliseconds(1)).fetch, IsEmpty()) << "now there is somebody who may";
}

// -- what others say

TEST_F(CrowdTest, WhatALaterDatagramOvertookIsNotRead) {
  const AgentId other = others(true)[0];
  crowd->begin_crowd(now);
  crowd->on_entry(other, {1, 5}, says({}, {1, 2}), now);
  crowd->on_entry(other, {1, 4}, says({}, {1}), now);
  EXPECT_EQ(crowd->to_take(8, now).size(), 2u);
  crowd->on_entry(other, {2, 1}, says({}, {1}), now);
  EXPECT_EQ(crowd->to_take(8, now).size(), 1u) << "started anew";
}

TEST_F(CrowdTest, EntriesOfAnotherSizeAreNotOfThisVersion) {
  CrowdEntry entry = says({}, {1});
  entry.segments = 33;
  hear(others(true)[0], entry);
  EXPECT_THAT(crowd->to_take(8, now), IsEmpty());
  EXPECT_EQ(crowd->figures(now).members, 0u);
}

TEST_F(CrowdTest, WhoIsGoneNeitherHoldsNorFetches) {
  const AgentId other = others(true)[0];
  hear(other, says({{4, 0}}, {1}));
  EXPECT_EQ(crowd->figures(now).fetchers, 1u);
  crowd->on_agent_gone(other, now);
  EXPECT_EQ(crowd->figures(now).fetchers, 0u);
  EXPECT_THAT(crowd->to_take(8, now), IsEmpty());
}

TEST_F(CrowdTest, WhoIsSilentForLongIsForgotten) {
  crowd->begin_crowd(now);
  hear(others(true)[0], says({}, {1}));
  for (int i = 0; i < 14; ++i) at(seconds(1));
  EXPECT_EQ(crowd->figures(now).members, 1u);
  for (int i = 0; i < 3; ++i) at(seconds(1));
  EXPECT_EQ(crowd->figures(now).members, 0u);
}

TEST_F(CrowdTest, AfterSleepNobodyIsBlamed) {
  know(4, 0);
  crowd->begin_crowd(now);
  const auto before = others(true);
  for (std::uint32_t i = 0; i < 4; ++i) hear(before[i], says({{i * 8, 0}}));
  (void)crowd->take_step(now);
  EXPECT_THAT(at(seconds(3600)).fetch, IsEmpty());
  EXPECT_EQ(crowd->figures(now).voided, 0u);
  EXPECT_FALSE(run(seconds(2)).fetch.empty()) << "but they are not waited for without bound";
}

TEST_F(CrowdTest, AClockThatGoesBackDoesNoHarm) {
  know(0, 4);
  crowd->begin_crowd(now);
  run(seconds(1));
  hear(others(false)[0], says({{8, 0}}));
  now -= seconds(60);
  (void)crowd->take_step(now);
  crowd->on_progress(SegmentIndex(0), 100, now);
  EXPECT_THAT(run(seconds(70)).fetch, Contains(0));
}

TEST_F(CrowdTest, ANewcomerThatClaimsIsToldTheClaimsAtOnce) {
  know(0, 4);
  crowd->begin_crowd(now);
  run(rules.confirm_after);
  crowd->on_entry_sent(now);
  (void)crowd->take_step(now);
  now += milliseconds(200);
  EXPECT_EQ(crowd->take_step(now).urgency, SendUrgency::at_pace);
  hear(others(false)[1], says({}));
  EXPECT_EQ(crowd->take_step(now).urgency, SendUrgency::at_pace);
  hear(others(false)[2], says({{9, 0}}));
  EXPECT_EQ(crowd->take_step(now).urgency, SendUrgency::soon);
}

// One datagram in a thousand is lost at each host: of thousands some do not hear that a claimed segment is held now.
TEST_F(CrowdTest, WhatWasFetchedIsToldOnceMoreBeforeItsClaimIsVoidForThoseWhoDidNotHear) {
  know(0, 4);
  for (std::uint64_t i = 1; i < 31; ++i) crowd->on_segment_offered(i, false, now);
  crowd->begin_crowd(now);
  // The last one is to be had from somebody else: afterwards there is nothing to claim, and no claim to speak of.
  hear(others(false)[0], says({}, {31}));
  ASSERT_THAT(run(milliseconds(10)).fetch, ElementsAre(0));
  crowd->on_entry_sent(now);
  crowd->on_progress(SegmentIndex(0), kSegment, now);
  crowd->on_segment_offered(0, true, now);
  ASSERT_EQ(at(milliseconds(1)).urgency, SendUrgency::soon);
  crowd->on_entry_sent(now);
  const SteadyTime first = now;
  std::vector<Duration> said;
  for (CrowdStep step = crowd->take_step(now); now < first + seconds(4); step = at(step.next_step_at - now)) {
    if (step.urgency != SendUrgency::soon) continue;
    said.push_back(now - first);
    crowd->on_entry_sent(now);
  }
  ASSERT_EQ(said.size(), 1u) << "once more, and not again and again";
  EXPECT_GE(said[0], milliseconds(200));
  EXPECT_LE(said[0], rules.void_after / 2);
}

AgentId one_of_thousands(unsigned number) {
  AgentId id{};
  id[0] = static_cast<std::byte>(number * 37);
  id[1] = static_cast<std::byte>(number >> 3);
  id[2] = static_cast<std::byte>(number & 7);
  id[5] = static_cast<std::byte>(number >> 8);
  return id;
}

TEST_F(CrowdTest, MembersAreBoundedAndTheirSegmentsNotForgottenAtOnce) {
  crowd->begin_crowd(now);
  for (unsigned i = 0; i < 3000; ++i) {
    crowd->on_entry(one_of_thousands(i), {1, 1}, says({}, {i % 32}), now);
  }
  EXPECT_LE(crowd->holders(SegmentIndex(0), 10'000, now).size(), CrowdMembers::kMaxMembers);
  EXPECT_NEAR(static_cast<double>(crowd->figures(now).members), 3000, 1200);
}

TEST_F(CrowdTest, WhoAloneHoldsASegmentIsNotForgottenForOthers) {
  crowd->begin_crowd(now);
  AgentId first{};
  first[0] = std::byte{0xff};
  crowd->on_entry(first, {1, 1}, says({}, {7}), now);
  for (unsigned i = 0; i < 3000; ++i) {
    crowd->on_entry(one_of_thousands(i), {1, 1}, says({}, {i % 4}), now);
  }
  EXPECT_EQ(crowd->holders(SegmentIndex(7), 8, now), std::vector<AgentId>{first});
  // Not even where each of thousands says that it has what nobody else has: they stay bounded.
  for (unsigned i = 0; i < 3000; ++i) {
    AgentId id{};
    id[0] = static_cast<std::byte>(i);
    id[3] = static_cast<std::byte>(1 + (i >> 8));
    crowd->on_entry(id, {1, 1}, says({}, {i % 32}), now);
  }
  EXPECT_LE(crowd->holders(SegmentIndex(0), 10'000, now).size(), CrowdMembers::kMaxMembers);
}

class LargeCrowdTest : public CrowdLab {
 protected:
  LargeCrowdTest() : CrowdLab(1) { layout = cache::SegmentLayout(100 * 1024 * kMiB); }
};

TEST_F(LargeCrowdTest, BitmapsOfLargeContentsTakeTurns) {
  ASSERT_EQ(layout.count(), 1600u);
  for (const std::uint64_t segment : {3U, 1500U}) crowd->on_segment_offered(segment, true, now);
  const CrowdEntry first = crowd->entry();
  const CrowdEntry second = crowd->entry();
  EXPECT_EQ(first.first, 0u);
  EXPECT_EQ(second.first, 1024u);
  Crowd other(agent_of(9), key, layout, rules, record, 1);
  other.on_entry(agent_of(kSelf), {1, 1}, first, now);
  other.on_entry(agent_of(kSelf), {1, 2}, second, now);
  EXPECT_EQ(other.to_take(10, now).size(), 2u) << "a window says nothing of the others";
}

class SmallCrowdTest : public CrowdLab {
 protected:
  SmallCrowdTest() : CrowdLab(1) { layout = cache::SegmentLayout(100 * kKiB); }
};

TEST_F(SmallCrowdTest, OneFetchesAndTheOthersWait) {
  know(3, 4);
  crowd->begin_crowd(now);
  hear(others(true)[2], says({{0, 0}}));
  EXPECT_THAT(run(seconds(1)).fetch, IsEmpty());
  hear(others(true)[2], says({}, {0}));
  EXPECT_THAT(run(seconds(1)).fetch, IsEmpty());
  EXPECT_THAT(crowd->to_take(8, now), ElementsAre(0));
}

TEST_F(SmallCrowdTest, OfTwoThatClaimInTheSameMomentOnlyOneAsksTheOrigin) {
  know(1, 4);
  crowd->begin_crowd(now);
  run(milliseconds(50));
  ASSERT_EQ(crowd->entry().claims.size(), 1u);
  make();
  know(1, 4);
  crowd->begin_crowd(now);
  CrowdStep step = crowd->take_step(now);
  while (crowd->entry().claims.empty()) step = at(step.next_step_at - now);
  EXPECT_THAT(step.fetch, IsEmpty());
  hear(others(true)[0], says({{0, 0}}));
  EXPECT_THAT(run(milliseconds(500)).fetch, IsEmpty());
}

TEST_F(SmallCrowdTest, WhenItsFetcherDiesAnotherTakesOver) {
  know(3, 4);
  crowd->begin_crowd(now);
  hear(others(true)[2], says({{0, 50'000}}));
  EXPECT_THAT(run(milliseconds(1400)).fetch, IsEmpty());
  EXPECT_THAT(run(milliseconds(250)).fetch, ElementsAre(0));
}

}  // namespace
}  // namespace larder::peer::test
