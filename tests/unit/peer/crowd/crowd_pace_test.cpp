// When an agent speaks of its crowds, what it remembers of others', and whose claims it waits for.
#include "peer/crowd/crowd_pace.h"

#include <gmock/gmock.h>

#include "base/runtime/loop.h"
#include "peer/crowd/crowd_choice.h"
#include "peer/crowd/crowd_memory.h"
#include "tests/unit/peer/crowd_lab.h"

namespace larder::peer::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

AgentId numbered(std::uint64_t number) {
  AgentId id{};
  for (std::size_t i = 0; i < 8; ++i) id[i] = static_cast<std::byte>(mixed(number) >> (8 * i));
  return id;
}

class CrowdPaceTest : public ::testing::Test {
 protected:
  // Datagrams that it sends in that time; of `others`, `heard` speak in each second.
  std::size_t sent_in(Duration time, std::size_t heard = 0, std::size_t others = 5000) {
    std::size_t sent = 0;
    const SteadyTime end = now + time;
    std::uint64_t other = 0;
    for (; now < end; now += milliseconds(10)) {
      for (; other * 1000 < heard * static_cast<std::uint64_t>((now - start) / milliseconds(1)); ++other) {
        pace.on_datagram(numbered(other % others), now);
      }
      const auto versions = pace.due(now);
      if (versions.empty()) continue;
      pace.on_sent(versions, now);
      ++sent;
    }
    return sent;
  }

  std::unique_ptr<Random> random = make_seeded_random(3);
  CrowdPace pace{*random};
  const SteadyTime start{seconds(100)};
  SteadyTime now = start;
};

TEST_F(CrowdPaceTest, NothingToSayIsNotSaid) {
  EXPECT_FALSE(pace.next());
  EXPECT_THAT(pace.due(now), IsEmpty());
}

TEST_F(CrowdPaceTest, AChangeIsSaidAtOnce) {
  pace.announce_soon(key_of(1), now);
  ASSERT_TRUE(pace.next());
  EXPECT_LE(*pace.next() - now, milliseconds(1));
  now = *pace.next();
  EXPECT_THAT(pace.due(now), ElementsAre(key_of(1)));
  pace.on_sent({key_of(1)}, now);
  EXPECT_FALSE(pace.next());
}

TEST_F(CrowdPaceTest, ChangesAreBounded) {
  std::size_t sent = 0;
  for (int i = 0; i < 10'000; ++i, now += milliseconds(1)) {
    pace.announce_soon(key_of(1), now);
    if (!pace.due(now).empty()) {
      pace.on_sent({key_of(1)}, now);
      ++sent;
    }
  }
  const double allowed = CrowdPace::kUrgentBurst + 10 * CrowdPace::kUrgentPerSecond;
  EXPECT_LE(static_cast<double>(sent), allowed + 2);
  EXPECT_GE(static_cast<double>(sent), allowed - 20);
}

TEST_F(CrowdPaceTest, ChangesThatHadToWaitAreSaidInTheEnd) {
  std::uint8_t number = 0;
  const auto says = [this, &number] {
    pace.announce_soon(key_of(number), now);
    now += milliseconds(1);
    const auto due = pace.due(now);
    if (!due.empty()) pace.on_sent(due, now);
    return !due.empty();
  };
  while (number < 100 && says()) ++number;
  EXPECT_GE(number, CrowdPace::kUrgentBurst);
  ASSERT_LT(number, 100);
  ASSERT_TRUE(pace.next());
  EXPECT_LE(*pace.next() - now, milliseconds(110));
  EXPECT_THAT(pace.due(*pace.next()), ElementsAre(key_of(number)));
}

TEST_F(CrowdPaceTest, ClaimsAreToldThreeTimesInTheTimeThatMakesThemVoid) {
  pace.announce_at_pace(key_of(1), true, now);
  EXPECT_GE(sent_in(seconds(15)), 30u);
}

TEST_F(CrowdPaceTest, AFewMembersSpeakTwiceASecond) {
  pace.announce_at_pace(key_of(1), false, now);
  const std::size_t sent = sent_in(seconds(20), 10, 10);
  EXPECT_GE(sent, 20u);
  EXPECT_LE(sent, 60u);
}

TEST_F(CrowdPaceTest, InALargeCrowdEachSpeaksSeldom) {
  for (std::uint64_t i = 0; i < 5000; ++i) pace.on_datagram(numbered(i), now);
  now += seconds(2);
  pace.announce_at_pace(key_of(1), false, now);
  EXPECT_LE(sent_in(seconds(300), 50), 9u);
  EXPECT_GE(sent_in(seconds(600), 50), 2u);
}

