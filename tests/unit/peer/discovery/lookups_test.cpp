#include "peer/discovery/lookups.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/peer/discovery_office.h"

namespace larder::peer {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::complete_item;
using test::Office;
using test::one_key;

struct Times {
  std::vector<Duration> all;
  std::size_t found = 0;
  [[nodiscard]] Duration at(double part) {
    std::sort(all.begin(), all.end());
    return all[std::min(all.size() - 1, static_cast<std::size_t>(part * static_cast<double>(all.size())))];
  }
};

// `holders` of `agents` hold everything; each other agent asks in turn.
Times ask_often(std::size_t agents, std::size_t holders, double loss, std::size_t questions) {
  Office office;
  for (std::size_t i = 0; i < agents; ++i) office.add();
  for (std::size_t i = 0; i < agents; ++i) office.start(office.at(i));
  office.run_for(seconds(12));
  for (std::size_t i = 0; i < holders; ++i) office.at(i).holdings = {complete_item()};
  office.loss = loss;
  Times times;
  for (std::size_t i = 0; i < questions; ++i) {
    const SteadyTime asked = office.now();
    office.at(holders + i % (agents - holders)).discovery->ask(one_key(), asked, [&](std::vector<Holder> got) {
      times.all.push_back(office.now() - asked);
      times.found += got.empty() ? 0U : 1U;
    });
    office.flush();
    office.run_for(milliseconds(110));
  }
  EXPECT_EQ(times.all.size(), questions);
  return times;
}

// One way takes 1 ms, one datagram in fifty is lost.
TEST(Lookups, TwentyAgentsOneHolder) {
  Times times = ask_often(20, 1, 0.02, 2000);
  EXPECT_LE(times.at(0.5), milliseconds(5));
  EXPECT_LE(times.at(0.99), milliseconds(30));
  EXPECT_GE(times.found, 1998u);
}

TEST(Lookups, TwentyAgentsManyHolders) {
  Times times = ask_often(20, 12, 0.02, 1000);
  EXPECT_LE(times.at(0.5), milliseconds(5));
  EXPECT_LE(times.at(0.99), milliseconds(30));
  EXPECT_EQ(times.found, 1000u);
}

TEST(Lookups, TwentyAgentsNobodyHasIt) {
  Times times = ask_often(20, 0, 0.02, 2000);
  EXPECT_LE(times.at(0.5), milliseconds(10)) << "most often one of 19 has to be asked again";
  EXPECT_LE(times.at(0.99), milliseconds(30));
  EXPECT_EQ(times.found, 0u);
}

TEST(Lookups, InALargeGroupSilenceEndsSoonAfterWidening) {
  Times times = ask_often(40, 0, 0, 10);
  EXPECT_EQ(times.at(0.5), Lookups::kWidenAfter + Lookups::kSilenceAfter);
  EXPECT_EQ(times.at(0.99), Lookups::kWidenAfter + Lookups::kSilenceAfter);
}

class LookupsTest : public ::testing::Test {
 protected:
  Askable agent(std::uint8_t number, bool multicast = true, bool prompt = true) {
    Askable askable;
    askable.agent[0] = static_cast<std::byte>(number);
    askable.at = *parse_endpoint("192.0.2." + std::to_string(number) + ":7475");
    askable.multicast = multicast;
    askable.prompt = prompt;
    return askable;
  }
  std::uint32_t ask(std::vector<Askable> around) {
    return lookups_.ask(one_key(), std::move(around), now_, [this](std::vector<Holder> holders) {
      ++done_;
      holders_ = std::move(holders);
    });
  }
  void pass(Duration duration) {
    const SteadyTime end = now_ + duration;
    while (lookups_.next_wakeup() <= end) {
      now_ = std::max(now_, lookups_.next_wakeup());
      lookups_.tick(now_);
    }
    now_ = end;
  }
  void answer(std::uint32_t query, std::uint8_t number, std::vector<HaveItem> items) {
    lookups_.receive(agent(number).agent, Have{query, 0, std::move(items)}, now_);
  }

