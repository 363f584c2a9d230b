// When a segment is fetched a second time (docs/decisions/0019-crowd.md, the end game): each bound just below, at and
// just above.
#include <gmock/gmock.h>

#include <functional>

#include "tests/unit/peer/crowd_lab.h"

namespace larder::peer::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

using Segments = std::vector<std::uint64_t>;

constexpr Duration kShown = milliseconds(1500);  // after so long a rate is that of this time alone
constexpr std::uint32_t kSize = kSegment;
constexpr std::uint32_t kCrawl = 65'536;  // bytes that a straggler gets in a second

// Another fetcher of `segment`: bytes that it lacks at the end, and bytes that came in the last 1.5 s.
struct Other {
  unsigned number = 0;
  std::uint32_t segment = 31;
  std::uint32_t left = 0;
  std::uint32_t gained = kCrawl * 3 / 2;
};

struct Story {
  std::uint64_t rate = kSegment / 2;  // of this agent, bytes/s: fetching anew takes it two seconds
  Segments missing = {31};            // beside the first segment, which this agent fetches
  bool heard_late = false;            // the others claim when this agent's claim ends, not when it is made
  Duration free_for = kShown;         // since this agent's claim ended
  Duration patience = std::chrono::hours(1);
};

class StragglersTest : public CrowdLab {
 protected:
  Segments claims() {
    Segments found;
    for (const CrowdClaim& claim : crowd->entry().claims) found.push_back(claim.segment);
    return found;
  }

  // This agent fetches the first segment, which takes 1.5 s. `hear_others` is called when that begins (0), when it ends
  // (1), and at the end of the story (2). Returns what this agent claims then.
  Segments tell(const Story& story, const std::function<void(int)>& hear_others) {
    rules.patience = story.patience;
    make();
    for (std::uint64_t i = 1; i < layout.count(); ++i) {
      if (std::find(story.missing.begin(), story.missing.end(), i) == story.missing.end())
        crowd->on_segment_offered(i, false, now);
    }
    if (!story.heard_late) hear_others(0);
    crowd->begin_crowd(now);
    EXPECT_THAT(crowd->take_step(now).fetch, ElementsAre(0));
    now += kShown;
    hear_others(1);
    crowd->on_progress(SegmentIndex(0), story.rate * 3 / 2, now);
    crowd->on_segment_offered(0, true, now);
    (void)crowd->take_step(now);
    EXPECT_THAT(claims(), IsEmpty()) << "others are faster when this agent has just ended";
    now += story.free_for;
    hear_others(2);
    (void)crowd->take_step(now);
    return claims();
  }
  Segments tell(const Story& story, const std::vector<Other>& stragglers) {
    return tell(story, [this, &stragglers](int moment) {
      for (const Other& one : stragglers) {
        std::uint32_t bytes = kSize - one.left;
        if (moment < 2) bytes -= one.gained;
        if (moment == 0) bytes -= static_cast<std::uint32_t>(CrowdMembers::kStep);
        hear(others(false)[one.number], says({{one.segment, bytes}}));
      }
    });
  }
  static Other straggler(unsigned number, std::uint32_t segment, double seconds_left) {
    return {number, segment, static_cast<std::uint32_t>(seconds_left * kCrawl)};
  }
};

TEST_F(StragglersTest, AStragglerNeedsHalfAsLongAgainAsFetchingAnewAndHalfASecond) {
  Other other = straggler(0, 31, 1.5 * 2 + 0.5);
  EXPECT_THAT(tell({}, {other}), ElementsAre(31));
  EXPECT_TRUE(record.may_try(now)) << "this was no matter of trying";
  --other.left;
  EXPECT_THAT(tell({}, {other}), IsEmpty());
}