TEST_F(CrowdPaceTest, WhenMoreIsHeardThanIsAllowedOnlyClaimsAreTold) {
  for (std::uint64_t i = 0; i < 30; ++i) pace.on_datagram(numbered(i), now);
  pace.announce_at_pace(key_of(1), false, now);
  EXPECT_EQ(sent_in(seconds(10), 200), 0u);
  pace.announce_at_pace(key_of(1), true, now);
  EXPECT_GE(sent_in(seconds(10), 200), 12u);
}

// Of thousands few have been heard in the first seconds: each takes the crowd for a small one.
TEST_F(CrowdPaceTest, AsLongAsFewHaveBeenHeardThereIsHardlyMoreThanLater) {
  pace.announce_at_pace(key_of(1), false, now);
  sent_in(seconds(2), 81, 30);
  EXPECT_EQ(sent_in(seconds(10), 81, 30), 0u);
  EXPECT_GE(sent_in(seconds(10), 60, 30), 3u) << "there is room again";
}

// The rate of thousands that start in the same moment, each with a pace of its own, all hearing one another.
TEST_F(CrowdPaceTest, ThousandsThatStartAtOnceDoNotSpeakAtOnce) {
  std::vector<std::unique_ptr<CrowdPace>> paces;
  for (int i = 0; i < 1000; ++i) {
    paces.push_back(std::make_unique<CrowdPace>(*random));
    paces.back()->announce_at_pace(key_of(1), false, now);
  }
  std::size_t most = 0;
  for (int second = 0; second < 8; ++second) {
    std::size_t said = 0;
    for (int step = 0; step < 100; ++step, now += milliseconds(10)) {
      for (std::size_t i = 0; i < paces.size(); ++i) {
        if (*paces[i]->next() > now || paces[i]->due(now).empty()) continue;
        paces[i]->on_sent({key_of(1)}, now);
        ++said;
        for (std::size_t other = 0; other < paces.size(); ++other)
          if (other != i) paces[other]->on_datagram(numbered(i), now);
      }
    }
    most = std::max(most, said);
  }
  EXPECT_LE(most, 100u);
  EXPECT_GE(most, 20u);
}

TEST_F(CrowdPaceTest, TheUrgentFirstThenClaimsThenWhoWaitedLongest) {
  pace.announce_at_pace(key_of(1), false, now);
  pace.announce_at_pace(key_of(2), false, now);
  pace.announce_at_pace(key_of(3), true, now);
  pace.on_sent({key_of(1)}, now);
  pace.announce_soon(key_of(4), now);
  now += milliseconds(1);
  EXPECT_THAT(pace.due(now), ElementsAre(key_of(4), key_of(3), key_of(2), key_of(1)));
}

TEST_F(CrowdPaceTest, OfManyVersionsAllHaveTheirTurn) {
  std::set<Digest> said;
  for (std::uint8_t i = 0; i < 200; ++i) pace.announce_at_pace(key_of(i), false, now);
  for (int i = 0; i < 1500 && said.size() < 200; ++i, now += milliseconds(10)) {
    const auto due = pace.due(now);
    EXPECT_LE(due.size(), kMaxCrowdEntries);
    if (due.empty()) continue;
    pace.on_sent(due, now);
    said.insert(due.begin(), due.end());
  }
  EXPECT_EQ(said.size(), 200u);
}

TEST_F(CrowdPaceTest, WhatIsDroppedIsNotSaid) {
  pace.announce_at_pace(key_of(1), true, now);
  pace.announce_soon(key_of(1), now);
  pace.drop_version(key_of(1));
  EXPECT_FALSE(pace.next());
  EXPECT_THAT(pace.due(now + seconds(10)), IsEmpty());
}

TEST(CrowdFitting, ADatagramHasRoomForManySmallContentsAndFewLargeOnes) {
  CrowdEntry small;
  small.claims = {{0, 5}};
  EXPECT_EQ(fitting(std::vector<CrowdEntry>(200, small)), kMaxCrowdBytes / encoded_size(small));
  CrowdEntry large;
  large.segments = 1024;
  large.held.resize(kMaxCrowdBitmap);
  large.claims.resize(kMaxCrowdClaims);
  EXPECT_EQ(fitting(std::vector<CrowdEntry>(200, large)), kMaxCrowdBytes / encoded_size(large));
  EXPECT_EQ(fitting({large}), 1u);
  EXPECT_EQ(fitting({}), 0u);
}

// -- memory

CrowdEntry entry_of(std::uint8_t key, bool complete) {
  CrowdEntry entry;
  entry.version_key = key_of(key);
  entry.complete = complete;
  return entry;
}

