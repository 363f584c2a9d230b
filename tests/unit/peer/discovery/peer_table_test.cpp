// Where an agent is reached that was heard from several places.
#include <gtest/gtest.h>

#include "peer/discovery/peer_table.h"

namespace larder::peer {
namespace {

using std::chrono::seconds;

constexpr SteadyTime kNow = SteadyTime(seconds(1000));

struct Heard {
  const char* from;
  seconds at;
};

struct Case {
  const char* what;
  std::vector<Heard> heard;
  const char* reached;
};

TEST(PeerTable, AnAgentIsReachedAtItsLastPlaceThatIsNotLinkLocal) {
  const Case cases[] = {
      {"one place", {{"192.0.2.7:7475", seconds(0)}}, "192.0.2.7:7475"},
      {"nothing but link-local", {{"[fe80::7%3]:7475", seconds(0)}}, "[fe80::7%3]:7475"},
      {"link-local first", {{"[fe80::7%3]:7475", seconds(0)}, {"192.0.2.7:7475", seconds(0)}}, "192.0.2.7:7475"},
      {"link-local last", {{"192.0.2.7:7475", seconds(0)}, {"[fe80::7%3]:7475", seconds(1)}}, "192.0.2.7:7475"},
      {"a new address", {{"192.0.2.7:7475", seconds(0)}, {"192.0.2.8:7475", seconds(1)}}, "192.0.2.8:7475"},
      {"both again and again",
       {{"192.0.2.7:7475", seconds(0)},
        {"[fe80::7%3]:7475", seconds(0)},
        {"192.0.2.7:7475", seconds(10)},
        {"[fe80::7%3]:7475", seconds(10)}},
       "192.0.2.7:7475"},
      {"an address that is silent for long",
       {{"192.0.2.7:7475", seconds(0)}, {"[fe80::7%3]:7475", seconds(20)}, {"[fe80::7%3]:7475", seconds(40)}},
       "[fe80::7%3]:7475"},
      {"a global address of IPv6 is as good",
       {{"[2001:db8::7]:7475", seconds(0)}, {"[fe80::7%3]:7475", seconds(1)}},
       "[2001:db8::7]:7475"},
  };
  for (const Case& each : cases) {
    PeerTable table;
    const AgentId agent{};
    Hello hello;
    hello.catalogue_port = 7475;
    for (const Heard& heard : each.heard) {
      table.on_hello(agent, 1, hello, *parse_endpoint(heard.from), true, kNow + heard.at);
    }
    ASSERT_NE(table.find_peer(agent), nullptr) << each.what;
    EXPECT_EQ(table.find_peer(agent)->catalogue().text(), each.reached) << each.what;
    for (const Heard& heard : each.heard) {
      EXPECT_TRUE(table.find_peer(agent)->speaks_from(*parse_endpoint(heard.from))) << each.what << " " << heard.from;
    }
  }
}

TEST(PeerTable, AKnownPlaceIsNoNewsAndAnotherOneIs) {
  PeerTable table;
  const AgentId agent{};
  const Hello hello;
  const Endpoint first = *parse_endpoint("192.0.2.7:7475"), second = *parse_endpoint("[fe80::7%3]:7475");
  EXPECT_EQ(table.on_hello(agent, 1, hello, first, true, kNow), PeerTable::Change::appeared);
  EXPECT_TRUE(table.is_news(agent, 1, hello, second));
  EXPECT_EQ(table.on_hello(agent, 1, hello, second, true, kNow), PeerTable::Change::changed);
  EXPECT_FALSE(table.is_news(agent, 1, hello, first));
  EXPECT_EQ(table.on_hello(agent, 1, hello, first, true, kNow), PeerTable::Change::none);
}

TEST(PeerTable, WhatIsSaidByMulticastGoesWhereItIsHeard) {
  PeerTable table;
  const Hello hello;
  const Endpoint v4 = *parse_endpoint("192.0.2.7:7475"), v6 = *parse_endpoint("[fe80::7%3]:7475");
  AgentId both{}, only_v6{};
  only_v6[0] = std::byte{1};
  const auto needed = [&table](SteadyTime at) {
    const auto families = table.families(at);
    return std::make_pair(families.v4, families.v6);
  };
  EXPECT_EQ(needed(kNow), std::make_pair(true, true)) << "nobody is known";
  table.on_hello(both, 1, hello, v6, true, kNow);
  EXPECT_EQ(needed(kNow), std::make_pair(false, true));
  table.on_hello(both, 1, hello, v4, true, kNow);
  EXPECT_EQ(needed(kNow), std::make_pair(true, false));
  table.on_hello(only_v6, 1, hello, v6, true, kNow);
  EXPECT_EQ(needed(kNow), std::make_pair(true, true));
  table.remove(only_v6);
  table.on_hello(both, 1, hello, v6, true, kNow + PeerTable::kSilence);
  EXPECT_EQ(needed(kNow + PeerTable::kSilence), std::make_pair(false, true)) << "not heard by IPv4 any more";
}

TEST(PeerTable, ARestartForgetsWhereTheAgentWas) {
  PeerTable table;
  const AgentId agent{};
  const Hello hello;
  const Endpoint before = *parse_endpoint("192.0.2.7:7475"), after = *parse_endpoint("[fe80::7%3]:7475");
  table.on_hello(agent, 1, hello, before, true, kNow);
  EXPECT_EQ(table.on_hello(agent, 2, hello, after, true, kNow), PeerTable::Change::restarted);
  EXPECT_FALSE(table.find_peer(agent)->speaks_from(before));
  EXPECT_EQ(table.find_peer(agent)->from, after);
}

}  // namespace
}  // namespace larder::peer