TEST_F(StragglersTest, ASixteenthOfTheLeastRateCanBeExpectedOfAnyLine) {
  rules.min_rate = 1'048'576;
  Other other{0, 31, static_cast<std::uint32_t>((1.5 * 32 + 0.5) * 16'384), 24'576};
  EXPECT_THAT(tell({.rate = 0}, {other}), ElementsAre(31));
  --other.left;
  EXPECT_THAT(tell({.rate = 0}, {other}), IsEmpty());
}

TEST_F(StragglersTest, TwoFetchASegmentAtMost) {
  EXPECT_THAT(tell({}, {straggler(0, 31, 20)}), ElementsAre(31));
  EXPECT_THAT(tell({}, {straggler(0, 31, 20), straggler(1, 31, 20)}), IsEmpty());
}

TEST_F(StragglersTest, TheSlowestIsHelpedAndOfEquallySlowOnesTheFirst) {
  const Story two{.missing = {30, 31}};
  EXPECT_THAT(tell(two, {straggler(0, 30, 10), straggler(1, 31, 12)}), ElementsAre(31));
  EXPECT_THAT(tell(two, {straggler(0, 30, 12), straggler(1, 31, 10)}), ElementsAre(30));
  EXPECT_THAT(tell(two, {straggler(0, 30, 12), straggler(1, 31, 12)}), ElementsAre(30));
}

TEST_F(StragglersTest, WhatPeersDeliverIsNotFetchedASecondTime) {
  const Other other = straggler(0, 31, 20);
  const auto heard = [&](int moment) {
    hear(others(false)[0], says({{31, kSize - other.left - static_cast<std::uint32_t>(2 - moment) * kCrawl}}));
  };
  EXPECT_THAT(tell({}, heard), ElementsAre(31));
  EXPECT_THAT(tell({},
                   [&](int moment) {
                     heard(moment);
                     crowd->on_delivering(31, now);
                   }),
              IsEmpty());
}

TEST_F(StragglersTest, NobodyIsAStragglerBeforeTheClaimExpiryHasPassed) {
  EXPECT_THAT(tell({.heard_late = true, .free_for = kShown}, {straggler(0, 31, 20)}), ElementsAre(31));
  EXPECT_THAT(tell({.heard_late = true, .free_for = kShown - milliseconds(1)}, {straggler(0, 31, 20)}), IsEmpty());
}

TEST_F(StragglersTest, WhoHasEndedWaitsUntilTheLineShowsIt) {
  EXPECT_THAT(tell({.free_for = rules.line_shows}, {straggler(0, 31, 20)}), ElementsAre(31));
  EXPECT_THAT(tell({.free_for = rules.line_shows - milliseconds(1)}, {straggler(0, 31, 20)}), IsEmpty());
}

// It starves, and expects min_rate of the origin: eight seconds. At its own rate it would be sixteen.
TEST_F(StragglersTest, WhoStarvesTriesNowAndThenWhetherTheLineIsSlowOrTheFetcher) {
  const Story starving{.rate = 131'072, .patience = seconds(2)};
  const auto tell_anew = [&](const Other& other) {
    record = ClaimRecord();
    return tell(starving, {other});
  };
  Other other = straggler(0, 31, 1.5 * 16 + 0.5);
  EXPECT_THAT(tell_anew(other), ElementsAre(31));
  EXPECT_TRUE(record.may_try(now)) << "at its own rate, too, the other is too slow";
  --other.left;
  EXPECT_THAT(tell_anew(other), ElementsAre(31));
  EXPECT_FALSE(record.may_try(now)) << "this was the try";
  EXPECT_THAT(tell(starving, {other}), IsEmpty()) << "and the next is not yet due";
  other = straggler(0, 31, 1.5 * 8 + 0.5);
  EXPECT_THAT(tell_anew(other), ElementsAre(31));
  --other.left;
  EXPECT_THAT(tell_anew(other), IsEmpty());
}

TEST_F(StragglersTest, ASecondTryIsKeptForTwiceTheClaimExpiry) {
  ASSERT_THAT(tell({}, {straggler(0, 31, 20)}), ElementsAre(31));
  const auto after = [this](Duration time, std::uint32_t its_bytes) {
    now += time;
    hear(others(false)[0], says({{31, its_bytes}}));
    (void)crowd->take_step(now);
    return claims();
  };
  EXPECT_THAT(after(kShown, kSize - 100'000), ElementsAre(31));
  EXPECT_THAT(after(kShown - milliseconds(1), kSize - 50'000), ElementsAre(31)) << "though the other goes on well";
  EXPECT_THAT(after(milliseconds(1), kSize - 49'000), IsEmpty());
}

class ShortStragglersTest : public StragglersTest {
 protected:
  ShortStragglersTest() { layout = cache::SegmentLayout(31 * kSegment + 65'536); }

  // The other makes its rate with a segment that is here already, and has got 16 KiB of the last one, which is short.
  void hear_other(int moment) {
    const auto bytes = static_cast<std::uint32_t>(moment == 2 ? kCrawl * 2 : kCrawl / 2);
    hear(others(false)[0], says({{30, bytes}, {31, 16'384}}));
  }
};

TEST_F(ShortStragglersTest, WhatIsShortIsFetchedAgainToSaveAFractionOfASecond) {
  ASSERT_EQ(layout.count(), 32U);
  EXPECT_THAT(tell({}, [this](int moment) { hear_other(moment); }), ElementsAre(31)) << "in 0.06 s, not in 0.75 s";
}

TEST_F(ShortStragglersTest, AYoungClaimIsNoStragglersHoweverShort) {
  const Story young{.heard_late = true, .free_for = milliseconds(800)};
  EXPECT_THAT(tell(young, [this](int moment) { hear_other(moment); }), IsEmpty());
}

}  // namespace
}  // namespace larder::peer::test
