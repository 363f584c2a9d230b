// Where agents can be, and what discovery answers to whoever has not proven who it is.
#include <gtest/gtest.h>

#include "tests/unit/peer/discovery_office.h"

namespace larder::peer {
namespace {

using std::chrono::milliseconds;
using test::Office;
using test::seconds;

std::vector<AskKey> one_key() {
  return {{KeyKind::version, Digest{}}};
}

// The group's key alone vouches for a question, and anybody may send a recorded one again, from any address.
TEST(Discovery, WhatNobodySignedIsAnsweredWithNoMoreThanCameAndOnceASecond) {
  Office office;
  Office::Host& host = office.add();
  office.start(host);
  std::ignore = host.discovery->take_outgoing();
  host.discovery->set_on_link([](const Endpoint& at) { return at.host().starts_with("192.0.2."); });
  AgentId sender{};
  sender[0] = std::byte{9};
  const auto answers_after = [&](const char* from, int datagrams, std::size_t size, SteadyTime now) {
    for (int i = 0; i < datagrams; ++i) {
      Incoming incoming{Datagram{sender, 5, 1, Ask{1, 0xffff, true, one_key()}, {}}, *parse_endpoint(from), false, 1};
      incoming.size = size;
      host.discovery->receive(incoming, now);  // the same one, again and again
    }
    host.discovery->tick(now);
    std::size_t answers = 0;
    for (const Outgoing& sent : host.discovery->take_outgoing()) answers += sent.to ? 1U : 0U;
    return answers;
  };
  SteadyTime now = office.now();
  EXPECT_EQ(answers_after("192.0.2.9:7475", 100, 1200, now), 1u) << "once a second";
  now += seconds(1);
  EXPECT_EQ(answers_after("192.0.2.9:7475", 1, 100, now), 0u) << "a HELLO is larger than that";
  EXPECT_EQ(answers_after("192.0.2.9:7475", 1, 1200, now), 1u);
  EXPECT_EQ(answers_after("198.51.100.9:7475", 100, 1200, now), 0u) << "not on the link, and not configured";
  host.discovery->set_addresses({*parse_endpoint("198.51.100.9:7475")});
  std::ignore = host.discovery->take_outgoing();
  EXPECT_EQ(answers_after("198.51.100.9:7475", 100, 1200, now), 1u);
  std::size_t answered = 0;
  for (int i = 1; i < 255; ++i) {
    answered += answers_after(("192.0.2." + std::to_string(i) + ":1").c_str(), 1, 1200, now);
    answered += answers_after(("192.0.2." + std::to_string(i) + ":2").c_str(), 1, 1200, now);
  }
  EXPECT_LE(answered, Discovery::kMaxProbed);
}

// A HELLO of a newcomer by both families, IPv6 first.
class NewcomerByBothFamilies : public ::testing::Test {
 protected:
  void SetUp() override {
    office_.start(host_);
    std::ignore = host_.discovery->take_outgoing();
    sender_[0] = std::byte{9};
  }
  void hear(const char* from, std::uint64_t sequence) {
    const Hello hello{1, 2, true, false, 1, "x", {}, {}};
    host_.discovery->receive({Datagram{sender_, 5, sequence, hello, {}}, *parse_endpoint(from), true, 1}, now_);
  }
  // Where HELLOs went by unicast.
  std::vector<std::string> replies_within(Duration time) {
    std::vector<std::string> places;
    for (const SteadyTime end = now_ + time; now_ < end; now_ += milliseconds(1)) {
      host_.discovery->tick(now_);
      for (const Outgoing& sent : host_.discovery->take_outgoing()) {
        if (sent.to) places.push_back(sent.to->text());
      }
    }
    return places;
  }

  Office office_;
  Office::Host& host_ = office_.add();
  AgentId sender_{};
  SteadyTime now_ = office_.now();
};

TEST_F(NewcomerByBothFamilies, IsAnsweredOnceAndWhereTheSwarmCanBeDialled) {
  hear("[fe80::9%3]:7475", 1);
  hear("192.0.2.9:7475", 2);
  EXPECT_EQ(replies_within(seconds(2)), std::vector<std::string>{"192.0.2.9:7475"});
}

TEST_F(NewcomerByBothFamilies, IsAnsweredAgainWhereTheSecondCopyComesLate) {
  hear("[fe80::9%3]:7475", 1);
  EXPECT_EQ(replies_within(seconds(2)), std::vector<std::string>{"[fe80::9%3]:7475"});
  hear("192.0.2.9:7475", 2);
  EXPECT_EQ(replies_within(seconds(2)), std::vector<std::string>{"192.0.2.9:7475"});
  hear("[fe80::9%3]:7475", 3);
  hear("192.0.2.9:7475", 4);
  EXPECT_TRUE(replies_within(seconds(2)).empty()) << "it knows this agent";
}

TEST(Discovery, NobodyIsWhereNoMachineCanBe) {
  for (const char* place : {"127.0.0.1:7475", "[::1]:7475", "239.255.76.82:7475", "0.0.0.0:7475", "192.0.2.9:0"}) {
    Office office;
    Office::Host& host = office.add();
    office.start(host);
    AgentId sender{};
    sender[0] = std::byte{9};
    const Incoming hello{Datagram{sender, 5, 1, Hello{1, 2, true, true, 1, "x", {}, {}}, {}}, *parse_endpoint(place),
                         false, 1};
    host.discovery->receive(hello, office.now());
    EXPECT_EQ(office.peers(host).find_peer(sender), nullptr) << place;
    std::ignore = host.discovery->take_outgoing();
    host.discovery->learn_address(*parse_endpoint(place));
    EXPECT_TRUE(host.discovery->take_outgoing().empty()) << place;
  }
  Office office;
  Office::Host& host = office.add();
  host.discovery->allow_loopback(true);
  office.start(host);
  AgentId sender{};
  sender[0] = std::byte{9};
  host.discovery->receive({Datagram{sender, 5, 1, Hello{1, 2, true, true, 1, "x", {}, {}}, {}},
                           *parse_endpoint("127.0.0.1:7475"), false, 1},
                          office.now());
  EXPECT_NE(office.peers(host).find_peer(sender), nullptr) << "where peer.listen names a loopback address";
}

}  // namespace
}  // namespace larder::peer
