// The catalogue's client: its calls and its connections, which are kept for later calls. On the link's thread; private
// to the link's sources.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "peer/catalogue/catalogue_link.h"
#include "peer/catalogue/catalogue_link_outgoing.h"

namespace larder::peer {

class LinkClientEvents {
 public:
  virtual ~LinkClientEvents() = default;
  // Called once for each call that was not cancelled; may come within call(). `agent`: the agent that answered; all
  // zero where none did.
  virtual void on_outcome(CallId call, const AgentId& agent, Result<CatalogueResponse> result) = 0;
};

class LinkClient final : private LinkOutgoingOwner {
 public:
  static constexpr std::size_t kMaxPerPeer = 3;  // connections to one peer; further calls wait for one of them
  static constexpr std::size_t kMaxKept = 128;   // idle connections, to all peers together

  LinkClient(boost::asio::io_context& io, Duration idle_timeout, LinkClientEvents& events);
  ~LinkClient() override;

  // Sets the source address of connections to loopback: agents that share a machine are told apart by their loopback
  // address. Elsewhere the routes decide.
  void set_loopback_source(const Endpoint& source) { loopback_source_ = source; }  // before the thread runs
  void set_context(std::shared_ptr<TlsContext> context);  // null: every call fails. Earlier connections end
  void call(CallId id, CatalogueCall what);
  void cancel(CallId id);
  void cut_agent(const AgentId& agent);
  void network_changed();
  void stop();

 private:
  using PeerKey = std::pair<Endpoint, AgentId>;
  struct Call;
  struct Peer {
    std::vector<LinkOutgoing*> kept;  // the last used last
    std::size_t connections = 0;
    std::deque<CallId> waiting;
  };

  void start(Call& call, bool fresh);
  void expire(CallId id);
  void finish(CallId id, const AgentId& agent, Result<CatalogueResponse> result);
  void serve_waiting(const PeerKey& key);
  void forget_kept(LinkOutgoing& connection);
  void close_all();

  void on_answered(LinkOutgoing& connection, CatalogueResponse response, bool reusable) override;
  void on_ended(LinkOutgoing& connection, Error why, bool stale) override;

  boost::asio::io_context& io_;
  const Duration idle_timeout_;
  LinkClientEvents& events_;
  bool stopped_ = false;
  std::optional<Endpoint> loopback_source_;
  std::shared_ptr<TlsContext> context_;
  std::map<CallId, std::unique_ptr<Call>> calls_;
  std::map<PeerKey, Peer> peers_;
  std::map<LinkOutgoing*, std::shared_ptr<LinkOutgoing>> connections_;
  std::deque<LinkOutgoing*> kept_order_;  // idle connections, the longest idle first
};

}  // namespace larder::peer
