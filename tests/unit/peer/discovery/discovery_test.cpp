#include "peer/discovery/discovery.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <tuple>

#include "tests/unit/peer/discovery_office.h"

namespace larder::peer {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::complete_item;
using test::Office;
using test::one_key;

TEST(Discovery, ANewcomerKnowsAllAndIsKnownWithinAMoment) {
  Office office;
  for (int i = 0; i < 5; ++i) office.add();
  for (std::size_t i = 0; i < 4; ++i) office.start(office.at(i));
  office.run_for(seconds(1));
  office.start(office.at(4));
  office.run_for(milliseconds(100));
  for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(office.peers(office.at(i)).size(), 4u) << i;
}

TEST(Discovery, ByeIsForgottenAtOnce) {
  Office office;
  office.add();
  office.add();
  for (std::size_t i = 0; i < 2; ++i) office.start(office.at(i));
  office.run_for(seconds(1));
  int gone = 0;
  office.at(0).discovery->on_gone([&](const AgentId&) { ++gone; });
  office.at(1).discovery->stop(office.now());
  office.run_for(milliseconds(10));
  EXPECT_EQ(office.peers(office.at(0)).size(), 0u);
  EXPECT_EQ(gone, 1);
}

TEST(Discovery, TheSilentAreGoneAfterThreeMissedAnnouncements) {
  Office office;
  office.add();
  office.add();
  for (std::size_t i = 0; i < 2; ++i) office.start(office.at(i));
  office.run_for(seconds(1));
  office.at(1).reachable = false;
  office.run_for(seconds(20));
  EXPECT_EQ(office.peers(office.at(0)).size(), 1u);
  office.run_for(seconds(30));
  EXPECT_EQ(office.peers(office.at(0)).size(), 0u);
}

TEST(Discovery, OneConfiguredAddressBridgesSubnets) {
  Office office;
  Office::Host& here = office.add(0);
  Office::Host& there = office.add(1);
  here.discovery->set_addresses({there.address});
  office.start(there);
  office.start(here);
  office.run_for(milliseconds(100));
  EXPECT_EQ(office.peers(here).size(), 1u);
  EXPECT_EQ(office.peers(there).size(), 1u);
  EXPECT_FALSE(office.peers(here).find_peer(office.id(there))->multicast);
  // And stays known although no multicast passes.
  office.run_for(seconds(120));
  EXPECT_EQ(office.peers(there).size(), 1u);
  there.holdings = {complete_item()};
  std::size_t answers = 0;
  here.discovery->ask(one_key(), office.now(), [&](std::vector<Holder> holders) { answers = holders.size(); });
  office.run_for(milliseconds(200));
  EXPECT_EQ(answers, 1u);
}

TEST(Discovery, AQuestionInASmallGroupEndsWithTheLastAnswer) {
  Office office;
  for (int i = 0; i < 4; ++i) office.add();
  for (std::size_t i = 0; i < 4; ++i) office.start(office.at(i));
  office.run_for(seconds(1));
  for (std::size_t i = 1; i < 4; ++i) office.at(i).holdings = {complete_item()};
  std::vector<Holder> got;
  const SteadyTime asked = office.now();
  SteadyTime answered{};
  office.at(0).discovery->ask(one_key(), office.now(), [&](std::vector<Holder> holders) {
    got = std::move(holders);
    answered = office.now();
  });
  office.run_for(milliseconds(500));
  EXPECT_EQ(got.size(), 3u);
  EXPECT_LE(answered - asked, milliseconds(3));
}

TEST(Discovery, NobodyHasItEndsWithTheLastAnswer) {
  Office office;
  office.add();
  office.add();
  for (std::size_t i = 0; i < 2; ++i) office.start(office.at(i));
  office.run_for(seconds(1));
  bool done = false;
  office.at(0).discovery->ask(one_key(), office.now(), [&](std::vector<Holder> holders) {
    done = true;
    EXPECT_TRUE(holders.empty());
  });
  office.run_for(milliseconds(1));
  EXPECT_FALSE(done);
  office.run_for(milliseconds(2));
  EXPECT_TRUE(done) << "the answer that it has nothing is an answer";
}

TEST(Discovery, AloneNothingIsWaitedFor) {
  Office office;
  office.add();
  office.start(office.at(0));
  bool done = false;
  office.at(0).discovery->ask(one_key(), office.now(), [&](std::vector<Holder>) { done = true; });
  EXPECT_TRUE(done);
}

TEST(Discovery, AboutEightOfManyAnswer) {
  Office office;
  for (int i = 0; i < 60; ++i) office.add();
  for (std::size_t i = 0; i < 60; ++i) office.start(office.at(i));
  office.run_for(seconds(12));
  ASSERT_EQ(office.peers(office.at(0)).size(), 59u);
  for (std::size_t i = 1; i < 60; ++i) office.at(i).holdings = {complete_item()};
  std::vector<std::size_t> before;
  for (std::size_t i = 0; i < 60; ++i) before.push_back(office.at(i).sent);
  std::size_t total = 0;
  int finished = 0;
  for (int round = 0; round < 20; ++round) {
    office.at(0).discovery->ask(one_key(), office.now(), [&](std::vector<Holder> holders) {
      total += holders.size();
      ++finished;
    });
    office.run_for(milliseconds(120));
  }
  EXPECT_EQ(finished, 20);
  EXPECT_GE(total, 20u * 3);
  EXPECT_LE(total, 20u * 16);
}

TEST(Discovery, TheLoneHolderOfManyIsFoundByWidening) {
  Office office;
  for (int i = 0; i < 60; ++i) office.add();
  for (std::size_t i = 0; i < 60; ++i) office.start(office.at(i));
  office.run_for(seconds(12));
  office.at(41).holdings = {complete_item()};
  for (int round = 0; round < 10; ++round) {
    std::size_t found = 0;
    office.at(0).discovery->ask(one_key(), office.now(), [&](std::vector<Holder> holders) { found = holders.size(); });
    office.run_for(milliseconds(120));
    EXPECT_EQ(found, 1u);
  }
}

TEST(Discovery, WhoDoesNotServeDoesNotAnswerAndIsNotWaitedFor) {
  Office office;
  office.add();
  office.add(0, false);
  for (std::size_t i = 0; i < 2; ++i) office.start(office.at(i));
  office.run_for(seconds(1));
  office.at(1).holdings = {complete_item()};
  bool done = false;
  office.at(0).discovery->ask(one_key(), office.now(), [&](std::vector<Holder> holders) {
    done = true;
    EXPECT_TRUE(holders.empty());
  });
  EXPECT_TRUE(done) << "its only peer does not serve, so there is nobody to ask";
}

TEST(Discovery, RefusedAgentsAreNeitherHeardNorAnswered) {
  Office office;
  Office::Host& good = office.add();
  Office::Host& revoked = office.add();
  good.holdings = {complete_item()};
  const AgentId id = office.id(revoked);
  good.discovery->set_refused([id](const AgentId& agent) { return agent == id; });
  office.start(good);
  office.start(revoked);
  office.run_for(seconds(1));
  EXPECT_EQ(office.peers(good).size(), 0u);
  const auto sent = good.sent;
  office.at(1).discovery->ask(one_key(), office.now(), [](std::vector<Holder>) {});
  office.run_for(milliseconds(200));
  EXPECT_EQ(good.sent, sent);
}

TEST(Discovery, AFloodOfQuestionsIsAnsweredWithinTheBound) {
  Office office;
  Office::Host& host = office.add();
  host.holdings = {complete_item()};
  office.start(host);
  std::ignore = host.discovery->take_outgoing();
  AgentId flooder{};
  flooder[0] = std::byte{0xee};
  const Endpoint from = *parse_endpoint("192.0.2.200:7475");
  host.discovery->receive({Datagram{flooder, 1, 1, Hello{}, {}}, from, false, 1}, office.now());
  for (std::uint64_t i = 2; i <= 10'000; ++i) {
    host.discovery->receive({Datagram{flooder, 1, i, Ask{1, 0xffff, false, one_key()}, {}}, from, false, 1},
                            office.now());
  }
  const auto answers = host.discovery->take_outgoing().size();
  EXPECT_LE(answers, 200u);
  EXPECT_GE(answers, 1u);
}

TEST(Discovery, AReplayedDatagramHasNoEffect) {
  Office office;
  Office::Host& host = office.add();
  office.start(host);
  std::ignore = host.discovery->take_outgoing();
  AgentId sender{};
  sender[0] = std::byte{9};
  const Endpoint from = *parse_endpoint("192.0.2.9:7475");
  const Incoming hello{Datagram{sender, 5, 1, Hello{1, 2, true, false, 1, "x", {}, {}}, {}}, from, true, 1};
  host.discovery->receive(hello, office.now());
  EXPECT_EQ(office.peers(host).size(), 1u);
  host.discovery->receive({Datagram{sender, 5, 2, Bye{}, {}}, from, true, 1}, office.now());
  host.discovery->receive(hello, office.now());
  EXPECT_EQ(office.peers(host).size(), 0u);
}

TEST(Discovery, AQuestionFromBeforeItsSendersHelloIsNotAnsweredToWhoeverSendsItAgain) {
  Office office;
  Office::Host& host = office.add();
  office.start(host);
  AgentId sender{};
  sender[0] = std::byte{9};
  const Endpoint from = *parse_endpoint("192.0.2.9:7475"), stranger = *parse_endpoint("192.0.2.66:7475");
  const Incoming hello{Datagram{sender, 5, 7, Hello{1, 2, true, true, 1, "x", {}, {}}, {}}, from, true, 1};
  const auto ask = [&](std::uint64_t sequence) {
    host.discovery->receive({Datagram{sender, 5, sequence, Ask{1, 0xffff, true, one_key()}, {}}, stranger, false, 1},
                            office.now());
    host.discovery->tick(office.now() + seconds(1));
    const auto sent = host.discovery->take_outgoing();
    office.run_for(seconds(3));
    return std::count_if(sent.begin(), sent.end(), [&](const Outgoing& one) { return one.to == stranger; });
  };
  host.discovery->receive({Datagram{sender, 5, 3, Ask{1, 0xffff, true, one_key()}, {}}, from, true, 1}, office.now());
  host.discovery->receive(hello, office.now());
  office.run_for(seconds(3));
  EXPECT_EQ(ask(3), 0) << "it was said before the HELLO";
  EXPECT_EQ(ask(8), 1) << "the agent may have moved: whoever it is shall say HELLO";
}

TEST(Discovery, AnOldHelloThatWasNeverHeardHereIsNotAnsweredToWhoeverSendsIt) {
  Office office;
  Office::Host& host = office.add();
  office.start(host);
  AgentId sender{};
  sender[0] = std::byte{9};
  const Endpoint from = *parse_endpoint("192.0.2.9:7475"), stranger = *parse_endpoint("192.0.2.66:7475");
  const auto hello = [&](std::uint64_t sequence, const Endpoint& where) {
    return Incoming{Datagram{sender, 5, sequence, Hello{1, 2, true, true, 1, "x", {}, {}}, {}}, where, true, 1};
  };
  host.discovery->receive(hello(7, from), office.now());
  office.run_for(milliseconds(500));
  host.discovery->receive(hello(3, stranger), office.now());
  host.discovery->tick(office.now() + seconds(1));
  for (const Outgoing& sent : host.discovery->take_outgoing()) EXPECT_NE(sent.to, stranger);
  ASSERT_NE(office.peers(host).find_peer(sender), nullptr);
  EXPECT_EQ(office.peers(host).find_peer(sender)->from, from);
}

TEST(Discovery, WhoHasNotIntroducedItselfIsAskedToAndNotListenedTo) {
  Office office;
  Office::Host& host = office.add();
  host.holdings = {complete_item()};
  office.start(host);
  std::ignore = host.discovery->take_outgoing();
  AgentId sender{};
  sender[0] = std::byte{9};
  const Endpoint from = *parse_endpoint("192.0.2.9:7475");
  host.discovery->receive({Datagram{sender, 5, 1, Ask{1, 0xffff, true, one_key()}, {}}, from, false, 1}, office.now());
  EXPECT_EQ(office.peers(host).size(), 0u);
  host.discovery->tick(office.now());
  const auto sent = host.discovery->take_outgoing();
  ASSERT_EQ(sent.size(), 1u);
  ASSERT_TRUE(std::holds_alternative<Hello>(sent[0].message));
  EXPECT_TRUE(std::get<Hello>(sent[0].message).probe);
  EXPECT_EQ(sent[0].to, from);
}

TEST(Discovery, AHelloThatTheCheckRefusesHasNoEffectAndCannotPushTheRealOneAside) {
  Office office;
  Office::Host& host = office.add();
  office.start(host);
  std::ignore = host.discovery->take_outgoing();
  AgentId sender{};
  sender[0] = std::byte{9};
  const Endpoint from = *parse_endpoint("192.0.2.9:7475");
  HelloVerdict verdict = HelloVerdict::bad;
  int checks = 0;
  host.discovery->set_check([&](const Incoming&) {
    ++checks;
    return verdict;
  });
  // Forged by another member: a start epoch far ahead would make the real one's datagrams look old.
  host.discovery->receive({Datagram{sender, 1'000'000, 1, Hello{}, {}}, from, true, 1}, office.now());
  host.discovery->tick(office.now());
  EXPECT_EQ(office.peers(host).size(), 0u);
  EXPECT_TRUE(host.discovery->take_outgoing().empty());
  verdict = HelloVerdict::good;
  host.discovery->receive({Datagram{sender, 5, 1, Hello{}, {}}, from, true, 1}, office.now());
  EXPECT_EQ(office.peers(host).size(), 1u);
  // The same again and again costs few signatures, until it is time to look again.
  for (std::uint64_t i = 2; i < 1000; ++i) {
    host.discovery->receive({Datagram{sender, 5, i, Hello{}, {}}, from, true, 1}, office.now());
  }
  EXPECT_LE(checks, 2 + static_cast<int>(Discovery::kRechecks));
  verdict = HelloVerdict::bad;
  host.discovery->receive({Datagram{sender, 5, 1000, Hello{}, {}}, from, true, 1},
                          office.now() + Discovery::kCheckAgainAfter);
  EXPECT_EQ(office.peers(host).size(), 1u) << "a forged one harms nobody";
  verdict = HelloVerdict::bad_time;
  host.discovery->receive({Datagram{sender, 5, 1000, Hello{}, {}}, from, true, 1},
                          office.now() + Discovery::kCheckAgainAfter);
  EXPECT_EQ(office.peers(host).size(), 0u) << "its certificate expired";
}

TEST(Discovery, ANewerGroupStateIsToldOnceInAWhile) {
  Office office;
  Office::Host& host = office.add();
  Office::Host& newer = office.add();
  newer.self.catalogue_port = 7480;
  int told = 0;
  Endpoint where;
  host.discovery->on_newer_group([&](const AgentId& agent, const Endpoint& catalogue, std::uint32_t version) {
    EXPECT_EQ(agent, office.id(newer));
    EXPECT_EQ(version, 2u);
    where = catalogue;
    ++told;
  });
  office.start(host);
  office.start(newer);
  office.run_for(seconds(1));
  EXPECT_EQ(told, 0);
  newer.self.group_version = 2;
  office.set_self(newer);
  office.run_for(milliseconds(10));
  EXPECT_EQ(told, 1) << "at once";
  EXPECT_EQ(where, newer.address.with_port(7480));
  office.run_for(seconds(30));
  EXPECT_GE(told, 2) << "and again while it is not fetched";
  EXPECT_LE(told, 12);
}

// A member of the group, which has its key, writes datagrams in the name of another.
class Forged : public ::testing::Test {
 protected:
  Forged() : host_(office_.add()), real_(office_.add()) {
    host_.holdings = {complete_item()};
    for (std::size_t i = 0; i < 2; ++i) office_.start(office_.at(i));
    office_.run_for(seconds(1));
    // What the real one sends is good, what others send in its name is not.
    host_.discovery->set_check(
        [this](const Incoming& incoming) { return incoming.from == forger_ ? HelloVerdict::bad : HelloVerdict::good; });
  }
  void forge(std::uint64_t sequence, Message message, const Endpoint& from) {
    const Datagram datagram{office_.id(real_), real_.epoch, sequence, std::move(message), {}};
    host_.discovery->receive({datagram, from, false, 1}, office_.now());
    office_.run_for(milliseconds(10));
  }
  std::size_t answers() {
    std::size_t got = 0;
    real_.discovery->ask(one_key(), office_.now(), [&](std::vector<Holder> holders) { got = holders.size(); });
    office_.run_for(milliseconds(200));
    return got;
  }
  Office office_;
  Office::Host& host_;
  Office::Host& real_;
  const Endpoint forger_ = *parse_endpoint("192.0.2.66:7475");
};

TEST_F(Forged, AHugeSequenceNumberMutesNobody) {
  ASSERT_EQ(answers(), 1u);
  for (const std::uint64_t sequence : {std::uint64_t{1} << 62, std::uint64_t{UINT64_MAX}, std::uint64_t{3000}}) {
    forge(sequence, Ask{1, 0xffff, true, one_key()}, forger_);
    forge(sequence, Ask{1, 0xffff, true, one_key()}, real_.address);
    forge(sequence, Hello{7475, 0, true, false, 0, real_.self.name, {}, {}}, forger_);
    forge(sequence, Bye{}, forger_);
    EXPECT_EQ(answers(), 1u) << sequence;
  }
  office_.run_for(seconds(40));
  EXPECT_EQ(answers(), 1u);
  EXPECT_EQ(office_.peers(host_).size(), 1u);
}

TEST_F(Forged, NobodySaysGoodByeForAnother) {
  forge(500, Bye{}, forger_);
  EXPECT_EQ(office_.peers(host_).size(), 1u);
  real_.discovery->stop(office_.now());
  office_.run_for(milliseconds(10));
  EXPECT_EQ(office_.peers(host_).size(), 0u);
}

TEST_F(Forged, AQuestionMovesNobodyElsewhereAndIsNotAnsweredThere) {
  const auto before = host_.sent;
  forge(500, Ask{1, 0xffff, true, one_key()}, forger_);
  EXPECT_EQ(office_.peers(host_).find_peer(office_.id(real_))->from, real_.address);
  office_.run_for(milliseconds(500));
  EXPECT_EQ(host_.sent - before, 1u) << "it is asked who that is, no more";
  EXPECT_EQ(answers(), 1u);
}

TEST_F(Forged, WhoSendsMuchSignsOftenEnoughToBeHeard) {
  for (int i = 0; i < 20'000; ++i) {
    real_.discovery->tell_evidence({{static_cast<std::byte>(i), static_cast<std::byte>(i >> 8)}}, office_.now());
    if (i % 50 == 0) office_.run_for(milliseconds(1));
  }
  EXPECT_GT(real_.sequence, 3 * ReplayGuard::kMaxAhead) << "nothing is shown otherwise";
  EXPECT_EQ(answers(), 1u);
}

TEST(Discovery, ALostTidingOfANewerStateIsSaidAgainAtOnceAndNotMoreThanNeeded) {
  int late = 0;
  for (int round = 0; round < 30; ++round) {
    Office office;
    for (int i = 0; i < 6; ++i) office.add();
    for (std::size_t i = 0; i < 6; ++i) office.start(office.at(i));
    office.run_for(seconds(1) + milliseconds(round * 37));
    for (std::size_t i = 1; i < 6; ++i) {
      Office::Host& host = office.at(i);
      host.discovery->on_newer_group([&office, &host](const AgentId&, const Endpoint&, std::uint32_t version) {
        host.self.group_version = version;
        host.self.key_epoch = version;
        office.set_self(host);
      });
    }
    office.loss = round < 20 ? 0.3 : 0;
    office.at(0).self.group_version = 2;
    office.at(0).self.key_epoch = 2;
    office.set_self(office.at(0));
    office.run_for(milliseconds(250));
    const std::size_t said = office.at(0).sent;
    office.run_for(seconds(1) + milliseconds(250));
    for (std::size_t i = 1; i < 6; ++i) late += office.at(i).self.group_version == 2 ? 0 : 1;
    if (office.loss == 0) {
      EXPECT_EQ(office.at(0).sent, said) << "everybody has said that it knows";
    }
  }
  EXPECT_LE(late, 1) << "of 150, of which 45 did not hear it the first time";
}

TEST(Discovery, ASecondTidingSoonAfterIsNotForgotten) {
  Office office;
  Office::Host& host = office.add();
  Office::Host& newer = office.add();
  std::vector<std::uint32_t> told;
  host.discovery->on_newer_group([&](const AgentId&, const Endpoint&, std::uint32_t version) {
    told.push_back(version);
    host.self.group_version = version;
    office.set_self(host);
  });
  for (std::size_t i = 0; i < 2; ++i) office.start(office.at(i));
  office.run_for(seconds(1));
  for (const std::uint32_t version : {2U, 3U}) {
    newer.self.group_version = version;
    office.set_self(newer);
    office.run_for(milliseconds(100));
  }
  EXPECT_EQ(told, std::vector<std::uint32_t>{2});
  office.run_for(Discovery::kNewerInterval);
  EXPECT_EQ(told, (std::vector<std::uint32_t>{2, 3}));
}

TEST(Discovery, ANewKeyIsToldUnderTheOldOneAndTheSleeperLearnsOfItLater) {
  Office office;
  Office::Host& revoker = office.add();
  Office::Host& awake = office.add();
  Office::Host& sleeper = office.add();
  int awake_told = 0, sleeper_told = 0;
  awake.discovery->on_newer_group([&](const AgentId&, const Endpoint&, std::uint32_t) { ++awake_told; });
  sleeper.discovery->on_newer_group([&](const AgentId&, const Endpoint&, std::uint32_t) { ++sleeper_told; });
  for (std::size_t i = 0; i < 3; ++i) office.start(office.at(i));
  office.run_for(seconds(1));
  sleeper.reachable = false;
  revoker.self.group_version = 2;
  revoker.self.key_epoch = 2;
  office.set_self(revoker);
  office.run_for(milliseconds(10));
  EXPECT_EQ(awake_told, 1);
  awake.self = revoker.self;
  awake.self.id[0] = std::byte{2};
  office.set_self(awake);
  office.run_for(seconds(40));
  EXPECT_EQ(office.peers(awake).size(), 1u);
  // It comes back under the old key: told by unicast under that key, but known to nobody.
  sleeper.reachable = true;
  sleeper.discovery->resumed(office.now());
  office.run_for(milliseconds(100));
  EXPECT_GE(sleeper_told, 1);
  EXPECT_EQ(office.peers(awake).find_peer(office.id(sleeper)), nullptr);
  // With the new state it is one of them.
  sleeper.self.group_version = 2;
  sleeper.self.key_epoch = 2;
  office.set_self(sleeper);
  office.run_for(milliseconds(100));
  EXPECT_NE(office.peers(awake).find_peer(office.id(sleeper)), nullptr);
  EXPECT_EQ(office.peers(sleeper).size(), 2u);
}

TEST(Discovery, UnderAnOldKeyNothingButACheckedHelloIsRead) {
  Office office;
  Office::Host& host = office.add();
  host.self.key_epoch = 2;
  office.set_self(host);
  host.holdings = {complete_item()};
  office.start(host);
  std::ignore = host.discovery->take_outgoing();
  AgentId sender{};
  sender[0] = std::byte{9};
  const Endpoint from = *parse_endpoint("192.0.2.9:7475");
  HelloVerdict verdict = HelloVerdict::bad;
  host.discovery->set_check([&](const Incoming&) { return verdict; });
  host.discovery->receive({Datagram{sender, 5, 1, Ask{1, 0xffff, true, one_key()}, {}}, from, false, 1}, office.now());
  host.discovery->receive({Datagram{sender, 5, 2, Hello{}, {}}, from, false, 1}, office.now());
  host.discovery->tick(office.now());
  EXPECT_TRUE(host.discovery->take_outgoing().empty());
  verdict = HelloVerdict::good;
  host.discovery->set_refused([&](const AgentId& agent) { return agent == sender; });
  host.discovery->receive({Datagram{sender, 5, 2, Hello{}, {}}, from, false, 1}, office.now());
  EXPECT_TRUE(host.discovery->take_outgoing().empty()) << "revoked";
  host.discovery->set_refused({});
  host.discovery->receive({Datagram{sender, 5, 2, Hello{}, {}}, from, false, 1}, office.now());
  const auto sent = host.discovery->take_outgoing();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].key_epoch, 1u);
  EXPECT_TRUE(std::holds_alternative<Hello>(sent[0].message));
  // A flood of them costs a bounded number of checks and answers.
  for (std::uint64_t i = 3; i < 1000; ++i) {
    host.discovery->receive({Datagram{sender, 5, i, Hello{}, {}}, from, false, 1}, office.now());
  }
  EXPECT_LE(host.discovery->take_outgoing().size(), 20u);
}

