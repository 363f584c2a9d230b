// The times of CrowdPace one by one, with chance held fast: the figures that the crowd's bound on datagrams rests on.
#include <gmock/gmock.h>

#include "peer/crowd/crowd_pace.h"
#include "peer/crowd/crowd_rank.h"
#include "tests/unit/peer/crowd_lab.h"

namespace larder::peer::test {
namespace {

using std::chrono::microseconds;
using std::chrono::nanoseconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Draws the same, until told otherwise: 0, a half, or as good as one.
class HeldRandom final : public Random {
 public:
  static constexpr std::uint64_t kNone = 0, kHalf = 1ULL << 63, kAll = UINT64_MAX;
  std::uint64_t next() override { return value; }
  std::uint64_t value = kHalf;
};

class CrowdIntervalsTest : public ::testing::Test {
 protected:
  // `count` datagrams of `agents` other agents.
  void hear(std::size_t count, std::size_t agents, SteadyTime when) {
    for (std::size_t i = 0; i < count; ++i) pace.on_datagram(agent_of(static_cast<std::uint8_t>(2 + i % agents)), when);
  }
  // When the next turn comes, from the moment that it is asked for.
  double turn_after(bool claims, SteadyTime from) {
    pace.drop_version(kVersion);
    pace.announce_at_pace(kVersion, claims, from);
    return std::chrono::duration<double, std::milli>(*pace.next() - from).count();
  }

