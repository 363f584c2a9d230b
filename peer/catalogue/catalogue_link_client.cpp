#include "peer/catalogue/catalogue_link_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace larder::peer {
namespace {

namespace asio = boost::asio;

constexpr std::size_t kMaxReason = 200;  // bytes of a refusal's body that are taken as its reason

std::string doing(const CatalogueCall& what) {
  return "ask the peer at " + what.to.text();
}

// Returns the reason in a refusal's body, where the body is short printable text.
std::string reason_of(const CatalogueResponse& response) {
  const auto printable = [](std::byte byte) { return byte >= std::byte{' '} && byte < std::byte{0x7f}; };
  const auto& body = response.body;
  if (body.empty() || body.size() > kMaxReason || !std::all_of(body.begin(), body.end(), printable)) return {};
  return ": " + std::string(reinterpret_cast<const char*>(body.data()), body.size());
}

Result<CatalogueResponse> judge(CatalogueResponse response, const CatalogueCall& what) {
  const unsigned status = response.status;
  const bool busy_with_others = status == 503 && !response.body.empty();
  if (what.any_status || busy_with_others || (status >= 200 && status < 300)) return response;
  const bool transient = status == 408 || status == 429 || status >= 500;
  return fail(transient ? ErrorCode::http_transient : ErrorCode::http_fatal, doing(what),
              fmt::format("it answers with status {}{}", status, reason_of(response)));
}

}  // namespace

struct LinkClient::Call {
  Call(asio::io_context& io, CallId number, CatalogueCall call) : id(number), what(std::move(call)), timer(io) {}
  CallId id;
  CatalogueCall what;
  asio::steady_timer timer;
  LinkOutgoing* connection = nullptr;  // null: the call waits for a connection
  bool retried = false;
};

LinkClient::LinkClient(asio::io_context& io, Duration idle_timeout, LinkClientEvents& events)
    : io_(io), idle_timeout_(idle_timeout), events_(events) {}

LinkClient::~LinkClient() = default;

void LinkClient::call(CallId id, CatalogueCall what) {
  if (stopped_) return;
  if (!context_) {
    events_.on_outcome(id, {}, fail(ErrorCode::certificate_rejected, doing(what), "this agent belongs to no group"));
    return;
  }
  const auto placed = calls_.emplace(id, std::make_unique<Call>(io_, id, std::move(what)));
  Call& call = *placed.first->second;
  call.timer.expires_after(std::chrono::duration_cast<asio::steady_timer::duration>(call.what.timeout));
  call.timer.async_wait([this, id](const boost::system::error_code& error) {
    if (!error) expire(id);
  });
  start(call, false);
}

void LinkClient::start(Call& call, bool fresh) {
  const PeerKey key{call.what.to, call.what.agent};
  Peer& peer = peers_[key];
  if (!fresh && !peer.kept.empty()) {
    LinkOutgoing& connection = *peer.kept.back();
    forget_kept(connection);
    call.connection = &connection;
    connection.send_call(call.id, call.what);
    return;
  }
  if (!fresh && peer.connections >= kMaxPerPeer) {
    call.connection = nullptr;
    peer.waiting.push_back(call.id);
    return;
  }
  const auto connection =
      std::make_shared<LinkOutgoing>(io_, key.first, key.second, context_, static_cast<LinkOutgoingOwner&>(*this));
  connections_.emplace(connection.get(), connection);
  ++peer.connections;
  call.connection = connection.get();
  connection->send_call(call.id, call.what);
  const bool from_loopback = key.first.is_v4() && key.first.is_loopback();  // like loopback_source_
  connection->connect(from_loopback ? loopback_source_ : std::nullopt);
}

void LinkClient::expire(CallId id) {
  const auto found = calls_.find(id);
  if (found == calls_.end()) return;  // answered while the timer was due
  const CatalogueCall& what = found->second->what;
  const double seconds = std::chrono::duration<double>(what.timeout).count();
  auto error = fail(ErrorCode::timed_out, doing(what), fmt::format("no answer within {:.3g} s", seconds));
  cancel(id);
  events_.on_outcome(id, {}, std::move(error));
}

void LinkClient::finish(CallId id, const AgentId& agent, Result<CatalogueResponse> result) {
  const auto call = calls_.extract(id);
  if (call.empty()) return;
  events_.on_outcome(id, agent, std::move(result));
}

// Cancels a call and ends its connection, since the answer may still be in flight on it.
void LinkClient::cancel(CallId id) {
  const auto call = calls_.extract(id);
  if (call.empty()) return;
  const CatalogueCall& what = call.mapped()->what;
  const PeerKey key{what.to, what.agent};
  LinkOutgoing* connection = call.mapped()->connection;
  if (connection == nullptr) {
    std::erase(peers_[key].waiting, id);
    return;
  }
  const auto keep_alive = connections_.extract(connection);
  connection->close();
  --peers_[key].connections;
  serve_waiting(key);
}

