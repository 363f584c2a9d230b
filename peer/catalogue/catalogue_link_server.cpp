#include "peer/catalogue/catalogue_link_server.h"

#include <fmt/format.h>

#include <boost/asio/ip/v6_only.hpp>
#include <utility>

#include "base/io/log.h"
#include "base/text/units.h"

namespace larder::peer {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr double kEnrolPerSecond = 5;  // strangers' requests, all together
constexpr double kEnrolAtOnce = 20;
constexpr std::size_t kMaxRates = 4096;                        // agents with a rate; with more, all are forgotten
constexpr std::size_t kMaxAnswerBytes = 64 * kMiB;             // of answers in flight, to all askers together
constexpr int kPortTries = 16;                                 // for a free port on several addresses
constexpr auto kAcceptPause = std::chrono::milliseconds(100);  // after an error, such as no descriptor left

SteadyTime now() {
  return std::chrono::steady_clock::now();
}

tl::unexpected<Error> cannot_listen(const tcp::endpoint& endpoint, const std::string& cause) {
  return fail(ErrorCode::connect_failed, "listen for peers on " + to_endpoint(endpoint).text() + " (TCP)",
              cause + "; see peer.listen and peer.port in the configuration");
}

}  // namespace

struct LinkServer::Listener {
  explicit Listener(asio::io_context& io) : acceptor(io), pause(io) {}
  tcp::acceptor acceptor;
  asio::steady_timer pause;
};

LinkServer::LinkServer(asio::io_context& io, LinkSettings settings, LinkServerEvents& events)
    : io_(io),
      settings_(std::move(settings)),
      events_(events),
      admission_({settings_.max_connections, settings_.max_connections_per_address, settings_.max_handshakes}),
      enrol_rate_(kEnrolPerSecond, kEnrolAtOnce) {}

LinkServer::~LinkServer() = default;

// ---- listening

Status LinkServer::listen() {
  Status done;
  // All addresses are to have the same port. Where any port will do, the others try the one that the first address got.
  const int tries = settings_.port == 0 && settings_.listen.size() > 1 ? kPortTries : 1;
  for (int i = 0; i < tries; ++i) {
    listeners_.clear();
    done = open_all(settings_.port);
    if (done) return done;
  }
  return done;
}

Status LinkServer::open_all(std::uint16_t port) {
  port_ = port;
  if (settings_.listen.empty()) {
    // One socket for both families; a host without IPv6 has IPv4 alone.
    if (open({tcp::v6(), port}, true)) return {};
    return open({tcp::v4(), port}, false);
  }
  for (const std::string& text : settings_.listen) {
    error_code error;
    const auto address = asio::ip::make_address(text, error);
    if (error) {
      return fail(ErrorCode::invalid_argument, "listen for peers on " + text,
                  "it is not a numeric address; see peer.listen in the configuration");
    }
    if (auto opened = open({address, port_}, false); !opened) return opened;
  }
  return {};
}

Status LinkServer::open(const tcp::endpoint& endpoint, bool dual) {
  auto listener = std::make_unique<Listener>(io_);
  tcp::acceptor& acceptor = listener->acceptor;
  error_code error;
  acceptor.open(endpoint.protocol(), error);
  if (error) return cannot_listen(endpoint, error.message());
  acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (endpoint.address().is_v6()) acceptor.set_option(asio::ip::v6_only(!dual), error);
  if (error) return cannot_listen(endpoint, error.message());
  acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) return cannot_listen(endpoint, error.message());
  port_ = acceptor.local_endpoint(error).port();
  if (error) return cannot_listen(endpoint, error.message());
  listeners_.push_back(std::move(listener));
  return {};
}

void LinkServer::accept() {
  for (const auto& listener : listeners_) accept(*listener);
}

void LinkServer::accept(Listener& listener) {
  listener.acceptor.async_accept([this, &listener](const error_code& error, tcp::socket socket) {
    on_accept(listener, error, std::move(socket));
  });
}

