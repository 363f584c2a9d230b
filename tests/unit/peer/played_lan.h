// A LAN that a test plays: who is around, what discovery answers, and what catalogues say, in virtual time.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "peer/catalogue/catalogue_link.h"
#include "peer/discovery/discovery_socket.h"
#include "peer/messages/catalogue_paths.h"
#include "peer/messages/catalogue_wire.h"
#include "peer/swarm/swarm.h"

namespace larder::peer {

class PlayedDiscovery final : public DiscoverySocket {
 public:
  struct Asked {
    std::uint32_t query;
    std::vector<AskKey> keys;
    Discovery::Answered done;
  };
  [[nodiscard]] std::uint16_t port() const override { return 1; }
  void start() override {}
  void stop() override {}
  void set_self(DiscoverySelf) override {}
  void set_identity(DiscoveryIdentity) override {}
  void refused_changed() override {}
  void network_changed() override {}
  void learn_address(const Endpoint&) override {}
  std::uint32_t ask(std::vector<AskKey> keys, Discovery::Answered done) override {
    if (table.size() == 0) {
      done({});
      return 0;
    }
    asked.push_back({++last_, std::move(keys), std::move(done)});
    return last_;
  }
  void cancel(std::uint32_t query) override {
    std::erase_if(asked, [query](const Asked& one) { return one.query == query; });
  }
  Status tell_evidence(EvidenceMessage evidence) override {
    told.push_back(std::move(evidence));
    return {};
  }
  void forget(const AgentId& agent) override { table.remove(agent); }
  void tell_reach(const AgentId& to, ReachMessage what) override { reach.emplace_back(to, std::move(what)); }
  void mark_place(const AgentId& agent, const Endpoint& place, bool answers) override {
    table.mark_place(agent, place, answers, SteadyTime{});
  }
  [[nodiscard]] const PeerTable& peers() const override { return table; }
  [[nodiscard]] DiscoveryFigures figures() const override { return {}; }

  // Somebody is around from now on; its catalogue is at 10.0.0.<number>:1000+number.
  void meet(const AgentId& agent, std::uint8_t number, SteadyTime now) {
    Hello hello;
    hello.catalogue_port = static_cast<std::uint16_t>(1000 + number);
    hello.swarm_port = static_cast<std::uint16_t>(2000 + number);
    table.on_hello(agent, 1, hello, *parse_endpoint("10.0.0." + std::to_string(number) + ":7475"), true, now);
  }
  // Answers the oldest question.
  void answer(const std::vector<Holder>& holders) {
    ASSERT_FALSE(asked.empty());
    Asked one = std::move(asked.front());
    asked.erase(asked.begin());
    one.done(holders);
  }

  std::vector<Asked> asked;
  std::vector<EvidenceMessage> told;
  std::vector<std::pair<AgentId, ReachMessage>> reach;  // told to whom it is about
  PeerTable table;

 private:
  std::uint32_t last_ = 0;
};

class PlayedLink final : public CatalogueLink {
 public:
  struct Asked {
    CallId id;
    CatalogueCall call;
    UniqueFunction<void(Result<CatalogueResponse>)> done;
  };
  [[nodiscard]] std::uint16_t port() const override { return 1; }
  void set_credentials(const LinkCredentials&) override {}
  void set_handler(CatalogueHandler) override {}
  void set_enrolling(bool) override {}
  void set_refused(std::function<bool(const AgentId&)>) override {}
  CallId call(CatalogueCall what, UniqueFunction<void(Result<CatalogueResponse>)> done) override {
    asked.push_back({++last_, std::move(what), std::move(done)});
    return last_;
  }
  void cancel(CallId id) override {
    std::erase_if(asked, [id](const Asked& one) { return one.id == id; });
  }
  [[nodiscard]] bool asks(const AgentId& agent) const {
    return std::any_of(asked.begin(), asked.end(), [&](const Asked& one) { return one.call.agent == agent; });
  }
  void answer(const AgentId& agent, Result<CatalogueResponse> with) {
    const auto found =
        std::find_if(asked.begin(), asked.end(), [&](const Asked& one) { return one.call.agent == agent; });
    ASSERT_NE(found, asked.end()) << "it was not asked";
    Asked one = std::move(*found);
    asked.erase(found);
    one.done(std::move(with));
  }

  std::vector<Asked> asked;

 private:
  CallId last_ = 0;
};

// Nothing travels.
class IdleSwarm final : public Swarm {
 public:
  [[nodiscard]] std::uint16_t port() const override { return 1; }
  void set_credentials(const SwarmCredentials&) override {}
  void set_rates(std::uint64_t, std::uint64_t) override {}
  void serve(Serve, UniqueFunction<void(Status)> done) override { done({}); }
  [[nodiscard]] bool serves(const TorrentId&) const override { return false; }
  Result<SwarmFetchId> fetch(SwarmFetch, std::shared_ptr<SwarmEvents>) override { return ++last_; }
  void want(SwarmFetchId, std::vector<ByteRange>) override {}
  void add_peers(SwarmFetchId, const std::vector<SwarmPeer>&) override {}
  void drop_peer(SwarmFetchId, const AgentId&) override {}
  void consumed(SwarmFetchId, ByteRange) override {}
  void stop(SwarmFetchId) override {}
  [[nodiscard]] SwarmFigures figures() const override { return {}; }

 private:
  SwarmFetchId last_ = 0;
};

}  // namespace larder::peer