TEST(Discovery, TheRevokedAreForgottenAtOnce) {
  Office office;
  Office::Host& host = office.add();
  Office::Host& other = office.add();
  office.start(host);
  office.start(other);
  office.run_for(seconds(1));
  ASSERT_EQ(office.peers(host).size(), 1u);
  AgentId gone{};
  host.discovery->on_gone([&](const AgentId& agent) { gone = agent; });
  host.discovery->set_refused([&](const AgentId& agent) { return agent == office.id(other); });
  host.discovery->refused_changed(office.now());
  EXPECT_EQ(office.peers(host).size(), 0u);
  EXPECT_EQ(gone, office.id(other));
}

TEST(Discovery, EvidenceReachesAllOnceAlsoWhereDatagramsAreLost) {
  Office office;
  for (int i = 0; i < 10; ++i) office.add(i < 8 ? 0 : 1);
  office.at(0).discovery->set_addresses({office.at(8).address, office.at(9).address});
  for (std::size_t i = 0; i < 10; ++i) office.start(office.at(i));
  office.run_for(seconds(12));
  office.loss = 0.1;
  std::map<std::size_t, std::size_t> heard;
  for (std::size_t i = 1; i < 10; ++i) {
    office.at(i).discovery->on_evidence([&heard, i](const AgentId&, const EvidenceMessage&) { ++heard[i]; });
  }
  for (std::uint8_t piece = 0; piece < 20; ++piece) {
    office.at(0).discovery->tell_evidence({{std::byte{piece}}}, office.now());
  }
  office.run_for(seconds(1));
  std::size_t total = 0;
  for (const auto& [host, count] : heard) {
    EXPECT_LE(count, 20u) << "each piece once";
    total += count;
  }
  EXPECT_GE(total, 178u) << "of 180: each datagram goes three times, and one in ten is lost";
}

