// Which holder is taken, and who goes when nothing comes.
#include "peer/supply/holder_choice.h"

#include <gtest/gtest.h>

#include "base/text/units.h"

namespace larder::peer {
namespace {

AgentId agent(std::uint8_t number) {
  AgentId id{};
  id.fill(std::byte{number});
  return id;
}

HolderFacts facts(std::uint8_t number, bool complete, std::set<std::uint64_t> segments = {}, std::uint8_t load = 0,
                  std::uint64_t draw = 0) {
  HolderFacts out;
  out.agent = agent(number);
  out.complete = complete;
  out.segments = std::move(segments);
  out.load = load;
  out.draw = draw;
  return out;
}

std::vector<std::uint8_t> order(const std::vector<HolderFacts>& ranked) {
  std::vector<std::uint8_t> out;
  for (const HolderFacts& holder : ranked) out.push_back(std::to_integer<std::uint8_t>(holder.agent[0]));
  return out;
}

TEST(HolderTable, CompleteOnesFirstThenTheLessLoadedThenTheDraw) {
  HolderTable table;
  table.add_holder(facts(1, false, {0, 1, 2}));
  table.add_holder(facts(2, true, {}, 9));
  table.add_holder(facts(3, true, {}, 1, 7));
  table.add_holder(facts(4, true, {}, 1, 3));
  table.add_holder(facts(5, false, {1}));
  EXPECT_EQ(order(table.ranked()), (std::vector<std::uint8_t>{4, 3, 2, 1, 5}));
  EXPECT_EQ(order(table.ranked_with(0)), (std::vector<std::uint8_t>{4, 3, 2, 1}));
  EXPECT_EQ(order(table.ranked_complete()), (std::vector<std::uint8_t>{4, 3, 2}));
}

TEST(HolderTable, TellsWhatSomebodyHas) {
  HolderTable table;
  table.add_holder(facts(1, false, {0, 2, 9}));
  EXPECT_EQ(table.held(4), (std::vector<bool>{true, false, true, false}));
  table.add_holder(facts(2, true));
  EXPECT_EQ(table.held(3), (std::vector<bool>{true, true, true}));
}

TEST(HolderTable, WhoHasLeastMakesRoom) {
  HolderTable table;
  table.add_holder(facts(1, true));
  table.make_room();
  EXPECT_EQ(table.size(), 1U) << "there is room";
  for (std::uint8_t holder = 2; holder <= HolderTable::kMaxHolders; ++holder) {
    table.add_holder(facts(holder, false, holder == 30 ? std::set<std::uint64_t>{1} : std::set<std::uint64_t>{1, 2}));
  }
  EXPECT_FALSE(table.add_holder(facts(200, false, {7})));
  table.make_room();
  EXPECT_EQ(table.find_holder(agent(30)), nullptr);
  EXPECT_TRUE(table.add_holder(facts(200, false, {7})));
  EXPECT_NE(table.find_holder(agent(1)), nullptr) << "who has all stays";
}

TEST(HolderTable, WhoWasDroppedMayBeReadmitted) {
  HolderTable table;
  table.add_holder(facts(1, true));
  table.drop_holder(agent(1));
  EXPECT_FALSE(table.add_holder(facts(1, true)));
  table.readmit(agent(1));
  EXPECT_TRUE(table.add_holder(facts(1, true)));
}

TEST(HolderTable, EqualsAreSpreadByTheDraw) {
  std::map<std::uint8_t, int> first;
  for (std::uint64_t asker = 0; asker < 100; ++asker) {
    HolderTable table;
    for (std::uint8_t holder = 1; holder <= 4; ++holder) {
      table.add_holder(facts(holder, true, {}, 0, (asker * 2654435761U + holder * 40503U) % 1009));
    }
    ++first[order(table.ranked()).front()];
  }
  EXPECT_EQ(first.size(), 4U);
}

TEST(HolderTable, WhoWasDroppedStaysOut) {
  HolderTable table;
  EXPECT_TRUE(table.add_holder(facts(1, true)));
  EXPECT_TRUE(table.drop_holder(agent(1)));
  EXPECT_FALSE(table.drop_holder(agent(1)));
  EXPECT_FALSE(table.add_holder(facts(1, true)));
  EXPECT_EQ(table.size(), 0U);
  EXPECT_FALSE(table.add_holder(facts(2, false))) << "holds nothing";
}

TEST(HolderTable, IsBounded) {
  HolderTable table;
  for (int i = 0; i < 200; ++i) table.add_holder(facts(static_cast<std::uint8_t>(i), true));
  EXPECT_EQ(table.size(), HolderTable::kMaxHolders);
}

constexpr auto kStart = SteadyTime(std::chrono::hours(1));
constexpr SteadyTime at(int milliseconds) {
  return kStart + std::chrono::milliseconds(milliseconds);
}

TEST(StallWatch, TheOneSilentLongestGoesWhenNothingComes) {
  StallWatch watch;
  watch.add_peer(agent(1), at(0));
  watch.add_peer(agent(2), at(0));
  watch.set_wanting(true, at(0));
  watch.delivered(agent(1), at(500));
  EXPECT_FALSE(watch.stalled(at(1090))) << "one of them delivered a moment ago";
  ASSERT_TRUE(watch.stalled(at(1100)));
  EXPECT_EQ(*watch.stalled(at(1100)), agent(2));
  watch.remove(agent(2), at(1100));
  EXPECT_FALSE(watch.stalled(at(1490))) << "nobody else is there to ask: it has its whole time";
  EXPECT_EQ(watch.stalled(at(1500)), agent(1));
}

TEST(StallWatch, WhoRemainsHasAMomentToDeliverWhatTheLostOneKept) {
  StallWatch watch;
  for (std::uint8_t number = 1; number <= 3; ++number) watch.add_peer(agent(number), at(0));
  watch.set_wanting(true, at(0));
  watch.delivered(agent(2), at(10));
  watch.delivered(agent(3), at(20));
  EXPECT_EQ(watch.stalled(at(620)), agent(1));
  watch.remove(agent(1), at(620));
  EXPECT_FALSE(watch.stalled(at(900)));
  EXPECT_EQ(watch.stalled(at(920)), agent(2));
  watch.remove(agent(2), at(920));
  EXPECT_FALSE(watch.stalled(at(1319)));
  EXPECT_EQ(watch.stalled(at(1320)), agent(3)) << "all three were silent";
}

TEST(StallWatch, SilenceCountsOnlyWhileSomethingIsWanted) {
  StallWatch watch;
  watch.add_peer(agent(1), at(0));
  EXPECT_FALSE(watch.next_check());
  watch.set_wanting(true, at(5000));
  EXPECT_FALSE(watch.stalled(at(5900)));
  EXPECT_EQ(watch.next_check(), at(6000));
  watch.set_wanting(false, at(5950));
  EXPECT_FALSE(watch.stalled(at(9000)));
  watch.set_wanting(true, at(9000));
  watch.set_wanting(true, at(9900));  // more is wanted: that is no delivery
  EXPECT_TRUE(watch.stalled(at(10000)));
}

TEST(StallWatch, NobodyCannotStall) {
  StallWatch watch;
  watch.set_wanting(true, at(0));
  EXPECT_FALSE(watch.stalled(at(5000)));
  watch.add_peer(agent(1), at(5000));
  EXPECT_FALSE(watch.stalled(at(5500))) << "a newcomer has its time";
  EXPECT_TRUE(watch.stalled(at(6000)));
}

TEST(WantedHolders, OneForWhatIsSoonOver) {
  EXPECT_EQ(wanted_holders(1 * kMiB), 1U);
  EXPECT_EQ(wanted_holders(64 * kMiB), 1U);
  EXPECT_EQ(wanted_holders(512 * kMiB), 3U);
}

}  // namespace
}  // namespace larder::peer