  std::unique_ptr<Random> random_ = make_seeded_random(3);
  Lookups lookups_{*random_};
  SteadyTime now_ = SteadyTime(seconds(100));
  int done_ = 0;
  std::vector<Holder> holders_;
};

TEST_F(LookupsTest, OneMulticastAndOneUnicastForEachThatItDoesNotReach) {
  ask({agent(1), agent(2), agent(3, false)});
  const auto sent = lookups_.take_outgoing();
  ASSERT_EQ(sent.size(), 2u);
  EXPECT_FALSE(sent[0].to);
  EXPECT_EQ(sent[1].to, agent(3, false).at);
  EXPECT_TRUE(std::get<Ask>(sent[0].message).want_none);
}

TEST_F(LookupsTest, OnlyTheSilentAreAskedAgainAndNotForEver) {
  const auto query = ask({agent(1), agent(2)});
  std::ignore = lookups_.take_outgoing();
  answer(query, 1, {});
  pass(Lookups::kAgainAfter);
  const auto again = lookups_.take_outgoing();
  ASSERT_EQ(again.size(), 1u);
  EXPECT_EQ(again[0].to, agent(2).at);
  pass(milliseconds(80));
  EXPECT_EQ(lookups_.take_outgoing().size(), Lookups::kMaxTries - 2);
  EXPECT_EQ(done_, 0);
  pass(milliseconds(20));
  EXPECT_EQ(done_, 1);
  EXPECT_EQ(lookups_.take_silent(), std::set<AgentId>{agent(2).agent});
  EXPECT_EQ(lookups_.next_wakeup(), SteadyTime::max());
}

TEST_F(LookupsTest, AnAnswerCountsOnceAndUnknownKeysAreLeftOut) {
  const auto query = ask({agent(1), agent(2), agent(3)});
  HaveItem beyond = complete_item();
  beyond.key = 1;
  answer(query, 1, {beyond});
  HaveItem part;
  answer(query, 2, {part});
  answer(query, 2, {part, part});
  EXPECT_EQ(done_, 0);
  answer(query, 3, {});
  EXPECT_EQ(done_, 1);
  EXPECT_EQ(holders_.size(), 1u);
}

TEST_F(LookupsTest, ACompleteHolderIsGivenAMomentToBeContradicted) {
  const auto query = ask({agent(1), agent(2), agent(3)});
  answer(query, 1, {complete_item()});
  pass(Lookups::kLingerAlone - milliseconds(1));
  EXPECT_EQ(done_, 0);
  pass(milliseconds(1));
  EXPECT_EQ(done_, 1);
  EXPECT_TRUE(lookups_.take_silent().empty()) << "it was asked again only once";
}

TEST_F(LookupsTest, ACompleteHolderIsNotKeptWaitingWhenAllHaveAnswered) {
  const auto query = ask({agent(1), agent(2), agent(3)});
  answer(query, 1, {complete_item()});
  answer(query, 2, {});
  EXPECT_EQ(done_, 0);
  answer(query, 3, {});
  EXPECT_EQ(done_, 1);
}

TEST_F(LookupsTest, TwoCompleteHoldersAreNotKeptWaitingByTheRest) {
  const auto query = ask({agent(1), agent(2), agent(3)});
  answer(query, 1, {complete_item()});
  answer(query, 2, {complete_item()});
  EXPECT_EQ(done_, 0);
  pass(Lookups::kLingerComplete);
  EXPECT_EQ(done_, 1);
  EXPECT_TRUE(lookups_.take_silent().empty()) << "nobody had the time to be silent";
}

TEST_F(LookupsTest, WhoIsGoneIsNotWaitedFor) {
  const auto query = ask({agent(1), agent(2)});
  answer(query, 1, {});
  lookups_.on_agent_gone(agent(2).agent, now_);
  EXPECT_EQ(done_, 1);
}

TEST_F(LookupsTest, NobodyAndNothingAreAnsweredAtOnceAndTooManyToo) {
  EXPECT_EQ(ask({}), 0u);
  EXPECT_EQ(done_, 1);
  for (std::size_t i = 0; i < Lookups::kMaxQueries; ++i) EXPECT_NE(ask({agent(1)}), 0u);
  EXPECT_EQ(ask({agent(1)}), 0u);
  EXPECT_EQ(done_, 2);
}

TEST_F(LookupsTest, ACancelledQuestionIsNotAnswered) {
  const auto query = ask({agent(1)});
  lookups_.cancel(query);
  answer(query, 1, {});
  pass(seconds(1));
  EXPECT_EQ(done_, 0);
}

}  // namespace
}  // namespace larder::peer