TEST(Discovery, ALearntAddressIsGivenUpAConfiguredOneIsNot) {
  Office office;
  Office::Host& host = office.add();
  host.discovery->set_addresses({*parse_endpoint("198.51.100.1:7475")});
  host.discovery->learn_address(*parse_endpoint("198.51.100.2:7475"));
  office.start(host);
  office.run_for(seconds(120));
  const auto before = host.sent;
  office.run_for(seconds(100));
  const auto announcements = (host.sent - before) / 2;
  EXPECT_GE(announcements, 8u);
  EXPECT_LE(host.sent - before, 28u) << "multicast and one address";
}

TEST(Discovery, AVanishedPeerIsWaitedForOnceOnly) {
  Office office;
  for (int i = 0; i < 3; ++i) office.add();
  for (std::size_t i = 0; i < 3; ++i) office.start(office.at(i));
  office.run_for(seconds(1));
  office.at(2).reachable = false;
  std::vector<Duration> took;
  for (int round = 0; round < 3; ++round) {
    const SteadyTime asked = office.now();
    office.at(0).discovery->ask(one_key(), asked, [&](std::vector<Holder>) { took.push_back(office.now() - asked); });
    office.run_for(milliseconds(200));
  }
  ASSERT_EQ(took.size(), 3u);
  EXPECT_EQ(took[0], Lookups::kGiveUpAfter);
  EXPECT_LE(took[1], milliseconds(3));
  EXPECT_LE(took[2], milliseconds(3));
}

