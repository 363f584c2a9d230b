// Who may take how much of a scarce thing, and who is next.
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "base/fair_places.h"
#include "base/fair_queue.h"

namespace larder {
namespace {

using Places = std::vector<FairPlaces::Place>;

// As many as the rule lets `owner` have.
std::size_t take_all(FairPlaces& places, Owner owner, Places& into, bool alone = false) {
  std::size_t count = 0;
  for (; places.may_take(owner, 1, alone); ++count) into.push_back(places.take_places(owner));
  return count;
}

TEST(FairPlacesTest, NobodyTakesAllAndEveryNextOneFindsSomething) {
  FairPlaces places(80, 4);
  Places held;
  EXPECT_EQ(take_all(places, 1, held), 64u);
  EXPECT_EQ(take_all(places, 2, held), 12u);
  EXPECT_EQ(take_all(places, 3, held), 3u);
  EXPECT_EQ(take_all(places, 4, held), 1u);
  EXPECT_EQ(places.held(), 80u);
  EXPECT_FALSE(places.may_take(5));
}

TEST(FairPlacesTest, WhoeverIsAloneMayHaveAll) {
  FairPlaces places(16, 4);
  Places held;
  EXPECT_EQ(take_all(places, 1, held, true), 16u);
  EXPECT_TRUE(places.holds_too_much(1)) << "once somebody else is about";
  EXPECT_FALSE(places.may_take(2)) << "there is none";
}

TEST(FairPlacesTest, HoldsTooMuchUntilItIsBackInItsShare) {
  FairPlaces places(16, 4);
  Places held;
  take_all(places, 1, held, true);
  while (places.holds_too_much(1)) held.pop_back();
  EXPECT_EQ(held.size(), 12u);
  held.push_back(places.take_places(2));
  held.push_back(places.take_places(2));
  EXPECT_TRUE(places.holds_too_much(1)) << "two want it, and each may have four times what is left";
  EXPECT_FALSE(places.holds_too_much(2));
}

TEST(FairPlacesTest, OneOfFewPlacesMayAlwaysBeHad) {
  FairPlaces places(1, 4);
  EXPECT_TRUE(places.may_take(1));
  const auto place = places.take_places(1);
  EXPECT_FALSE(places.may_take(1));
  EXPECT_FALSE(places.may_take(2));
  EXPECT_FALSE(places.holds_too_much(1)) << "one place is nobody's too many";
}

TEST(FairPlacesTest, PlacesComeBackWithTheirTokens) {
  FairPlaces places(4);
  {
    auto first = places.take_places(1);
    auto moved = std::move(first);
    EXPECT_FALSE(first);  // NOLINT(bugprone-use-after-move): that it is empty is the point
    first = places.take_places(2);
    EXPECT_EQ(places.held(), 2u);
    first = std::move(moved);
    EXPECT_EQ(places.held(2), 0u) << "what was overwritten went back";
    EXPECT_EQ(places.held(1), 1u);
  }
  EXPECT_EQ(places.held(), 0u);
  FairPlaces::Place late;
  {
    FairPlaces gone(4);
    late = gone.take_places(1);
  }
  EXPECT_TRUE(late);  // ends after its FairPlaces
}

TEST(FairPlacesTest, BytesAreSharedByTheSameRule) {
  FairPlaces bytes(32'000, 3);
  std::vector<FairPlaces::Place> held;
  for (int i = 0; i < 6; ++i) {
    ASSERT_TRUE(bytes.may_take(1, 4'000)) << i;
    held.push_back(bytes.take_places(1, 4'000));
  }
  EXPECT_FALSE(bytes.may_take(1, 4'000));
  EXPECT_TRUE(bytes.may_take(2, 6'000));
  EXPECT_FALSE(bytes.may_take(2, 6'001));
  EXPECT_FALSE(bytes.may_take(2, 9'000)) << "not even as its first";
}

TEST(FairPlacesTest, ForgetsOwnersThatHoldNothing) {
  FairPlaces places(10);
  const auto kept = places.take_places(7);
  for (Owner owner = 100; owner < 5'000; ++owner) (void)places.take_places(owner);
  EXPECT_EQ(places.held(7), 1u);
  EXPECT_EQ(places.rank(100), FairPlaces::Rank{}) << "forgotten: as one that never was";
  EXPECT_GT(places.rank(4'999).served, 0u);
}

struct Item {
  std::string name;
  std::vector<Want> wants;
};

class FairQueueTest : public testing::Test {
 protected:
  void add(const std::string& name, std::vector<Want> wants) { queue_.add({name, std::move(wants)}); }
  std::string next() {
    auto taken = queue_.take_next(
        places_, [](const Item& item) { return item.wants; },
        [this](const Item& item, Owner owner) { return item.name != blocked_ && places_.may_take(owner); });
    if (!taken) return {};
    held_.push_back(places_.take_places(taken->owner));
    return taken->item.name + "/" + std::to_string(taken->owner);
  }

  FairPlaces places_{100};
  FairQueue<Item> queue_;
  std::vector<FairPlaces::Place> held_;
  std::string blocked_;
};

TEST_F(FairQueueTest, IsRoundRobinByOwnerAndThenByUrgency) {
  for (int i = 0; i < 4; ++i) add("a" + std::to_string(i), {{1, 2}});
  add("a-urgent", {{1, 0}});
  add("b0", {{2, 3}});
  add("b1", {{2, 3}});
  const std::array<const char*, 7> order{"a-urgent/1", "b0/2", "a0/1", "b1/2", "a1/1", "a2/1", "a3/1"};
  for (const char* each : order) EXPECT_EQ(next(), each);
  EXPECT_EQ(next(), "");
}

TEST_F(FairQueueTest, WhoHoldsLeastIsNextHoweverManyWait) {
  for (int i = 0; i < 10; ++i) held_.push_back(places_.take_places(1));
  add("a", {{1, 0}});
  add("b0", {{2, 3}});
  add("b1", {{2, 3}});
  EXPECT_EQ(next(), "b0/2");
  EXPECT_EQ(next(), "b1/2");
  EXPECT_EQ(next(), "a/1");
}

TEST_F(FairQueueTest, AmongThoseThatHoldNothingTheOneServedLongestAgo) {
  for (int i = 0; i < 3; ++i) {
    add("a", {{1, 0}});
    add("b", {{2, 0}});
  }
  std::string order;
  for (int i = 0; i < 6; ++i) {
    order += next().substr(0, 1);
    held_.clear();  // each is done before the next begins
  }
  EXPECT_EQ(order, "ababab");
}

TEST_F(FairQueueTest, SkipsWhatDoesNotFit) {
  add("a", {{1, 0}});
  add("b", {{1, 0}});
  blocked_ = "a";
  EXPECT_EQ(next(), "b/1");
  EXPECT_EQ(next(), "");
  blocked_.clear();
  EXPECT_EQ(next(), "a/1");
}

TEST_F(FairQueueTest, WhatSeveralWantIsServedAsOfTheOneWhoseTurnItIs) {
  for (int i = 0; i < 5; ++i) held_.push_back(places_.take_places(1));
  for (int i = 0; i < 3; ++i) add("a" + std::to_string(i), {{1, 0}});
  add("both", {{1, 0}, {2, 2}});
  EXPECT_EQ(next(), "both/2");
  EXPECT_EQ(next(), "a0/1");
}

}  // namespace
}  // namespace larder
