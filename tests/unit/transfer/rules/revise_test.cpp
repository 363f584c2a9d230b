#include "agent/transfer/rules/revise.h"

#include <gtest/gtest.h>

namespace larder::agent {
namespace {

constexpr std::uint64_t kSegment = cache::kMinSegment;
using Kind = Revision::Kind;

constexpr std::size_t kOrigin = 0;
constexpr std::size_t kPeers = 1;

class Revise : public testing::Test {
 protected:
  // Eight segments, nothing missing that is not under way; the peers have all.
  Revise() {
    input.layout.emplace(8 * kSegment);
    input.sources.resize(2);
    input.sources[kPeers].kind = SourceKind::peer;
    input.sources[kPeers].max_streams = 8;
    input.sources[kPeers].has_all = false;
    input.sources[kPeers].has = {0, 1, 2, 3, 4, 5, 6, 7};
  }
  void under_way(std::uint64_t id, std::size_t source, ByteRange window, std::uint64_t came) {
    input.sources[source].active.push_back(window);
    deliveries.push_back({id, source, window, {window.offset + came, window.length - came}, came > 0});
  }
  [[nodiscard]] std::optional<Revision> next() const { return revise(input, deliveries); }

  PlanInput input;
  std::vector<Delivery> deliveries;
};

TEST_F(Revise, NothingUnderWayNothingToChange) {
  EXPECT_FALSE(next());
}

TEST_F(Revise, AStreamThatHasNotBegunGivesWay) {
  under_way(7, kOrigin, {0, 8 * kSegment}, 0);
  EXPECT_EQ(next(), (Revision{Kind::end, 7, kOrigin, {}}));
}

TEST_F(Revise, AStreamIsCutBeforeWhatPeersCanGive) {
  under_way(7, kOrigin, {0, 8 * kSegment}, kSegment + 100);
  EXPECT_EQ(next(), (Revision{Kind::cut, 7, kOrigin, {0, 2 * kSegment}}));
  input.sources[kPeers].has = {0, 1, 5};
  EXPECT_EQ(next(), (Revision{Kind::cut, 7, kOrigin, {0, 5 * kSegment}}));
  input.sources[kPeers].has = {0};
  EXPECT_FALSE(next());
}

TEST_F(Revise, PeersAtRestChangeNothing) {
  under_way(7, kOrigin, {0, 8 * kSegment}, 0);
  input.sources[kPeers].max_streams = 0;
  EXPECT_FALSE(next());
  input.sources[kPeers].max_streams = 8;
  input.sources[kPeers].usable = false;
  EXPECT_FALSE(next());
}

TEST_F(Revise, OnProbationPeersGetTheLastSegment) {
  under_way(7, kOrigin, {0, 8 * kSegment}, 100);
  input.sources[kPeers].max_streams = 1;
  input.sources[kPeers].on_probation = true;
  EXPECT_EQ(next(), (Revision{Kind::cut, 7, kOrigin, {0, 7 * kSegment}}));
  input.sources[kPeers].has = {0, 1, 2};
  EXPECT_EQ(next(), (Revision{Kind::cut, 7, kOrigin, {0, 2 * kSegment}}));
  input.sources[kPeers].active = {{2 * kSegment, kSegment}};
  EXPECT_FALSE(next()) << "one at a time";
}

TEST_F(Revise, WhatTheCrowdLeavesToOthersIsGivenUp) {
  under_way(7, kOrigin, {0, 4 * kSegment}, kSegment + 100);
  input.sources[kPeers].has = {};
  input.sources[kOrigin].has_all = false;
  input.sources[kOrigin].has = {0, 1, 2, 3};
  EXPECT_FALSE(next());
  input.sources[kOrigin].has = {1, 2};
  EXPECT_EQ(next(), (Revision{Kind::cut, 7, kOrigin, {0, 3 * kSegment}}));
  input.sources[kOrigin].has = {2, 3};
  EXPECT_EQ(next(), (Revision{Kind::end, 7, kOrigin, {}})) << "somebody else has the claim now";
  deliveries[0].left = {2 * kSegment - kRaceWorth, 2 * kSegment + kRaceWorth};
  EXPECT_FALSE(next()) << "the little that is left may come, and what follows is this agent's";
  input.sources[kOrigin].has = {3};
  EXPECT_EQ(next(), (Revision{Kind::cut, 7, kOrigin, {0, 2 * kSegment}})) << "what follows is not";
}

TEST_F(Revise, TheOriginHelpsOnlyWithWhatTheCrowdLeavesToIt) {
  input.helping = true;
  under_way(7, kPeers, {0, kSegment}, 0);
  under_way(8, kPeers, {kSegment, kSegment}, kMiB);
  input.sources[kOrigin].has_all = false;
  EXPECT_FALSE(next());
  input.sources[kOrigin].has = {1};
  EXPECT_EQ(next(), (Revision{Kind::race, 8, kOrigin, {kSegment + kMiB, kSegment - kMiB}}));
}

TEST_F(Revise, AnOriginWithoutWindowsIsLeftAlone) {
  under_way(7, kOrigin, {0, 8 * kSegment}, 100);
  input.sources[kOrigin].windows = false;
  EXPECT_FALSE(next());
}

TEST_F(Revise, SlowPeersGiveUpWhatHasNotBegun) {
  input.helping = true;
  under_way(1, kPeers, {0, kSegment}, 100);
  under_way(2, kPeers, {kSegment, kSegment}, 0);
  under_way(3, kPeers, {2 * kSegment, kSegment}, 0);
  EXPECT_EQ(next(), (Revision{Kind::end, 3, kPeers, {}}));
}

TEST_F(Revise, TheOriginRacesForTheSegmentWithTheMostLeft) {
  input.helping = true;
  under_way(1, kPeers, {0, kSegment}, kSegment / 4);
  under_way(2, kPeers, {kSegment, kSegment}, kSegment / 2);
  EXPECT_EQ(next(), (Revision{Kind::race, 1, kOrigin, {kSegment / 4, kSegment * 3 / 4}}));
  under_way(3, kOrigin, {kSegment / 4, kSegment * 3 / 4}, 0);
  EXPECT_FALSE(next()) << "the origin is busy";
  input.sources[kOrigin].max_streams = 3;
  EXPECT_EQ(next(), (Revision{Kind::race, 2, kOrigin, {kSegment * 3 / 2, kSegment / 2}}));
}

TEST_F(Revise, NoRaceWhileSomethingElseCanBeTaken) {
  input.helping = true;
  under_way(1, kPeers, {0, kSegment}, kMiB);
  input.missing = {{5 * kSegment, kSegment}};
  EXPECT_FALSE(next());
}

TEST_F(Revise, PeersThatDeliverAreNotRaced) {
  under_way(1, kPeers, {0, kSegment}, kMiB);
  EXPECT_FALSE(next());
}

TEST_F(Revise, PeersRaceForTheOriginsLastSegment) {
  under_way(1, kOrigin, {7 * kSegment, kSegment}, kMiB + 100);
  EXPECT_EQ(next(), (Revision{Kind::race, 1, kPeers, {7 * kSegment + kMiB, kSegment - kMiB}}));
  deliveries[0].left = {8 * kSegment - kRaceWorth, kRaceWorth};
  EXPECT_FALSE(next()) << "it is there before they have begun";
}

TEST_F(Revise, PeersThatHaveWorkDoNotRace) {
  under_way(1, kOrigin, {7 * kSegment, kSegment}, kMiB);
  under_way(2, kPeers, {0, kSegment}, kMiB);
  EXPECT_FALSE(next());
}

TEST_F(Revise, WhatIsRacedIsNotRacedAgain) {
  under_way(1, kOrigin, {7 * kSegment, kSegment}, kMiB);
  deliveries.push_back(
      {2, kPeers, {7 * kSegment + kMiB, kSegment - kMiB}, {7 * kSegment + kMiB, kSegment - kMiB}, true});
  EXPECT_FALSE(next());
}

}  // namespace
}  // namespace larder::agent
