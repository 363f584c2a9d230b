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

TEST_F(Revise, WhatIsThereIsNotGivenUp) {
  under_way(7, kOrigin, {0, kSegment}, kSegment);
  EXPECT_FALSE(next()) << "its last byte has come";
  input.helping = true;
  deliveries.clear();
  input.sources[kOrigin].active.clear();
  under_way(8, kPeers, {0, kSegment}, kSegment);
  EXPECT_FALSE(next());
}

TEST_F(Revise, OneByteIsEnoughToGiveWayFor) {
  under_way(7, kOrigin, {0, 1}, 0);
  EXPECT_EQ(next(), (Revision{Kind::end, 7, kOrigin, {}}));
  deliveries.clear();
  input.sources[kOrigin].active.clear();
  under_way(8, kOrigin, {0, kSegment + 1}, 100);
  EXPECT_EQ(next(), (Revision{Kind::cut, 8, kOrigin, {0, kSegment}})) << "of the last segment it has a byte";
}

TEST_F(Revise, WithoutASizeNothingIsRevised) {
  under_way(7, kOrigin, {0, 8 * kSegment}, 0);
  input.layout.reset();
  EXPECT_FALSE(next());
}

TEST_F(Revise, OfSeveralStreamsEachIsLookedAt) {
  under_way(7, kPeers, {0, kSegment}, 100);
  under_way(8, kOrigin, {kSegment, kSegment}, 100);
  under_way(9, kOrigin, {2 * kSegment, 3 * kSegment}, 100);
  EXPECT_EQ(next(), (Revision{Kind::cut, 9, kOrigin, {2 * kSegment, kSegment}}))
      << "8 is in its last segment, and 7 is a neighbour's";
}

TEST_F(Revise, OnlyPeersThatAreFreeAreTried) {
  under_way(7, kOrigin, {0, 8 * kSegment}, 100);
  SourceState& peers = input.sources[kPeers];
  peers.on_probation = true;
  peers.max_streams = 1;
  peers.usable = false;
  EXPECT_FALSE(next());
  peers.usable = true;
  peers.has = {0};
  EXPECT_FALSE(next()) << "the segment that is being read is left where it is";
  peers.has = {1};
  EXPECT_EQ(next(), (Revision{Kind::cut, 7, kOrigin, {0, kSegment}}));
  peers.kind = SourceKind::cache;
  EXPECT_FALSE(next());
}

TEST_F(Revise, OfEqualSegmentsTheLastIsHelpedFirst) {
  input.helping = true;
  under_way(1, kPeers, {0, kSegment}, 100);
  under_way(2, kPeers, {kSegment, kSegment}, 100);
  under_way(3, kPeers, {2 * kSegment, kSegment}, 200);
  EXPECT_EQ(next(), (Revision{Kind::race, 2, kOrigin, {kSegment + 100, kSegment - 100}}));
}

TEST_F(Revise, WhatHasNotBegunIsHelpedBeforeWhatHas) {
  input.helping = true;
  under_way(1, kPeers, {0, kSegment}, 0);
  under_way(2, kPeers, {kSegment, 2 * kSegment}, 100);
  EXPECT_EQ(next(), (Revision{Kind::end, 1, kPeers, {}})) << "also where more is left of the other";
}

TEST_F(Revise, AnOriginThatIsNotThereHelpsNobody) {
  input.helping = true;
  under_way(1, kPeers, {0, kSegment}, 100);
  input.sources[kOrigin].windows = false;
  EXPECT_FALSE(next());
  input.sources[kOrigin].windows = true;
  input.sources[kOrigin].usable = false;
  EXPECT_FALSE(next());
}

