#include "peer/discovery.h"

#include <gtest/gtest.h>

#include <memory>
#include <tuple>

#include "base/loop.h"

namespace larder::peer {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Agents on one or two subnets: multicast stays inside a subnet, unicast reaches everywhere, after `kLatency`.
class Office {
 public:
  static constexpr Duration kLatency = milliseconds(1);

  struct Host {
    std::unique_ptr<Discovery> discovery;
    Endpoint address;
    int subnet = 0;
    std::uint64_t epoch = 1;
    std::uint64_t sequence = 0;
    bool reachable = true;
    std::size_t sent = 0;
    std::vector<HaveItem> holdings;
  };

  Host& add(int subnet = 0, bool serving = true) {
    auto host = std::make_unique<Host>();
    const auto number = hosts_.size() + 1;
    host->address = *parse_endpoint("192.0.2." + std::to_string(number) + ":7475");
    host->subnet = subnet;
    DiscoverySelf self;
    self.id[0] = static_cast<std::byte>(number);
    self.catalogue_port = 7475;
    self.serving = serving;
    self.name = "host-" + std::to_string(number);
    Host* raw = host.get();
    host->discovery = std::make_unique<Discovery>(self, *random_, [raw](const Ask&) { return raw->holdings; });
    ids_[raw] = self.id;
    hosts_.push_back(std::move(host));
    return *raw;
  }
  const AgentId& id(const Host& host) const { return ids_.at(const_cast<Host*>(&host)); }
  const PeerTable& peers(const Host& host) const { return host.discovery->peers(); }
  SteadyTime now() const { return now_; }

  void start(Host& host) {
    host.discovery->start(now_);
    flush();
  }
  void run_for(Duration duration) {
    const SteadyTime end = now_ + duration;
    flush();
    while (true) {
      SteadyTime next = end;
      for (const auto& host : hosts_) next = std::min(next, host->discovery->next_wakeup());
      if (!flights_.empty()) next = std::min(next, flights_.begin()->first);
      now_ = std::max(now_, next);
      deliver();
      if (now_ >= end) break;
      for (const auto& host : hosts_) {
        if (host->discovery->next_wakeup() > now_) continue;
        host->discovery->tick(now_);
        flush(*host);
      }
    }
  }
  void flush() {
    for (const auto& host : hosts_) flush(*host);
  }
  void flush(Host& host) {
    for (Outgoing& out : host.discovery->take_outgoing()) send(host, std::move(out));
  }
  Host& at(std::size_t index) { return *hosts_[index]; }
  std::size_t size() const { return hosts_.size(); }

 private:
  struct Flight {
    Host* to;
    Endpoint from;
    bool multicast;
    Datagram datagram;
  };
  void send(Host& from, Outgoing out) {
    ++from.sent;
    if (!from.reachable) return;
    const Datagram datagram{ids_[&from], from.epoch, ++from.sequence, std::move(out.message)};
    for (const auto& host : hosts_) {
      const bool hears = out.to ? host->address == *out.to : host->subnet == from.subnet;
      if (hears && host->reachable)
        flights_.emplace(now_ + kLatency, Flight{host.get(), from.address, !out.to, datagram});
    }
  }
  void deliver() {
    while (!flights_.empty() && flights_.begin()->first <= now_) {
      const Flight flight = flights_.begin()->second;
      flights_.erase(flights_.begin());
      if (!flight.to->reachable) continue;
      flight.to->discovery->receive(flight.datagram, flight.from, flight.multicast, now_);
      flush(*flight.to);
    }
  }

  std::unique_ptr<Random> random_ = make_seeded_random(1);
  std::vector<std::unique_ptr<Host>> hosts_;
  std::map<Host*, AgentId> ids_;
  std::multimap<SteadyTime, Flight> flights_;
  SteadyTime now_ = SteadyTime(seconds(1000));
};

HaveItem complete_item() {
  HaveItem item;
  item.complete = true;
  item.size = 5;
  return item;
}
std::vector<AskKey> one_key() {
  return {AskKey{}};
}

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
  EXPECT_FALSE(office.peers(here).find(office.id(there))->multicast);
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

TEST(Discovery, NobodyHasItEndsAtTheLimit) {
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
  office.run_for(Discovery::kGiveUpAfter - milliseconds(1));
  EXPECT_FALSE(done);
  office.run_for(milliseconds(2));
  EXPECT_TRUE(done);
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
  for (std::uint64_t i = 1; i <= 10'000; ++i) {
    host.discovery->receive(Datagram{flooder, 1, i, Ask{1, 0xffff, one_key()}}, from, false, office.now());
  }
  EXPECT_LE(host.discovery->take_outgoing().size(), 200u);
}

TEST(Discovery, AReplayedDatagramHasNoEffect) {
  Office office;
  Office::Host& host = office.add();
  office.start(host);
  std::ignore = host.discovery->take_outgoing();
  AgentId sender{};
  sender[0] = std::byte{9};
  const Endpoint from = *parse_endpoint("192.0.2.9:7475");
  const Datagram hello{sender, 5, 1, Hello{1, 2, true, false, 1, "x"}};
  host.discovery->receive(hello, from, true, office.now());
  host.discovery->receive(Datagram{sender, 5, 2, Bye{}}, from, true, office.now());
  host.discovery->receive(hello, from, true, office.now());
  EXPECT_EQ(office.peers(host).size(), 0u);
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