TEST(CrowdMemoryTest, WhoJoinsKnowsWhatWasSaidBefore) {
  CrowdMemory memory;
  const SteadyTime now{seconds(100)};
  memory.on_entry(agent_of(2), {1, 1}, entry_of(7, false), now);
  EXPECT_THAT(memory.take_entries(key_of(7), now), IsEmpty()) << "it holds and fetches nothing";
  memory.on_entry(agent_of(2), {1, 3}, entry_of(7, true), now);
  memory.on_entry(agent_of(2), {1, 2}, entry_of(7, false), now);
  memory.on_entry(agent_of(3), {1, 1}, entry_of(7, true), now + seconds(1));
  const auto heard = memory.take_entries(key_of(7), now + CrowdMemory::kFor);
  ASSERT_EQ(heard.size(), 2u);
  EXPECT_EQ(heard[0].agent, agent_of(2));
  EXPECT_TRUE(heard[0].entry.complete) << "the earlier came later";
  EXPECT_THAT(memory.take_entries(key_of(7), now), IsEmpty());
}

TEST(CrowdMemoryTest, ForgetsWhatIsOldAndWhoIsGone) {
  CrowdMemory memory;
  const SteadyTime now{seconds(100)};
  memory.on_entry(agent_of(2), {1, 1}, entry_of(7, true), now);
  EXPECT_THAT(memory.take_entries(key_of(7), now + CrowdMemory::kFor + seconds(1)), IsEmpty());
  memory.on_entry(agent_of(2), {1, 1}, entry_of(7, true), now);
  memory.on_agent_gone(agent_of(2));
  EXPECT_THAT(memory.take_entries(key_of(7), now), IsEmpty());
}

TEST(CrowdMemoryTest, IsBounded) {
  CrowdMemory memory;
  const SteadyTime now{seconds(100)};
  for (std::uint64_t i = 0; i < 100; ++i) memory.on_entry(numbered(i), {1, 1}, entry_of(7, true), now);
  EXPECT_EQ(memory.take_entries(key_of(7), now).size(), CrowdMemory::kMaxAgents);
  memory.on_entry(agent_of(1), {1, 1}, entry_of(7, true), now);
  for (std::uint64_t i = 0; i < CrowdMemory::kMaxVersions; ++i) {
    CrowdEntry entry = entry_of(0, true);
    entry.version_key = numbered(i);
    memory.on_entry(agent_of(1), {1, 1}, entry, now + seconds(1));
  }
  EXPECT_THAT(memory.take_entries(key_of(7), now + seconds(1)), IsEmpty()) << "the oldest made room";
}

// -- record

TEST(ClaimRecordTest, RestsGrowAndAreForgiven) {
  ClaimRecord record;
  SteadyTime now{seconds(1000)};
  record.broke(agent_of(1), now);
  EXPECT_TRUE(record.waits_for(agent_of(1), now));
  record.broke(agent_of(1), now);
  EXPECT_FALSE(record.waits_for(agent_of(1), now));
  now += ClaimRecord::kFirstRest;
  EXPECT_TRUE(record.waits_for(agent_of(1), now));
  record.broke(agent_of(1), now);
  EXPECT_FALSE(record.waits_for(agent_of(1), now + ClaimRecord::kFirstRest)) << "one more is enough, for longer";
  now += ClaimRecord::kForgive + ClaimRecord::kLongestRest;
  record.broke(agent_of(1), now);
  EXPECT_TRUE(record.waits_for(agent_of(1), now));
}

TEST(ClaimRecordTest, WhoKeepsHalfOfItsClaimsIsNotTrusted) {
  ClaimRecord record;
  const SteadyTime now{seconds(1000)};
  for (int i = 0; i < 3; ++i) {
    record.broke(agent_of(1), now);
    record.kept(agent_of(1));
  }
  EXPECT_FALSE(record.waits_for(agent_of(1), now));
  for (int i = 0; i < 20; ++i) record.kept(agent_of(2));
  record.broke(agent_of(2), now);
  EXPECT_TRUE(record.waits_for(agent_of(2), now));
}

TEST(ClaimRecordTest, GivenUpTooSoonIsWaitedForLonger) {
  ClaimRecord record;
  const SteadyTime now{seconds(1000)};
  EXPECT_EQ(record.stretch(now), 1u);
  record.broke(agent_of(1), now);
  record.revived(agent_of(1), now);
  EXPECT_EQ(record.stretch(now), 2u);
  for (int i = 0; i < 5; ++i) record.revived(agent_of(1), now);
  EXPECT_EQ(record.stretch(now), ClaimRecord::kMostStretch);
  EXPECT_EQ(record.stretch(now + ClaimRecord::kStretchFor + seconds(1)), 1u);
  record.broke(agent_of(1), now);
  EXPECT_TRUE(record.waits_for(agent_of(1), now)) << "the first was taken back";
}