TEST(Discovery, AfterSuspendNobodyIsWaitedForWhoWasNotHeardAgain) {
  Office office;
  for (int i = 0; i < 2; ++i) office.add();
  for (std::size_t i = 0; i < 2; ++i) office.start(office.at(i));
  office.run_for(seconds(1));
  office.at(1).reachable = false;
  office.at(0).discovery->resumed(office.now());
  const SteadyTime asked = office.now();
  Duration took{};
  office.at(0).discovery->ask(one_key(), asked, [&](std::vector<Holder>) { took = office.now() - asked; });
  office.run_for(milliseconds(200));
  EXPECT_GT(took, Duration{});
  EXPECT_LE(took, Lookups::kWidenAfter);
}

TEST(Discovery, TrafficOfAQuietOfficeIsFlat) {
  Office office;
  for (int i = 0; i < 30; ++i) office.add();
  for (std::size_t i = 0; i < 30; ++i) office.start(office.at(i));
  office.run_for(seconds(30));
  const auto before = office.at(3).sent;
  office.run_for(seconds(100));
  EXPECT_LE(office.at(3).sent - before, 14u) << "one announcement every 8 to 12 s";
  EXPECT_GE(office.at(3).sent - before, 8u);
}

TEST(Endpoint, TextForms) {
  for (const char* text : {"192.0.2.7:7475", "[2001:db8::7]:80", "[fe80::1%3]:7475", "127.0.0.1:0"}) {
    const auto endpoint = parse_endpoint(text);
    ASSERT_TRUE(endpoint) << text;
    EXPECT_EQ(endpoint->text(), text);
  }
  for (const char* text :
       {"", ":", "192.0.2.7", "192.0.2:1", "host:1", "[::1]", "1.2.3.4:99999", "[::1%x]:1", "::1:1"}) {
    EXPECT_FALSE(parse_endpoint(text)) << text;
  }
  EXPECT_TRUE(parse_endpoint("10.0.0.1:1")->is_v4());
  EXPECT_FALSE(parse_endpoint("[::1]:1")->is_v4());
}

}  // namespace
}  // namespace larder::peer
