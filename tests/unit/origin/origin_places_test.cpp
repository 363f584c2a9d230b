// Places at origins: what one user may hold, what is kept for others, who gives way and when; what counts as slow.
#include "origin/origin_places.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "origin/http/rate.h"

namespace larder::origin {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

constexpr SteadyTime kStart{std::chrono::hours(1)};

class OriginPlacesTest : public testing::Test {
 protected:
  OriginPlaces::Need need(const std::string& host, const Lane* lane = nullptr) { return {host, lane, 16}; }
  // As many requests as there is room for.
  std::size_t fill(Owner owner, const std::string& host, std::size_t most = 1000, bool slow = false) {
    std::size_t count = 0;
    places_.note_request(owner, now_);
    for (; count < most && places_.has_room(need(host), owner, now_); ++count) {
      held_.push_back(places_.take_places(need(host), owner));
      running_.push_back({held_.size(), owner, host, now_ + seconds(count), slow});
    }
    return count;
  }
  std::optional<std::uint64_t> yields(Owner owner, const std::string& host, Duration waited) {
    places_.note_request(owner, now_);
    return places_.who_yields(need(host), owner, now_ - waited, running_, now_);
  }
  std::size_t of(Owner owner) {
    std::size_t count = 0;
    for (const auto& one : running_) count += one.owner == owner ? 1U : 0U;
    return count;
  }
  void give_up(std::uint64_t id) {
    held_[id - 1] = {};
    std::erase_if(running_, [id](const auto& one) { return one.id == id; });
  }

  OriginPlaces places_{64};
  SteadyTime now_ = kStart;
  std::vector<OriginPlaces::Places> held_;
  std::vector<OriginPlaces::Running> running_;
};

TEST_F(OriginPlacesTest, OneUserHasAllConnectionsAndTheNextOneItsReserve) {
  std::size_t taken = 0;
  for (int host = 0; host < 10; ++host) taken += fill(1, "http://" + std::to_string(host));
  EXPECT_EQ(taken, 64u);
  EXPECT_GE(fill(2, "http://other"), 8u);
}

TEST_F(OriginPlacesTest, OneUserAloneHasAllPlacesOfAHost) {
  EXPECT_EQ(fill(1, "http://h"), 16u);
  EXPECT_EQ(fill(1, "http://i"), 16u) << "another host is another matter";
}

TEST_F(OriginPlacesTest, WithAnotherAboutSomePlacesOfEachHostAreKept) {
  places_.note_request(2, now_);
  EXPECT_EQ(fill(1, "http://h"), 12u);
  EXPECT_EQ(fill(2, "http://h"), 3u);
  now_ += OriginPlaces::kAbout + seconds(1);
  held_.clear();
  EXPECT_EQ(fill(1, "http://h"), 16u) << "long gone";
}

TEST_F(OriginPlacesTest, WhoHasTooManyGivesUpTheYoungestAfterAMoment) {
  fill(1, "http://h");
  EXPECT_FALSE(yields(2, "http://h", seconds(0))) << "one may end by itself";
  const auto id = yields(2, "http://h", OriginPlaces::kGrace);
  ASSERT_EQ(id, 16u);
  give_up(*id);
  EXPECT_TRUE(places_.has_room(need("http://h"), 2, now_));
  EXPECT_FALSE(places_.has_room(need("http://h"), 1, now_)) << "who gave it up does not get it back";
  for (;;) {
    fill(2, "http://h", 1);
    const auto next = yields(2, "http://h", OriginPlaces::kGrace);
    if (!next) break;
    give_up(*next);
  }
  EXPECT_LE(of(1), 12u);
  EXPECT_GE(of(1), 7u) << "no less than the other";
  EXPECT_GE(of(2), 3u);
  EXPECT_FALSE(yields(1, "http://h", seconds(10))) << "nobody gives way to whoever has more";
}

TEST_F(OriginPlacesTest, WhatIsSlowGivesWayAtOnceUntilBothHoldTheSame) {
  fill(1, "http://h", 16, true);
  for (;;) {
    const auto id = yields(2, "http://h", seconds(0));
    if (!id) break;
    give_up(*id);
    fill(2, "http://h", 1);
  }
  EXPECT_EQ(of(1), 7u);
  EXPECT_EQ(of(2), 7u) << "and something is left for a third";
}

TEST_F(OriginPlacesTest, NobodyGivesWayForWhatAJobsOwnLaneHoldsBack) {
  const Lane lane{1};
  fill(1, "http://h", 16, true);
  held_.push_back(places_.take_places(need("http://i", &lane), 2));
  EXPECT_FALSE(places_.who_yields(need("http://h", &lane), 2, kStart, running_, now_));
}

TEST_F(OriginPlacesTest, AHostThatTakesLessIsSharedAsWell) {
  OriginPlaces::Need narrow{"http://h", nullptr, 2};
  places_.note_request(2, now_);
  held_.push_back(places_.take_places(narrow, 1));
  EXPECT_FALSE(places_.has_room(narrow, 1, now_)) << "one is kept for the other";
  EXPECT_TRUE(places_.has_room(narrow, 2, now_));
  narrow.host_limit = 1;
  EXPECT_FALSE(places_.has_room(narrow, 2, now_)) << "the host has become narrower than what is held";
}

TEST_F(OriginPlacesTest, TheLastPlaceOfAHostChangesHandsOnlyIfItIsSlow) {
  const OriginPlaces::Need one{"http://h", nullptr, 1};
  held_.push_back(places_.take_places(one, 1));
  running_.push_back({1, 1, "http://h", now_, false});
  EXPECT_FALSE(places_.who_yields(one, 2, now_ - minutes(5), running_, now_));
  running_.front().slow = true;
  EXPECT_EQ(places_.who_yields(one, 2, now_, running_, now_), 1u);
}

TEST(SlownessWatchTest, SaysSoAfterAWholeMinuteBelowTheRate) {
  SlownessWatch watch;
  watch.begin(kStart);
  EXPECT_FALSE(watch.is_slow(0, 1000, kStart + seconds(59)));
  EXPECT_TRUE(watch.is_slow(59'000, 1000, kStart + seconds(60)));
  EXPECT_TRUE(watch.is_slow(1'000'000, 1000, kStart + seconds(90))) << "the next minute has not passed";
  EXPECT_FALSE(watch.is_slow(1'000'000, 1000, kStart + seconds(120)));
}

TEST(SlownessWatchTest, NothingIsSlowWithoutARate) {
  SlownessWatch watch;
  watch.begin(kStart);
  EXPECT_FALSE(watch.is_slow(0, 0, kStart + minutes(5)));
}

}  // namespace
}  // namespace larder::origin