  const Digest kVersion = key_of(1);
  HeldRandom random;
  CrowdPace pace{random};
  const SteadyTime now{seconds(100)};
};

TEST_F(CrowdIntervalsTest, ClaimsAreToldEveryFourTenthsOfASecondAFifthEitherWay) {
  EXPECT_NEAR(turn_after(true, now), 400, 0.001);
  random.value = HeldRandom::kNone;
  EXPECT_NEAR(turn_after(true, now), 320, 0.001);
  random.value = HeldRandom::kAll;
  EXPECT_NEAR(turn_after(true, now), 480, 0.001);
}

TEST_F(CrowdIntervalsTest, WhereEightyAreHeardInASecondClaimsAreToldMoreSeldom) {
  hear(40, 10, now);
  hear(39, 10, now + milliseconds(900));
  EXPECT_NEAR(turn_after(true, now + milliseconds(999)), 400, 0.001);
  hear(1, 10, now + milliseconds(999));
  EXPECT_NEAR(turn_after(true, now + milliseconds(999)), 600, 0.001);
  EXPECT_NEAR(turn_after(true, now + milliseconds(1000)), 400, 0.001) << "the first forty are of another second";
}

TEST_F(CrowdIntervalsTest, OfAClockThatJumpsNothingIsTakenForTheLastSecond) {
  hear(80, 10, now);
  EXPECT_NEAR(turn_after(true, now), 600, 0.001);
  EXPECT_NEAR(turn_after(true, now - milliseconds(100)), 400, 0.001) << "back";
  hear(80, 10, now);
  EXPECT_NEAR(turn_after(true, now + seconds(1)), 400, 0.001) << "on by all that is counted";
  hear(80, 10, now + seconds(1));
  EXPECT_NEAR(turn_after(true, now + std::chrono::hours(1)), 400, 0.001) << "far on";
}

TEST_F(CrowdIntervalsTest, WithoutClaimsAMemberHasItsShareOfSixtyASecond) {
  EXPECT_NEAR(turn_after(false, now), 500, 0.001) << "never more often";
  hear(29, 29, now);
  EXPECT_NEAR(turn_after(false, now), 500, 0.001) << "thirty with itself";
  hear(35, 35, now + seconds(2));
  EXPECT_NEAR(turn_after(false, now + seconds(2)), 600, 0.001);
  hear(59, 59, now + seconds(4));
  EXPECT_NEAR(turn_after(false, now + seconds(4)), 1000, 0.001);
  random.value = HeldRandom::kNone;
  EXPECT_NEAR(turn_after(false, now + seconds(4)), 500, 0.001);
  random.value = HeldRandom::kAll;
  EXPECT_NEAR(turn_after(false, now + seconds(4)), 1500, 0.001);
}

TEST_F(CrowdIntervalsTest, MembersAreThoseOfThisMinuteOrOfTheLast) {
  hear(59, 59, now);
  EXPECT_EQ(pace.members(), 59U);
  pace.on_datagram(agent_of(100), now + seconds(60));
  EXPECT_EQ(pace.members(), 60U) << "the minute is not over";
  pace.on_datagram(agent_of(101), now + seconds(60) + nanoseconds(1));
  EXPECT_EQ(pace.members(), 60U) << "those of the last one";
  pace.on_datagram(agent_of(102), now + seconds(120) + nanoseconds(1));
  EXPECT_EQ(pace.members(), 60U);
  pace.on_datagram(agent_of(103), now + seconds(120) + nanoseconds(2));
  EXPECT_EQ(pace.members(), 2U) << "101 and 102";
}

TEST_F(CrowdIntervalsTest, ATurnIsWhenItIsDue) {
  pace.announce_at_pace(kVersion, true, now);
  EXPECT_THAT(pace.due(now + milliseconds(400) - nanoseconds(1)), IsEmpty());
  EXPECT_THAT(pace.due(now + milliseconds(400)), ElementsAre(kVersion));
  pace.on_sent({kVersion}, now + milliseconds(400));
  EXPECT_EQ(pace.next(), now + milliseconds(800));
}

TEST_F(CrowdIntervalsTest, ATurnWithoutClaimsWaitsWhereMoreMembersAreKnownByThen) {
  pace.announce_at_pace(kVersion, false, now);
  EXPECT_EQ(pace.next(), now + milliseconds(500));
  hear(59, 59, now);
  EXPECT_THAT(pace.due(now + milliseconds(500)), IsEmpty());
  EXPECT_EQ(pace.next(), now + seconds(1));
  EXPECT_THAT(pace.due(now + seconds(1)), ElementsAre(kVersion)) << "it is there to the moment";
}

TEST_F(CrowdIntervalsTest, ATurnWithoutClaimsIsPutOffWhereSeventyTwoAreHeardInASecond) {
  pace.announce_at_pace(kVersion, false, now);
  hear(71, 10, now);
  EXPECT_THAT(pace.due(now + milliseconds(500)), ElementsAre(kVersion));
  hear(1, 10, now + milliseconds(500));
  EXPECT_THAT(pace.due(now + milliseconds(500)), IsEmpty());
  EXPECT_EQ(pace.next(), now + milliseconds(800)) << "six tenths of half a second later";
  random.value = HeldRandom::kNone;
  EXPECT_THAT(pace.due(now + milliseconds(800)), IsEmpty());
  EXPECT_EQ(pace.next(), now + milliseconds(900)) << "two tenths of it at least";
  EXPECT_THAT(pace.due(now + milliseconds(1000)), ElementsAre(kVersion)) << "their second is over";
}

TEST_F(CrowdIntervalsTest, ClaimsBringATurnForwardAndNothingElseDoes) {
  pace.announce_at_pace(kVersion, false, now);
  pace.announce_at_pace(key_of(2), false, now + milliseconds(10));
  EXPECT_EQ(pace.next(), now + milliseconds(500)) << "there is a turn already";
  pace.announce_at_pace(key_of(3), true, now + milliseconds(50));
  EXPECT_EQ(pace.next(), now + milliseconds(450));
  pace.announce_at_pace(key_of(4), true, now + milliseconds(100));
  pace.announce_at_pace(kVersion, false, now + milliseconds(100));
  EXPECT_EQ(pace.next(), now + milliseconds(450));
}

TEST_F(CrowdIntervalsTest, WhatIsUrgentIsGatheredForHalfAMillisecond) {
  pace.announce_soon(kVersion, now);
  pace.announce_soon(key_of(2), now + microseconds(100));
  EXPECT_EQ(pace.next(), now + microseconds(500));
  EXPECT_THAT(pace.due(now + microseconds(500) - nanoseconds(1)), IsEmpty());
  EXPECT_THAT(pace.due(now + microseconds(500)), ElementsAre(kVersion, key_of(2)));
  pace.on_sent({kVersion}, now + milliseconds(1));
  EXPECT_THAT(pace.due(now + milliseconds(1)), ElementsAre(key_of(2))) << "what did not fit goes at once";
  pace.on_sent({key_of(2)}, now + milliseconds(1));
  EXPECT_FALSE(pace.next()) << "nobody asked for more than that";
}

TEST_F(CrowdIntervalsTest, TheSoonerOfTurnAndUrgencyIsNext) {
  pace.announce_at_pace(kVersion, true, now);
  pace.announce_soon(kVersion, now + milliseconds(100));
  EXPECT_EQ(pace.next(), now + milliseconds(100) + microseconds(500));
  pace.drop_version(kVersion);
  EXPECT_FALSE(pace.next());
  pace.announce_at_pace(kVersion, true, now);
  pace.announce_soon(key_of(2), now + milliseconds(399) + microseconds(900));
  EXPECT_EQ(pace.next(), now + milliseconds(400));
}

TEST_F(CrowdIntervalsTest, WhatIsDroppedTakesOnlyItsOwnUrgencyAlong) {
  pace.announce_soon(kVersion, now);
  pace.announce_soon(key_of(2), now);
  pace.drop_version(kVersion);
  EXPECT_EQ(pace.next(), now + microseconds(500));
  pace.announce_at_pace(key_of(3), true, now);
  pace.drop_version(key_of(2));
  EXPECT_EQ(pace.next(), now + milliseconds(400));
}

TEST_F(CrowdIntervalsTest, AfterWhatWasSaidThePaceIsThatOfWhatIsLeft) {
  pace.announce_at_pace(kVersion, true, now);
  pace.announce_at_pace(key_of(2), false, now);
  pace.announce_at_pace(kVersion, false, now);  // its claims are done
  pace.on_sent({kVersion, key_of(2)}, now + milliseconds(100));
  EXPECT_EQ(pace.next(), now + milliseconds(600));
  pace.on_sent({key_of(9)}, now + milliseconds(200));
  EXPECT_EQ(pace.next(), now + milliseconds(700)) << "of what is unknown nothing is noted, but a datagram went";
}

TEST_F(CrowdIntervalsTest, ATurnForClaimsIsKeptAsItWasDrawn) {
  pace.announce_at_pace(kVersion, true, now);
  random.value = HeldRandom::kAll;
  EXPECT_THAT(pace.due(now + milliseconds(400)), ElementsAre(kVersion));
}

TEST_F(CrowdIntervalsTest, ATurnForClaimsThatAreDoneIsPutOffToThePaceOfTheOthers) {
  pace.announce_at_pace(kVersion, true, now);
  pace.announce_at_pace(kVersion, false, now);
  EXPECT_THAT(pace.due(now + milliseconds(400)), IsEmpty());
  EXPECT_EQ(pace.next(), now + milliseconds(500));
}

// Every agent has to come to the same order, also one of another build.
TEST(CrowdRank, IsTheBeginningOfTheHashOfVersionAndAgent) {
  ASSERT_TRUE(initialise_crypto());
  std::vector<std::byte> both;
  for (const std::byte one : key_of(3)) both.push_back(one);
  for (const std::byte one : agent_of(5)) both.push_back(one);
  const Digest hash = blake2b256(both);
  std::uint64_t expected = 0;
  for (std::size_t i = 0; i < 8; ++i) expected += std::to_integer<std::uint64_t>(hash[i]) << (56 - 8 * i);
  EXPECT_EQ(crowd_rank(key_of(3), agent_of(5)), expected);
}

TEST(CrowdFitting, ADatagramIsFilledToItsLastByte) {
  CrowdEntry filling;  // with its numbers, claims and bitmap
  filling.segments = 1024;
  filling.claims.resize(1);
  const std::size_t bare = encoded_size(filling);
  filling.held.resize(kMaxCrowdBytes - 2 * bare);
  CrowdEntry other = filling;
  other.held.clear();
  EXPECT_EQ(fitting({filling, other}), 2U);
  other.held.resize(1);
  EXPECT_EQ(fitting({filling, other}), 1U);
}

TEST(CrowdFitting, TheFirstIsSentWhateverItsSize) {
  CrowdEntry large;
  large.segments = 1024;
  large.held.resize(kMaxCrowdBytes);
  EXPECT_EQ(fitting({large, large}), 1U);
}

}  // namespace
}  // namespace larder::peer::test