TEST_F(Revise, PeersRaceOnlyForWhatTheyHaveAndTheOriginCanGiveInParts) {
  under_way(1, kOrigin, {7 * kSegment, kSegment}, kMiB);
  input.sources[kOrigin].windows = false;
  EXPECT_FALSE(next()) << "it would go on with everything beside them";
  input.sources[kOrigin].windows = true;
  input.sources[kPeers].has = {6};
  EXPECT_FALSE(next());
  input.sources[kPeers].has = {6, 7};
  EXPECT_TRUE(next());
  input.missing = {{6 * kSegment, 100}};
  EXPECT_FALSE(next()) << "there is something that they can take";
  input.missing = {{5 * kSegment, kSegment}};
  EXPECT_TRUE(next()) << "of this they have nothing";
  input.sources[kPeers].on_probation = true;
  EXPECT_FALSE(next());
  input.sources[kPeers].on_probation = false;
  input.sources[kPeers].usable = false;
  EXPECT_FALSE(next());
}

TEST_F(Revise, ARaceIsWorthItOnlyForMoreThanHalfAMebibyteOfASegment) {
  input.sources[kPeers].has = {6, 7};
  input.sources[kOrigin].max_streams = 2;
  // Of segment 6 exactly the bytes that are not worth it are left, and all of 7 behind them.
  under_way(1, kOrigin, {6 * kSegment, 2 * kSegment}, kSegment - kRaceWorth);
  input.sources[kPeers].on_probation = false;
  EXPECT_EQ(next(), (Revision{Kind::cut, 1, kOrigin, {6 * kSegment, kSegment}}));
  input.sources[kPeers].has = {6};
  EXPECT_FALSE(next());
  deliveries[0].left = {7 * kSegment - kRaceWorth - 1, kSegment + kRaceWorth + 1};
  const std::uint64_t begin = (7 * kSegment - kRaceWorth - 1) / kBlockSize * kBlockSize;
  EXPECT_EQ(next(), (Revision{Kind::race, 1, kPeers, {begin, 7 * kSegment - begin}})) << "from a block's begin";
}

TEST_F(Revise, WhatIsNotWorthARaceIsNotMadeSoByABlocksBegin) {
  under_way(1, kOrigin, {7 * kSegment, kSegment}, kMiB);
  deliveries[0].left = {7 * kSegment + 100, kRaceWorth};
  EXPECT_FALSE(next());
  deliveries[0].left.length += 1;
  EXPECT_EQ(next(), (Revision{Kind::race, 1, kPeers, {7 * kSegment, kRaceWorth + 101}}));
}

TEST_F(Revise, AByteOfASegmentIsSomethingToTake) {
  under_way(1, kOrigin, {5 * kSegment, kSegment}, kMiB);
  input.sources[kPeers].has = {5, 7};
  input.missing = {{6 * kSegment, kSegment}};
  EXPECT_TRUE(next());
  input.missing = {{6 * kSegment, kSegment + 1}};
  EXPECT_FALSE(next());
}

TEST_F(Revise, AWindowBesideAnotherIsNoRace) {
  input.sources[kPeers].has = {7};
  input.sources[kOrigin].max_streams = 2;
  under_way(1, kOrigin, {7 * kSegment, kSegment / 2}, 100);
  under_way(2, kOrigin, {7 * kSegment + kSegment / 2, kSegment / 2}, 100);
  EXPECT_EQ(next().value_or(Revision{}).id, 1U);
  deliveries.erase(deliveries.begin());
  EXPECT_EQ(next().value_or(Revision{}).id, 2U);
}

TEST_F(Revise, AClaimThatIsLostIsFinishedWhereLittleIsLeftOfIt) {
  input.sources[kPeers].has = {};
  input.sources[kOrigin].has_all = false;
  input.sources[kOrigin].has = {};
  under_way(7, kOrigin, {0, kSegment}, kSegment - kRaceWorth);
  EXPECT_FALSE(next());
  deliveries[0].left = {kSegment - kRaceWorth - 1, kRaceWorth + 1};
  EXPECT_EQ(next(), (Revision{Kind::end, 7, kOrigin, {}}));
  deliveries[0].left = {kSegment - 100, 100};
  deliveries[0].begun = false;
  EXPECT_EQ(next(), (Revision{Kind::end, 7, kOrigin, {}})) << "nothing of it came yet: nothing is lost";
}

}  // namespace
}  // namespace larder::agent
