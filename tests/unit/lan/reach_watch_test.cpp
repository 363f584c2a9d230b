// What an agent finds out of being reached and of reaching others, with a played LAN in virtual time.
#include "agent/lan/reach_watch.h"

#include <gtest/gtest.h>

#include <map>

#include "tests/support/virtual_loop.h"
#include "tests/unit/peer/played_lan.h"

namespace larder::agent {
namespace {

using std::chrono::seconds;

peer::AgentId id(std::uint8_t number) {
  peer::AgentId out{};
  out[0] = std::byte{number};
  return out;
}

class ReachWatchTest : public ::testing::Test {
 protected:
  void SetUp() override {
    watch_.start();
    discovery_.meet(kPeer, 2, loop_.now());
    watch_.appeared(*discovery_.table.find_peer(kPeer));
  }
  // Time passes, and the others say HELLO meanwhile.
  void pass(int count) {
    for (int i = 0; i < count; ++i) {
      loop_.advance(seconds(1));
      discovery_.table.on_datagram(kPeer, loop_.now());
    }
  }
  SharingFacts facts() {
    SharingFacts out;
    PeerFact& peer = out.peers.emplace_back();
    peer.id = to_hex(kPeer);
    peer.last_heard = Duration{};
    watch_.add_to(out);
    return out;
  }
  const peer::AgentId kPeer = id(2), kSelf = id(9);
  test::VirtualLoop loop_;
  WorkerPool workers_{"test", 1, 8};
  peer::PlayedDiscovery discovery_;
  peer::PlayedLink link_;
  std::map<std::uint16_t, std::string> blocked_;  // ports, and why they do not answer
  unsigned dialled_ = 0;
  bool use_ = true;
  unsigned renewed_ = 0;
  ReachWatch watch_{ReachParts{discovery_, link_, workers_, loop_.runtime(), kSelf, false, [this] { return use_; },
                               [] { return std::vector<peer::Endpoint>(); }, [] {},
                               [this](const peer::Endpoint& to, UniqueFunction<void(const std::string&)> done) {
                                 ++dialled_;
                                 const auto found = blocked_.find(to.port);
                                 const std::string reason = found == blocked_.end() ? "" : found->second;
                                 loop_.post([done = std::move(done), reason]() mutable { done(reason); });
                               },
                               [this] { ++renewed_; }}};
};

TEST_F(ReachWatchTest, APortThatAnswersNobodyIsToldHereAndThere) {
  blocked_[2002] = "no answer within 3 s";
  pass(20);
  EXPECT_EQ(facts().peers[0].unreachable.find("TCP 2002 of 10.0.0.2 does not answer (no answer within 3 s"), 0U)
      << facts().peers[0].unreachable;
  EXPECT_EQ(facts().unreached_swarms, 1U);
  EXPECT_EQ(facts().unreached_catalogues, 0U);
  ASSERT_FALSE(discovery_.reach.empty());
  const std::size_t told = discovery_.reach.size();
  const peer::ReachMessage wanted{{{peer::ReachPort::catalogue, true, 1002}, {peer::ReachPort::swarm, false, 2002}}};
  EXPECT_EQ(discovery_.reach.back().first, kPeer);
  EXPECT_EQ(discovery_.reach.back().second, wanted);
  pass(70);
  EXPECT_EQ(discovery_.reach.size(), told + 1) << "once a minute: a datagram may be lost";
  blocked_.clear();
  pass(40);
  EXPECT_EQ(facts().peers[0].unreachable, "");
  EXPECT_TRUE(discovery_.reach.back().second.items[1].answers);
}

TEST_F(ReachWatchTest, NobodyIsTriedWhereNothingIsTaken) {
  use_ = false;
  pass(20);
  EXPECT_EQ(dialled_, 0U);
  EXPECT_EQ(facts().peers[0].unreachable, "");
}

TEST_F(ReachWatchTest, ADownloadThatFailsHasItTriedAtOnce) {
  pass(20);
  const unsigned before = dialled_;
  EXPECT_GT(before, 0U);
  pass(60);
  EXPECT_EQ(dialled_, before) << "one that answers is not tried again and again";
  watch_.dials().failed(kPeer, peer::DialEnd::silent);
  pass(2);
  EXPECT_GT(dialled_, before);
}

TEST_F(ReachWatchTest, WhatOthersSayOfThisAgentIsToldWhileTheySayIt) {
  watch_.on_report(kPeer, {{{peer::ReachPort::catalogue, true, 7475}, {peer::ReachPort::swarm, false, 7476}}});
  EXPECT_EQ(facts().unreached_by, 1U);
  EXPECT_EQ(facts().unreached_trouble.find("TCP 7476 of this machine does not answer"), 0U);
  EXPECT_EQ(facts().peers[0].cannot_reach, "TCP 7476");
  pass(200);
  EXPECT_EQ(facts().unreached_by, 0U) << "not repeated for minutes";
}

TEST_F(ReachWatchTest, ATwinOfALaterRunIsToldAtOnceOneOfAnEarlierRunWhenItHasTheKey) {
  const auto place = *peer::parse_endpoint("10.0.0.3:7475");
  watch_.twin_heard({place, "host3", false});
  EXPECT_EQ(facts().copied, "");
  ASSERT_TRUE(link_.asks(kSelf));
  EXPECT_EQ(link_.asked[0].call.to, place);
  link_.answer(kSelf, peer::CatalogueResponse{200, {}});
  EXPECT_NE(facts().copied.find("10.0.0.3"), std::string::npos);
  EXPECT_EQ(facts().copied_command, "larder group leave && larder group join INVITATION");
  pass(300);
  EXPECT_EQ(facts().copied, "") << "not heard any more";
  EXPECT_EQ(renewed_, 0U);
  watch_.twin_heard({place, "host3", true});
  EXPECT_NE(facts().copied, "");
  pass(300);
  EXPECT_EQ(facts().copied, "");
  EXPECT_EQ(renewed_, 1U) << "others believe the later run alone until this one begins anew";
}

TEST_F(ReachWatchTest, AnAnswerFromItselfOrFromNobodyIsNoTwin) {
  const auto place = *peer::parse_endpoint("10.0.0.3:7475");
  watch_.twin_heard({place, "host3", false});
  ASSERT_FALSE(link_.asked.empty());
  // By way of a router the question came back to this agent.
  const std::string target = link_.asked[0].call.target;
  peer::CatalogueRequest came;
  came.agent = kSelf;
  came.query = target.substr(target.find('?') + 1);
  EXPECT_TRUE(watch_.is_own_question(came));
  link_.answer(kSelf, peer::CatalogueResponse{200, {}});
  EXPECT_EQ(facts().copied, "");
  pass(60);
  watch_.twin_heard({place, "host3", false});
  link_.answer(kSelf, tl::unexpected<Error>(Error{ErrorCode::certificate_rejected, "ask", "another key", {}}));
  EXPECT_EQ(facts().copied, "") << "somebody sent again what was recorded";
  came.query = "by=somebody-elses";
  EXPECT_FALSE(watch_.is_own_question(came));
}

TEST_F(ReachWatchTest, ThatNobodyIsHeardAnyMoreIsTold) {
  pass(2);
  EXPECT_FALSE(facts().alone_for);
  discovery_.table.remove(kPeer);
  loop_.advance(seconds(5));
  EXPECT_TRUE(facts().alone_for);
}

}  // namespace
}  // namespace larder::agent