TEST(ClaimRecordTest, RestsDoubleFromHalfAMinuteToTenMinutes) {
  ClaimRecord record;
  SteadyTime now{seconds(1000)};
  record.broke(agent_of(1), now);
  for (const int rest : {30, 60, 120, 240, 480, 600, 600}) {
    record.broke(agent_of(1), now);
    EXPECT_FALSE(record.waits_for(agent_of(1), now + seconds(rest) - milliseconds(1))) << rest;
    EXPECT_TRUE(record.waits_for(agent_of(1), now + seconds(rest))) << rest;
    now += ClaimRecord::kForgive;  // not yet forgiven
  }
  now += milliseconds(1);
  record.broke(agent_of(1), now);
  EXPECT_TRUE(record.waits_for(agent_of(1), now)) << "forgiven: it is the first again";
}

TEST(ClaimRecordTest, WhoHasRestedIsNotBelievedForOneKeptClaim) {
  ClaimRecord record;
  const SteadyTime now{seconds(1000)};
  for (int i = 0; i < 2; ++i) record.broke(agent_of(1), now);
  for (int i = 0; i < 4; ++i) record.kept(agent_of(1));
  record.revived(agent_of(1), now);
  EXPECT_FALSE(record.waits_for(agent_of(1), now)) << "its rest is not over by that";
  record.kept(agent_of(2));
  record.revived(agent_of(2), now);
  EXPECT_TRUE(record.waits_for(agent_of(2), now)) << "of whom nothing is known";
}

TEST(ClaimRecordTest, AClaimThatIsKeptTakesHalfOfABrokenOneBack) {
  ClaimRecord record;
  const SteadyTime now{seconds(1000)};
  record.broke(agent_of(1), now);
  record.kept(agent_of(1));
  record.kept(agent_of(1));
  record.broke(agent_of(1), now);
  EXPECT_TRUE(record.waits_for(agent_of(1), now)) << "the first was taken back";
  record.kept(agent_of(1));
  record.broke(agent_of(1), now);
  EXPECT_TRUE(record.waits_for(agent_of(1), now)) << "one and a half";
  record.broke(agent_of(1), now);
  EXPECT_FALSE(record.waits_for(agent_of(1), now));
}

TEST(ClaimRecordTest, ASlowFetcherIsTriedNowAndThen) {
  ClaimRecord record;
  const SteadyTime now{seconds(1000)};
  EXPECT_TRUE(record.may_try(now));
  EXPECT_FALSE(record.may_try(now + ClaimRecord::kTryEvery - milliseconds(1)));
  EXPECT_TRUE(record.may_try(now + ClaimRecord::kTryEvery));
  EXPECT_FALSE(record.may_try(now + ClaimRecord::kTryEvery + milliseconds(1)));
}

TEST(ClaimRecordTest, PatienceIsLongerForAMinute) {
  ClaimRecord record;
  const SteadyTime now{seconds(1000)};
  record.revived(agent_of(1), now);
  EXPECT_EQ(record.stretch(now + ClaimRecord::kStretchFor), 2U);
  EXPECT_EQ(record.stretch(now + ClaimRecord::kStretchFor + milliseconds(1)), 1U);
  record.revived(agent_of(1), now + seconds(1));
  EXPECT_EQ(record.stretch(now + seconds(1)), 4U);
  record.revived(agent_of(1), now + seconds(1));
  EXPECT_EQ(record.stretch(now + seconds(1)), 4U) << "and no longer than that";
}

TEST(ClaimRecordTest, TwoKeptClaimsAfterARestAreANewBeginning) {
  ClaimRecord record;
  SteadyTime now{seconds(1000)};
  for (int i = 0; i < 2; ++i) record.broke(agent_of(1), now);
  now += ClaimRecord::kFirstRest;
  for (int i = 0; i < 2; ++i) record.kept(agent_of(1));
  record.broke(agent_of(1), now);
  EXPECT_TRUE(record.waits_for(agent_of(1), now));
  record.broke(agent_of(1), now);
  EXPECT_FALSE(record.waits_for(agent_of(1), now + ClaimRecord::kFirstRest)) << "its rests are remembered";
}

