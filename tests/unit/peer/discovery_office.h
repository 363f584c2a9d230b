// An office in virtual time for the deciding part of discovery: latency, loss, subnets, keys; no sockets.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/runtime/loop.h"
#include "peer/discovery/discovery.h"

namespace larder::peer::test {

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
    std::size_t sent_questions = 0;
    std::vector<HaveItem> holdings;
    std::uint32_t key_epoch = 1;
    std::set<std::uint32_t> reads = {1};  // epochs of keys
    DiscoverySelf self;
  };
  double loss = 0;  // of each copy of a datagram

  Host& add(int subnet = 0, bool serving = true) {
    auto host = std::make_unique<Host>();
    const auto number = hosts_.size() + 1;
    host->address = *parse_endpoint("192.0.2." + std::to_string(number) + ":7475");
    host->subnet = subnet;
    DiscoverySelf& self = host->self;
    self.id[0] = static_cast<std::byte>(number);
    self.key_epoch = 1;
    self.catalogue_port = 7475;
    self.serving = serving;
    self.name = "host-" + std::to_string(number);
    Host* raw = host.get();
    host->discovery = std::make_unique<Discovery>(self, *random_, [raw](const Ask&) { return raw->holdings; });
    hosts_.push_back(std::move(host));
    return *raw;
  }
  const AgentId& id(const Host& host) const { return host.self.id; }
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
  void set_self(Host& host) {
    host.key_epoch = host.self.key_epoch;
    host.reads.insert(host.key_epoch);
    host.discovery->set_self(host.self, now_);
    flush(host);
  }
  Host& at(std::size_t index) { return *hosts_[index]; }
  std::size_t size() const { return hosts_.size(); }

 private:
  struct Flight {
    Host* to;
    Incoming incoming;
  };
  void send(Host& from, Outgoing out) {
    ++from.sent;
    if (std::holds_alternative<Ask>(out.message)) ++from.sent_questions;
    if (!from.reachable) return;
    const Datagram datagram{from.self.id, from.epoch, ++from.sequence, std::move(out.message), {}};
    const std::uint32_t key = out.key_epoch == 0 ? from.key_epoch : out.key_epoch;
    for (const auto& host : hosts_) {
      const bool hears = out.to ? host->address == *out.to : host->subnet == from.subnet;
      if (!hears || !host->reachable || !host->reads.contains(key) || random_->unit() < loss) continue;
      flights_.emplace(now_ + kLatency, Flight{host.get(), {datagram, from.address, !out.to, key}});
    }
  }
  void deliver() {
    while (!flights_.empty() && flights_.begin()->first <= now_) {
      const Flight flight = flights_.begin()->second;
      flights_.erase(flights_.begin());
      if (!flight.to->reachable) continue;
      flight.to->discovery->receive(flight.incoming, now_);
      flush(*flight.to);
    }
  }

  std::unique_ptr<Random> random_ = make_seeded_random(1);
  std::vector<std::unique_ptr<Host>> hosts_;
  std::multimap<SteadyTime, Flight> flights_;
  SteadyTime now_ = SteadyTime(seconds(1000));
};

inline HaveItem complete_item() {
  HaveItem item;
  item.complete = true;
  item.size = 5;
  return item;
}
inline std::vector<AskKey> one_key() {
  return {AskKey{}};
}

}  // namespace larder::peer::test
