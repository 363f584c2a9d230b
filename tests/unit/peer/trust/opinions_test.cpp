// Whose word is waited for before a segment is taken.
#include "peer/trust/opinions.h"

#include <gtest/gtest.h>

namespace larder::peer {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr SteadyTime kStart = SteadyTime(seconds(1000));

AgentId agent(std::uint8_t number) {
  AgentId id{};
  id[0] = std::byte{number};
  return id;
}

TEST(Opinions, WhatOneAloneHoldsDoesNotWait) {
  Opinions opinions(4);
  EXPECT_FALSE(opinions.judge(SegmentIndex(0), 1, 0, kStart)) << "it never waited";
  EXPECT_TRUE(opinions.is_decided(0));
  EXPECT_FALSE(opinions.waits(0));
  EXPECT_FALSE(opinions.any_waits());
  EXPECT_FALSE(opinions.due());
}

// Each row: what is known of a segment that waits already.
TEST(Opinions, WhatEndsTheWaiting) {
  struct Row {
    const char* what;
    std::size_t named, others;
    Duration later;
    bool waits;
  };
  const std::vector<Row> rows{
      {"one, and one to be heard", 1, 1, milliseconds(1), true},
      {"one, and many to be heard", 1, 20, milliseconds(1), true},
      {"none any more, and two to be heard", 0, 2, milliseconds(1), true},
      {"two have named it", 2, 1, milliseconds(1), false},
      {"nobody else can be heard", 1, 0, milliseconds(1), false},
      {"shortly before its time is over", 1, 1, Opinions::kWithin - milliseconds(1), true},
      {"its time is over", 1, 1, Opinions::kWithin, false},
  };
  for (const Row& row : rows) {
    Opinions opinions(4);
    EXPECT_FALSE(opinions.judge(SegmentIndex(2), 1, 1, kStart));
    ASSERT_TRUE(opinions.waits(2)) << row.what;
    EXPECT_EQ(opinions.judge(SegmentIndex(2), row.named, row.others, kStart + row.later), !row.waits) << row.what;
    EXPECT_EQ(opinions.waits(2), row.waits) << row.what;
    EXPECT_EQ(opinions.any_waits(), row.waits) << row.what;
    EXPECT_EQ(opinions.is_decided(2), !row.waits) << row.what;
  }
}

TEST(Opinions, WhatIsSettledStaysSo) {
  Opinions opinions(2);
  opinions.judge(SegmentIndex(1), 1, 0, kStart);
  EXPECT_FALSE(opinions.judge(SegmentIndex(1), 1, 3, kStart + seconds(1))) << "others came to hold it";
  EXPECT_TRUE(opinions.is_decided(1));
  EXPECT_FALSE(opinions.waits(1));
}

TEST(Opinions, WhatIsContradictedNeitherWaitsNorIsSettled) {
  Opinions opinions(2);
  opinions.judge(SegmentIndex(0), 1, 1, kStart);
  opinions.contradicted(0);
  EXPECT_FALSE(opinions.waits(0));
  EXPECT_FALSE(opinions.is_decided(0));
  EXPECT_FALSE(opinions.due());
  // Believed after all, as when one of them is shunned.
  opinions.judge(SegmentIndex(0), 1, 1, kStart + seconds(10));
  EXPECT_TRUE(opinions.waits(0));
  EXPECT_EQ(opinions.due(), kStart + seconds(10) + Opinions::kWithin);
}

TEST(Opinions, WhoWasAskedInVainIsRememberedWhileItWaits) {
  Opinions opinions(2);
  opinions.note_without_answer(0, agent(1));
  EXPECT_FALSE(opinions.was_without_answer(0, agent(1))) << "nothing waited for its word";
  opinions.judge(SegmentIndex(0), 1, 2, kStart);
  opinions.note_without_answer(0, agent(1));
  EXPECT_TRUE(opinions.was_without_answer(0, agent(1)));
  EXPECT_FALSE(opinions.was_without_answer(0, agent(2)));
  EXPECT_FALSE(opinions.was_without_answer(1, agent(1)));
  opinions.judge(SegmentIndex(0), 2, 0, kStart);
  EXPECT_FALSE(opinions.was_without_answer(0, agent(1)));
}

TEST(Opinions, TheFirstThatIsDueCounts) {
  Opinions opinions(100);
  opinions.judge(SegmentIndex(70), 1, 1, kStart + seconds(2));
  opinions.judge(SegmentIndex(3), 1, 1, kStart + seconds(3));
  opinions.judge(SegmentIndex(99), 1, 1, kStart + seconds(1));
  EXPECT_EQ(opinions.due(), kStart + seconds(1) + Opinions::kWithin);
  opinions.judge(SegmentIndex(99), 2, 0, kStart + seconds(3));
  EXPECT_EQ(opinions.due(), kStart + seconds(2) + Opinions::kWithin);
}

TEST(Opinions, WhatIsBeyondTheContentIsIgnored) {
  Opinions opinions(2);
  EXPECT_FALSE(opinions.judge(SegmentIndex(2), 1, 1, kStart));
  EXPECT_FALSE(opinions.any_waits());
  EXPECT_FALSE(opinions.is_decided(2));
}

}  // namespace
}  // namespace larder::peer
