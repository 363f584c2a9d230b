// The bounds of an agent's claims (docs/decisions/0019-crowd.md, rules 2, 3 and 5): each just below, at and just above.
// The rates are exact: after 1.5 s a smoothed rate is the bytes of that time, divided by it.
#include "peer/crowd/crowd.h"

#include <gmock/gmock.h>

#include <cmath>

#include "peer/common/seconds.h"
#include "peer/crowd/distinct_count.h"
#include "tests/unit/peer/crowd_lab.h"

namespace larder::peer::test {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

using Segments = std::vector<std::uint64_t>;

constexpr Duration kShown = milliseconds(1500);  // after so long a rate is that of this time alone
constexpr std::uint32_t kHalf = kSegment / 2;

class CrowdClaimsTest : public CrowdLab {
 protected:
  explicit CrowdClaimsTest(std::uint64_t segments = 32) : CrowdLab(segments) {}

  Segments claims() {
    Segments found;
    for (const CrowdClaim& claim : crowd->entry().claims) found.push_back(claim.segment);
    return found;
  }
  // A crowd in which this agent claims the first segment at once.
  void claim_first() {
    make();
    crowd->begin_crowd(now);
    ASSERT_THAT(crowd->take_step(now).fetch, ElementsAre(0));
  }
  void always_claim_ahead() { rules.ahead = rules.ahead_least = seconds(100); }
  void offer_all_but(const Segments& missing) {
    for (std::uint64_t i = 0; i < layout.count(); ++i) {
      if (std::find(missing.begin(), missing.end(), i) == missing.end()) crowd->on_segment_offered(i, false, now);
    }
  }
};

// -- how many, and how early

TEST_F(CrowdClaimsTest, TwoSegmentsAtMostAreFetchedAtOnce) {
  always_claim_ahead();
  claim_first();
  crowd->on_progress(SegmentIndex(0), kHalf, now += seconds(1));
  (void)crowd->take_step(now);
  EXPECT_THAT(claims(), ElementsAre(0, 1));
  crowd->on_progress(SegmentIndex(0), kSegment, now += seconds(1));
  (void)crowd->take_step(now);
  EXPECT_THAT(claims(), ElementsAre(0, 1, 2)) << "what is fetched stays claimed until it is offered";
  crowd->on_segment_offered(0, true, now);
  (void)crowd->take_step(now);
  EXPECT_THAT(claims(), ElementsAre(1, 2));
}

TEST_F(CrowdClaimsTest, NoMoreIsClaimedThanAnEntryCanSay) {
  always_claim_ahead();
  claim_first();
  for (std::uint64_t segment = 0; segment < kMaxCrowdClaims + 2; ++segment) {
    crowd->on_progress(SegmentIndex(segment), kSegment, now += milliseconds(500));
    (void)crowd->take_step(now);
    EXPECT_LE(claims().size(), kMaxCrowdClaims);
  }
  EXPECT_EQ(claims().size(), kMaxCrowdClaims);
}

TEST_F(CrowdClaimsTest, WhatIsFetchedAndNotOfferedIsUncommitted) {
  claim_first();
  crowd->on_progress(SegmentIndex(0), kSegment - 1, now += seconds(1));
  EXPECT_FALSE(crowd->has_uncommitted());
  crowd->on_progress(SegmentIndex(0), kSegment, now += seconds(1));
  EXPECT_TRUE(crowd->has_uncommitted());
  crowd->on_segment_offered(0, true, now);
  EXPECT_FALSE(crowd->has_uncommitted());
}

// The origin took 0.1 s to answer: half as long again and 0.1 s are 0.25 s.
TEST_F(CrowdClaimsTest, TheNextIsClaimedHalfAsLongAgainAheadAsTheFirstByteTookAndATenthOfASecond) {
  const auto claims_with = [this](std::uint64_t bytes) {  // in two seconds after the first byte
    claim_first();
    crowd->on_progress(SegmentIndex(0), 917'504, now += milliseconds(100));
    crowd->on_progress(SegmentIndex(0), 917'504 + bytes, now += seconds(2));
    (void)crowd->take_step(now);
    return claims();
  };
  EXPECT_THAT(claims_with(1'048'576), ElementsAre(0, 1)) << "131,072 bytes are left, at 524,288 a second";
  EXPECT_THAT(claims_with(1'048'575), ElementsAre(0));
}

TEST_F(CrowdClaimsTest, OneByteASecondIsARateToo) {
  always_claim_ahead();
  claim_first();
  crowd->on_progress(SegmentIndex(0), kSegment - 2, now += kShown);
  crowd->on_progress(SegmentIndex(0), kSegment - 1, now += kShown);
  (void)crowd->take_step(now);
  EXPECT_THAT(claims(), ElementsAre(0, 1)) << "the last byte is 1.5 s away";
}

// -- who waits before it claims, and who goes on

TEST_F(CrowdClaimsTest, TheDelayGrowsWithTheLogOfThePosition) {
  struct Row {
    std::size_t before, after;
    double part;  // of the longest delay
  };
  for (const Row& row : {Row{3, 8, 0}, Row{4, 7, std::log(5.0 / 4) / std::log(12.0 / 4)},
                         Row{7, 4, std::log(8.0 / 4) / std::log(12.0 / 4)}, Row{5, 0, 1}, Row{11, 0, 1}}) {
    make();
    know(row.before, row.after);
    crowd->begin_crowd(now);
    const SteadyTime began = now;
    SteadyTime next = crowd->take_step(now).next_step_at;
    if (claims().empty()) {
      (void)crowd->take_step(now = next - std::chrono::microseconds(1));
      EXPECT_THAT(claims(), IsEmpty()) << row.before << " before it, and too early";
      (void)crowd->take_step(now = next);
    } else {
      next = now;
    }
    EXPECT_THAT(claims(), SizeIs(1)) << row.before << " before it";
    EXPECT_NEAR(larder::peer::seconds(next - began), row.part * 0.05, 1e-6) << row.before << " before it";
  }
}

TEST_F(CrowdClaimsTest, WhoHasFourFetchersBeforeItFinishesItsSegmentAndClaimsNoOther) {
  always_claim_ahead();
  const auto goes_on = [this](std::uint32_t before, std::uint32_t after) {
    claim_first();
    for (std::uint32_t i = 0; i < before; ++i) hear(others(true)[i], says({{4 + i, 0}}));
    for (std::uint32_t i = 0; i < after; ++i) hear(others(false)[i], says({{16 + i, 0}}));
    crowd->on_progress(SegmentIndex(0), kHalf, now += seconds(1));
    (void)crowd->take_step(now);
    return claims().size() == 2;
  };
  EXPECT_TRUE(goes_on(3, 0));
  EXPECT_FALSE(goes_on(4, 0));
  EXPECT_FALSE(goes_on(5, 0));
  EXPECT_TRUE(goes_on(3, 1)) << "the fifth is another";
  EXPECT_FALSE(goes_on(4, 1));
  EXPECT_TRUE(goes_on(0, 5));
}

// The members hold segments, and bring no byte for three patiences: this agent cannot reach them.
TEST_F(CrowdClaimsTest, AfterThreePatiencesWithoutAByteNoNumberOfFetchersIsTooMany) {
  rules.patience = seconds(1);
  make();
  know(11, 0);
  const auto hear_eight = [this](std::uint32_t bytes) {
    for (std::uint32_t i = 0; i < 8; ++i) hear(others(true)[i], says({{8 + i, bytes}}, {0, 1, 2}));
  };
  hear_eight(0);
  crowd->begin_crowd(now);
  for (std::uint32_t tick = 1; tick < 8; ++tick) {
    (void)run(milliseconds(400));
    EXPECT_THAT(claims(), IsEmpty()) << tick;
    hear_eight(tick * 100'000);
    if (tick == 7) (void)run(milliseconds(199));
  }
  EXPECT_THAT(claims(), IsEmpty()) << "2.999 s";
  (void)run(milliseconds(1) + rules.wait);
  EXPECT_THAT(claims(), Not(IsEmpty()));
}

class MeteredClaimsTest : public CrowdClaimsTest {
 protected:
  // Whether a metered agent claims when another member says this, before and after its patience has ended.
  bool claims_beside(const std::vector<CrowdClaim>& claimed, const Segments& held, bool starving) {
    rules.may_fetch = false;
    rules.patience = seconds(2);
    make();
    know(0, 4);
    std::uint32_t bytes = 0;
    const auto other_speaks = [&] {
      CrowdEntry entry = says(claimed, held);
      for (CrowdClaim& claim : entry.claims) claim.bytes = bytes;
      bytes += CrowdMembers::kStep;
      hear(others(false)[0], entry);
    };
    other_speaks();
    crowd->begin_crowd(now);
    (void)crowd->take_step(now);
    other_speaks();
    if (starving) (void)run(milliseconds(1400));
    other_speaks();
    bool any = false;
    for (int i = 0; i < 70; ++i) {
      (void)at(milliseconds(10));
      any = any || !claims().empty();
    }
    return any;
  }
};

TEST_F(MeteredClaimsTest, InCompanyAMeteredAgentClaimsOnlyWhatNobodyFetchesOrHoldsWhenItStarves) {
  EXPECT_FALSE(claims_beside({}, {}, false));
  EXPECT_TRUE(claims_beside({}, {}, true));
  EXPECT_FALSE(claims_beside({{3, 0}}, {}, true)) << "one fetches";
  EXPECT_FALSE(claims_beside({}, {3}, true)) << "one holds something";
}

// -- which segment

TEST_F(CrowdClaimsTest, WhatAPeerDeliversIsNotClaimedUntilTheReportIsTooOld) {
  make();
  offer_all_but({31});
  crowd->on_delivering(31, now);
  crowd->begin_crowd(now);
  for (int i = 0; i < 3; ++i) {
    (void)crowd->take_step(now);
    EXPECT_THAT(claims(), IsEmpty()) << i;
    now += milliseconds(500);
  }
  (void)crowd->take_step(now);
  EXPECT_THAT(claims(), IsEmpty()) << "the report is 1.5 s old";
  (void)at(milliseconds(1));
  EXPECT_THAT(claims(), ElementsAre(31));
}

TEST_F(CrowdClaimsTest, WhatAMemberHoldsIsNotClaimedBesideWhatAnotherFetches) {
  make();
  offer_all_but({30, 31});
  hear(others(false)[0], says({{30, 0}}));
  hear(others(false)[1], says({}, {31}));
  crowd->begin_crowd(now);
  (void)crowd->take_step(now);
  EXPECT_THAT(claims(), IsEmpty());
}

TEST_F(CrowdClaimsTest, WhoStarvesClaimsWhatNobodyHoldsFirst) {
  rules.patience = seconds(1);
  make();
  offer_all_but({30, 31});
  hear(others(false)[0], says({}, {30}));
  crowd->on_origin_failed(now);
  crowd->begin_crowd(now);
  (void)run(milliseconds(1100));
  crowd->on_origin_back(now);
  (void)crowd->take_step(now);
  EXPECT_THAT(claims(), ElementsAre(31));
}

TEST_F(CrowdClaimsTest, TheFirstFetcherOfAllBeginsAtTheBeginningThoughItIsLateInTheOrder) {
  know(6, 5);
  crowd->begin_crowd(now);
  (void)run(rules.wait);
  EXPECT_THAT(claims(), ElementsAre(0));
}

TEST_F(CrowdClaimsTest, WhoHasNoStripeBeginsBesideOthersAtAPlaceOfItsOwn) {
  const std::uint64_t place = mixed(crowd_rank(key, agent_of(kSelf)) ^ 7) % 32;
  const std::uint32_t elsewhere = place < 16 ? 24 : 8;
  for (const std::size_t before : {4U, 6U}) {
    make();
    know(before, 5);
    hear(others(true)[0], says({{elsewhere, 0}}));
    crowd->begin_crowd(now);
    (void)run(rules.wait);
    EXPECT_THAT(claims(), ElementsAre(place)) << before;
  }
}

// -- two claims for one segment

class TwoClaimsTest : public CrowdClaimsTest {
 protected:
  AgentId other(bool before) const { return others(before)[0]; }

  // Both claim the first segment at the same moment. Two seconds later this agent has `own` bytes, a rate of own / 2;
  // the other has `its` bytes, `gained` of them in the last 1.5 s. Returns whether this agent keeps its claim.
  bool keeps(bool other_before, std::uint32_t own, std::uint32_t its, std::uint32_t gained) {
    claim_first();
    hear(other(other_before), says({{0, 0}}));
    hear_at(milliseconds(500), other_before, its - gained);
    now += kShown;
    crowd->on_progress(SegmentIndex(0), own, now);
    return keeps_after(Duration(0), other_before, its);
  }
  void hear_at(Duration later, bool other_before, std::uint32_t bytes) {
    now += later;
    hear(other(other_before), says({{0, bytes}}));
  }
  bool keeps_after(Duration later, bool other_before, std::uint32_t bytes) {
    hear_at(later, other_before, bytes);
    (void)crowd->take_step(now);
    const Segments mine = claims();
    return std::find(mine.begin(), mine.end(), 0) != mine.end();
  }
};

TEST_F(TwoClaimsTest, OfTwoYoungClaimsTheRankDecidesUntilTheOtherHasMoreThanHalf) {
  claim_first();
  EXPECT_TRUE(keeps_after(Duration(0), false, kHalf));
  EXPECT_FALSE(keeps_after(Duration(0), false, kHalf + 1));
  claim_first();
  EXPECT_FALSE(keeps_after(Duration(0), true, 0));
}

// This agent needs two seconds more.
TEST_F(TwoClaimsTest, AClaimThatTheOtherWouldNeedTwiceAsLongForIsKeptWhateverTheRank) {
  EXPECT_FALSE(keeps(true, kHalf, kHalf, 524'288)) << "three seconds: the rank decides";
  EXPECT_FALSE(keeps(true, kHalf, kHalf, 393'216)) << "four seconds";
  EXPECT_TRUE(keeps(true, kHalf, kHalf, 393'215)) << "a little more";
  EXPECT_TRUE(keeps(true, kHalf, kHalf, 314'573)) << "five seconds";
}

// This agent needs six seconds more.
TEST_F(TwoClaimsTest, AClaimThatTheOtherWouldFinishInHalfTheTimeIsGivenUpWhateverTheRank) {
  EXPECT_TRUE(keeps(false, 524'288, 917'504, 442'368)) << "four seconds: the rank decides";
  EXPECT_TRUE(keeps(false, 524'288, 917'504, 589'824)) << "three seconds";
  EXPECT_FALSE(keeps(false, 524'288, 917'504, 589'825)) << "a little less";
  EXPECT_FALSE(keeps(false, 524'288, 917'504, 737'280)) << "2.4 seconds";
}

// A rate below one byte a second counts as one byte a second: what stands still does not need for ever.
TEST_F(TwoClaimsTest, OfTwoClaimsThatStandStillTheRankDecides) {
  EXPECT_TRUE(keeps(false, 0, 16'384, 0));
  EXPECT_FALSE(keeps(true, 0, 16'384, 0));
  // This agent's claim came to a little more than the other's before it stood still.
  claim_first();
  hear_at(Duration(0), true, 0);
  hear_at(milliseconds(500), true, 16'384);
  crowd->on_progress(SegmentIndex(0), 65'536, now);
  crowd->on_progress(SegmentIndex(0), 65'537, now + kShown);
  EXPECT_FALSE(keeps_after(kShown, true, 16'384));
}

TEST_F(TwoClaimsTest, RatesDecideWhenTheOthersClaimIsOlderThanTheClaimExpiry) {
  for (const Duration age : {kShown, kShown + milliseconds(1)}) {
    claim_first();
    hear_at(milliseconds(500), false, 100'000);
    EXPECT_EQ(keeps_after(age, false, kHalf), age == kShown) << age.count();
  }
  claim_first();
  crowd->on_progress(SegmentIndex(0), kHalf, now + kShown);
  EXPECT_FALSE(keeps_after(kShown, true, 0)) << "the other has shown no rate yet, and is first";
}

// The other's claim had expired when this agent made its own, and went on after all.
TEST_F(TwoClaimsTest, RatesDecideWhenTheOwnClaimIsOlderThanTheClaimExpiry) {
  for (const Duration age : {kShown, kShown + milliseconds(1)}) {
    record = ClaimRecord();
    make();
    hear_at(Duration(0), false, 0);
    now += kShown + milliseconds(100);
    crowd->begin_crowd(now);
    ASSERT_THAT(crowd->take_step(now).fetch, ElementsAre(0));
    hear_at(seconds(1), false, 300'000);
    EXPECT_EQ(keeps_after(age - seconds(1), false, kHalf), age == kShown) << age.count();
  }
}

TEST_F(TwoClaimsTest, AClaimThatWasTheOnlyOneWhenItWasMadeIsNoSecondTry) {
  make();
  hear(other(true), says({{8, 0}}));
  crowd->begin_crowd(now);
  (void)crowd->take_step(now);
  ASSERT_THAT(claims(), ElementsAre(0));
  hear(other(true), says({{8, 0}, {0, 0}}));
  (void)crowd->take_step(now);
  EXPECT_THAT(claims(), Not(Contains(0)));
}

}  // namespace
}  // namespace larder::peer::test