void LinkServer::on_accept(Listener& listener, const error_code& error, tcp::socket socket) {
  if (stopped_) return;
  if (!error) {
    admit(std::move(socket));
    accept(listener);
    return;
  }
  log::warn("cannot accept a connection of a peer cause=\"{}\"", error.message());
  listener.pause.expires_after(kAcceptPause);
  listener.pause.async_wait([this, &listener](const error_code& cancelled) {
    if (!cancelled && !stopped_) accept(listener);
  });
}

void LinkServer::admit(tcp::socket socket) {
  error_code error;
  const tcp::endpoint remote = socket.remote_endpoint(error);
  if (error || !context_) return;  // the peer has gone, or there is no group: the socket closes
  const Endpoint from = to_endpoint(remote);
  const LinkId id = ++last_id_;
  const auto decision = admission_.on_arrived(id, from, now());
  for (const LinkId victim : decision.cut) cut(victim);
  if (!decision.accepted) return;
  const auto connection = std::make_shared<LinkConnection>(id, std::move(socket), from, context_, settings_,
                                                           static_cast<LinkConnectionOwner&>(*this));
  connections_.emplace(id, connection);
  connection->start(enrolling_ ? ClientCertificate::optional : ClientCertificate::required);
}

// ---- called by the loop's side

void LinkServer::set_context(std::shared_ptr<TlsContext> context) {
  context_ = std::move(context);
  close_all();
  rates_.clear();
}

void LinkServer::set_enrolling(bool open) {
  enrolling_ = open;
}

void LinkServer::answer(const RequestTag& tag, CatalogueResponse response) {
  const auto found = connections_.find(tag.connection);
  if (found == connections_.end()) return;  // the asker has gone
  const auto connection = found->second;
  connection->answer(tag.request, std::move(response));
}

void LinkServer::cut(LinkId id) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  const auto connection = found->second;  // close() takes it out of the map
  connection->close();
}

void LinkServer::cut_agent(const AgentId& agent) {
  std::vector<LinkId> victims;
  for (const auto& [id, connection] : connections_) {
    if (connection->facts() && connection->facts()->agent == agent) victims.push_back(id);
  }
  for (const LinkId id : victims) cut(id);
}

void LinkServer::close_all() {
  const auto connections = connections_;
  for (const auto& [id, connection] : connections) connection->close();
}

void LinkServer::stop() {
  stopped_ = true;
  error_code ignored;  // the sockets are closed in any case
  for (const auto& listener : listeners_) {
    listener->acceptor.close(ignored);
    listener->pause.cancel();
  }
  close_all();
}

// ---- called by connections

void LinkServer::on_failed_handshake(const Endpoint& from) {
  admission_.on_failed(from, now());
}

void LinkServer::on_member(LinkId id, const AgentId& agent) {
  admission_.is_member(id);
  events_.on_member(id, agent);
}

void LinkServer::on_idle(LinkId id, bool idle) {
  admission_.set_idle(id, idle);
}

bool LinkServer::may_ask(const CatalogueRequest& request) {
  if (!request.agent) return enrol_rate_.take_token(now());
  if (rates_.size() >= kMaxRates && rates_.count(*request.agent) == 0) rates_.clear();
  const double rate = settings_.requests_per_second;
  return rates_.try_emplace(*request.agent, rate, rate).first->second.take_token(now());
}

std::optional<unsigned> LinkServer::on_request(const RequestTag& tag, WallTime certificate_end,
                                               CatalogueRequest request) {
  if (!request.agent && !enrolling_) return 403;  // enrolment was closed after the handshake
  if (!may_ask(request)) return 429;
  if (!events_.on_request(tag, certificate_end, std::move(request))) return 503;
  return std::nullopt;
}

bool LinkServer::take_answer_bytes(std::size_t bytes) {
  if (answer_bytes_ > 0 && bytes > 0 && answer_bytes_ + bytes > kMaxAnswerBytes) return false;
  answer_bytes_ += bytes;
  return true;
}

void LinkServer::give_answer_bytes(std::size_t bytes) {
  answer_bytes_ -= bytes;
}

void LinkServer::on_closed(LinkId id) {
  admission_.on_gone(id);
  connections_.erase(id);
}

}  // namespace larder::peer