void LinkClient::serve_waiting(const PeerKey& key) {
  const auto found = peers_.find(key);
  if (found == peers_.end()) return;
  Peer& peer = found->second;
  if (peer.waiting.empty()) {
    if (peer.connections == 0) peers_.erase(found);
    return;
  }
  const CallId next = peer.waiting.front();
  peer.waiting.pop_front();
  if (const auto call = calls_.find(next); call != calls_.end()) start(*call->second, false);
}

void LinkClient::forget_kept(LinkOutgoing& connection) {
  std::erase(kept_order_, &connection);
  const auto found = peers_.find({connection.to(), connection.expected()});
  if (found != peers_.end()) std::erase(found->second.kept, &connection);
}

void LinkClient::on_answered(LinkOutgoing& connection, CatalogueResponse response, bool reusable) {
  const CallId id = connection.call();
  const AgentId agent = connection.agent();
  const PeerKey key{connection.to(), connection.expected()};
  if (reusable) {
    connection.keep_idle(idle_timeout_);
    peers_[key].kept.push_back(&connection);
    kept_order_.push_back(&connection);
    if (kept_order_.size() > kMaxKept) {
      LinkOutgoing& oldest = *kept_order_.front();
      const PeerKey of_oldest{oldest.to(), oldest.expected()};
      forget_kept(oldest);
      oldest.close();
      connections_.erase(&oldest);
      --peers_[of_oldest].connections;
      serve_waiting(of_oldest);
    }
  } else {
    connection.close();
    connections_.erase(&connection);
    --peers_[key].connections;
  }
  if (const auto call = calls_.find(id); call != calls_.end()) {
    const CatalogueCall what = std::move(call->second->what);
    finish(id, agent, judge(std::move(response), what));
  }
  serve_waiting(key);
}

void LinkClient::on_ended(LinkOutgoing& connection, Error why, bool stale) {
  const PeerKey key{connection.to(), connection.expected()};
  const CallId id = connection.call();
  forget_kept(connection);
  const auto keep_alive = connections_.extract(&connection);
  --peers_[key].connections;
  const auto call = id != 0 ? calls_.find(id) : calls_.end();
  if (call == calls_.end()) {
    serve_waiting(key);
    return;
  }
  // The peer may have ended the kept connection for being idle: the call is sent once more over a new one.
  if (stale && !call->second->retried && call->second->what.method == "GET" && context_) {
    call->second->retried = true;
    start(*call->second, true);
    return;
  }
  finish(id, {}, tl::unexpected<Error>(std::move(why)));
  serve_waiting(key);
}

void LinkClient::set_context(std::shared_ptr<TlsContext> context) {
  context_ = std::move(context);
  close_all();
}

void LinkClient::cut_agent(const AgentId& agent) {
  std::vector<std::shared_ptr<LinkOutgoing>> victims;
  for (const auto& [pointer, connection] : connections_) {
    if (connection->agent() == agent) victims.push_back(connection);
  }
  for (const auto& victim : victims) {
    victim->close();
    on_ended(*victim, {ErrorCode::certificate_rejected, "ask agent " + agent_name(agent), "it was revoked", {}}, false);
  }
}

// Ends all connections. A GET in flight is sent once more under the new certificates; other calls fail.
void LinkClient::close_all() {
  const auto connections = connections_;
  for (const auto& [pointer, connection] : connections) {
    connection->close();
    on_ended(*connection,
             {ErrorCode::connection_lost,
              "ask the peer at " + connection->to().text(),
              "the certificates of this agent have changed meanwhile",
              {}},
             true);
  }
}

// Ends connections whose local address is gone, since nothing is received on them, and all idle ones, which may be dead
// too.
void LinkClient::network_changed() {
  const auto connections = connections_;
  for (const auto& [pointer, connection] : connections) {
    if (connection->call() != 0 && !connection->lost_its_address()) continue;
    connection->close();
    on_ended(*connection,
             {ErrorCode::connection_lost,
              "ask the peer at " + connection->to().text(),
              "this machine no longer has the address that the connection came from",
              {}},
             true);
  }
}

void LinkClient::stop() {
  stopped_ = true;
  calls_.clear();
  kept_order_.clear();
  peers_.clear();
  const auto connections = std::exchange(connections_, {});
  for (const auto& [pointer, connection] : connections) connection->close();
}

}  // namespace larder::peer
