// Whether this agent serves, and what people are told of sharing.
#include <gtest/gtest.h>

#include <atomic>

#include "agent/lan/config_changes.h"
#include "agent/lan/serving_watch.h"
#include "agent/lan/sharing_facts.h"
#include "tests/support/virtual_loop.h"

namespace larder::agent {
namespace {

class ServingWatchTest : public ::testing::Test {
 protected:
  void look(peer::ServingFacts facts) {
    facts_ = facts;
    const unsigned before = reads_;
    watch_.read_facts();
    // The one thread of the workers posts this after what the watch's own task posted.
    bool arrived = false;
    ASSERT_TRUE(workers_.submit([&] { loop_.post([&] { arrived = true; }); }));
    ASSERT_TRUE(loop_.wait_for([&] { return arrived; }));
    ASSERT_GT(reads_, before);
  }
  test::VirtualLoop loop_;
  WorkerPool workers_{"test", 1, 8};
  std::atomic<unsigned> reads_{0};
  peer::ServingFacts facts_;
  Config config_;
  ServingWatch watch_{loop_.runtime(), workers_, [this] {
                        ++reads_;
                        return facts_;
                      }};
};

TEST_F(ServingWatchTest, AMeteredNetworkStopsItUnlessToldOtherwise) {
  EXPECT_TRUE(watch_.serving(config_));
  look({true, false, 100});
  EXPECT_FALSE(watch_.serving(config_));
  EXPECT_FALSE(watch_.trouble(config_).empty());
  config_.peer_metered = Metered::no;
  EXPECT_TRUE(watch_.serving(config_)) << "the configuration knows better";
  EXPECT_TRUE(watch_.trouble(config_).empty());
  config_.peer_metered = Metered::yes;
  look({});
  EXPECT_FALSE(watch_.serving(config_));
  config_.peer_serve_metered = true;
  EXPECT_TRUE(watch_.serving(config_));
  config_.peer_serve = false;
  EXPECT_FALSE(watch_.serving(config_));
}

TEST_F(ServingWatchTest, ALowBatteryStopsItUntilItIsLookedAtAgain) {
  look({false, true, 29});
  EXPECT_FALSE(watch_.serving(config_));
  look({false, true, 30});
  EXPECT_TRUE(watch_.serving(config_));
  look({false, true, 1});
  config_.peer_min_battery = 0;
  EXPECT_TRUE(watch_.serving(config_));
  // By itself too.
  const unsigned before = reads_;
  loop_.advance(ServingWatch::kInterval);
  EXPECT_TRUE(loop_.wait_for([&] { return reads_ > before; }));
}

peer::AgentId id(std::uint8_t number) {
  peer::AgentId out{};
  out[0] = std::byte{number};
  return out;
}

TEST(SharingFacts, TheShunnedAreToldWhetherTheyAreAroundOrNot) {
  const SteadyTime now{std::chrono::hours(1)};
  const WallTime wall{std::chrono::hours(500'000)};
  peer::PeerTable around;
  peer::Hello hello{7475, 7476, false, false, 1, "desk", {}, {}};
  around.on_hello(id(1), 1, hello, *peer::parse_endpoint("192.0.2.7:7475"), true, now - std::chrono::seconds(3));
  around.set_load(id(1), 4);
  peer::Trust trust;
  trust.sent_bad_block(id(1), wall);
  peer::TrustState kept;
  kept.shunned.push_back(
      {id(2), peer::ShunReason::contradicted_by_group, {wall, wall + std::chrono::hours(2), 2}, "x"});
  kept.doubted.push_back(
      {id(2), peer::DoubtReason::contradicted_here, true, {wall, wall + std::chrono::hours(1), 1}, ""});
  trust.restore(kept, wall);
  const auto facts = peer_facts(around, trust, now, wall);
  ASSERT_EQ(facts.size(), 2U);
  EXPECT_EQ(facts[0].id, to_hex(id(1)));
  EXPECT_EQ(facts[0].name, "desk");
  EXPECT_EQ(facts[0].address, "192.0.2.7:7475");
  EXPECT_FALSE(facts[0].serving);
  EXPECT_TRUE(facts[0].multicast);
  EXPECT_EQ(facts[0].load, 4U);
  EXPECT_EQ(facts[0].last_heard, Duration(std::chrono::seconds(3)));
  EXPECT_NE(facts[0].shunned.find("damaged"), std::string::npos);
  EXPECT_EQ(facts[0].shunned_until, wall + std::chrono::hours(1));
  EXPECT_EQ(facts[1].id, to_hex(id(2)));
  EXPECT_TRUE(facts[1].address.empty());
  EXPECT_FALSE(facts[1].last_heard);
  EXPECT_FALSE(facts[1].shunned.empty());
  EXPECT_EQ(facts[1].shunned_until, wall + std::chrono::hours(2));
  EXPECT_EQ(facts[1].doubted_until, wall + std::chrono::hours(1));
  EXPECT_EQ(find_agent(facts, "desk").value(), id(1));
  EXPECT_EQ(find_agent(facts, to_hex(id(2)).substr(0, 8)).value(), id(2));
  EXPECT_EQ(find_agent(facts, to_hex(id(9))).value(), id(9)) << "a whole id needs not be known";
  EXPECT_EQ(find_agent(facts, "nobody").error().code, ErrorCode::not_found);
  EXPECT_EQ(find_agent(facts, "").error().code, ErrorCode::not_found);
}

TEST(Offers, KeepToTheConfiguration) {
  const cache::Version version{"https://files.intern.example/x", 10, "\"a\"", ""};
  const Config plain;
  EXPECT_TRUE(may_offer(plain, version));
  Config config;
  config.url_policy.sharing.private_hosts = {"*.intern.example"};
  EXPECT_FALSE(may_offer(config, version)) << "it was kept before the host was listed";
  EXPECT_FALSE(same_offers(plain, config)) << "and is to be looked at again";
  EXPECT_TRUE(may_offer(config, {"https://files.example/x", 10, "\"a\"", ""}));
  EXPECT_FALSE(may_offer(config, {"no url", 10, "\"a\"", ""}));
  config = {};
  config.peer_never_share = {"https://files.*"};
  EXPECT_FALSE(may_offer(config, version));
  config = {};
  config.peer_serve = false;
  EXPECT_FALSE(may_offer(config, version));
}

TEST(SharingFacts, WhatStandsInTheWayIsTold) {
  Config config;
  config.peer_use = false;
  LanFacts lan;
  lan.up = lan.enabled = lan.in_group = true;
  lan.offered = 7;
  SharingFacts facts = sharing_facts(lan, config, "the battery is low");
  EXPECT_TRUE(facts.up);
  EXPECT_FALSE(facts.use);
  EXPECT_FALSE(facts.serving);
  EXPECT_EQ(facts.serving_trouble, "the battery is low");
  EXPECT_EQ(facts.offered, 7U);
  EXPECT_TRUE(sharing_facts(lan, config, "").serving);
  lan.up = false;
  EXPECT_FALSE(sharing_facts(lan, config, "").serving);
  peer::DiscoveryFigures figures;
  figures.trouble = "cannot send";
  figures.clock_rejections = 2;
  add_discovery(figures, facts);
  EXPECT_EQ(facts.trouble, "cannot send");
  EXPECT_EQ(facts.clock_rejections, 2U);
  facts.trouble = "the port is taken";
  add_discovery(figures, facts);
  EXPECT_EQ(facts.trouble, "the port is taken") << "what keeps all of it down matters more";
}

}  // namespace
}  // namespace larder::agent