TEST(ClaimRecordTest, OfAStrikeAndAHalfHalfIsLeftWhereOneIsTakenBack) {
  ClaimRecord record;
  const SteadyTime now{seconds(1000)};
  record.broke(agent_of(1), now);
  record.kept(agent_of(1));
  record.broke(agent_of(1), now);
  record.revived(agent_of(1), now);
  record.broke(agent_of(1), now);
  record.kept(agent_of(1));
  EXPECT_TRUE(record.waits_for(agent_of(1), now));
  record.broke(agent_of(1), now);
  EXPECT_FALSE(record.waits_for(agent_of(1), now));
}

// A flood of names finds as many places as there are: who is cleared takes none.
TEST(ClaimRecordTest, WhoIsClearedTakesNoPlace) {
  for (const bool by_keeping : {false, true}) {
    ClaimRecord record;
    SteadyTime now{seconds(1000)};
    record.broke(agent_of(1), now);
    record.broke(agent_of(2), now += milliseconds(1));
    for (int i = 0; i < 2 && by_keeping; ++i) record.kept(agent_of(2));
    if (!by_keeping) record.revived(agent_of(2), now);
    for (std::uint64_t i = 1; i < ClaimRecord::kMaxAgents; ++i) record.broke(numbered(i), now += milliseconds(1));
    record.broke(agent_of(1), now);
    EXPECT_FALSE(record.waits_for(agent_of(1), now)) << by_keeping << ": it was not forgotten";
  }
}

TEST(ClaimRecordTest, OneAgentTooManyMakesTheOldestForgotten) {
  ClaimRecord record;
  SteadyTime now{seconds(1000)};
  record.broke(agent_of(1), now);
  for (std::uint64_t i = 0; i < ClaimRecord::kMaxAgents; ++i) record.broke(numbered(i), now += milliseconds(1));
  record.broke(agent_of(1), now);
  EXPECT_TRUE(record.waits_for(agent_of(1), now));
}

TEST(ClaimRecordTest, AFloodOfNamesIsBoundedAndKeepsTheLatest) {
  ClaimRecord record;
  SteadyTime now{seconds(1000)};
  for (std::uint64_t i = 0; i < 2 * ClaimRecord::kMaxAgents; ++i) record.broke(numbered(i), now += milliseconds(1));
  record.broke(agent_of(1), now);
  record.broke(agent_of(1), now);
  EXPECT_FALSE(record.waits_for(agent_of(1), now));
}

// -- which segment

class ChoiceTest : public ::testing::Test {
 protected:
  std::optional<std::uint64_t> choose(const std::string& state, std::optional<std::uint64_t> last,
                                      std::uint64_t stripe) {
    SegmentBits free(state.size());
    SegmentBits claimed(state.size());
    for (std::size_t i = 0; i < state.size(); ++i) {
      if (state[i] == '.') free.set(i);
      if (state[i] == 'c') claimed.set(i);
    }
    return choose_segment({free, claimed, last, stripe});
  }
};

TEST_F(ChoiceTest, Table) {
  EXPECT_EQ(choose("........", {}, 4), 4u) << "its stripe";
  EXPECT_EQ(choose("....h...", 4, 0), 5u) << "the next";
  EXPECT_EQ(choose("hhhhhhhh", {}, 4), std::nullopt);
  EXPECT_EQ(choose("hhc.....", 1, 0), 5u) << "the middle of what another works towards";
  EXPECT_EQ(choose("..h.....", 1, 0), 3u) << "the largest run";
  EXPECT_EQ(choose("c.......", {}, 1), 4u) << "its stripe, but another comes there";
  EXPECT_EQ(choose("ccccccc.", 3, 0), 7u) << "the last one, whoever comes";
  EXPECT_EQ(choose(".hhhhhhh", 7, 3), 0u);
  EXPECT_EQ(choose("h.......", {}, 1), 1u) << "its stripe: what is held before it leads nobody here";
  EXPECT_EQ(choose("hc......", {}, 2), 5u) << "the middle of six is the fourth of them";
  EXPECT_EQ(choose("........", 7, 3), 0u) << "the stripe is for who has none yet";
  EXPECT_EQ(choose("c......h", 7, 3), 4u);
  EXPECT_EQ(choose("..hh..", 2, 0), 0u) << "of equal runs the first";
  EXPECT_EQ(choose(".h..h.", 0, 0), 2u) << "the largest run is neither the first nor the last";
  EXPECT_EQ(choose("c.hhh", 4, 0), 1u);
  EXPECT_EQ(choose("c..", 2, 0), 2u);
  EXPECT_EQ(choose("c..", {}, 0), 2u) << "its stripe is taken";
  EXPECT_EQ(choose(".c..", {}, 0), 0u) << "nobody comes to the first from before it";
}

}  // namespace
}  // namespace larder::peer::test
