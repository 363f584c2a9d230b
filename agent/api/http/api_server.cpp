#include "agent/api/http/api_server.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cerrno>
#include <cstring>
#include <list>
#include <unordered_map>

#include "agent/api/http/descriptors_in_flight.h"
#include "agent/api/http/unix_socket.h"
#include "base/io/log.h"
#include "base/io/unique_fd.h"

namespace larder::agent {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

constexpr int kAcceptsPerTurn = 64;  // a flood of connections must leave turns to others
// When out of descriptors: some may be closed meanwhile.
constexpr Duration kAcceptPause = std::chrono::milliseconds(100);

// Accepts connections and passes their sockets on.
class Acceptor : public std::enable_shared_from_this<Acceptor> {
 public:
  Acceptor(Loop& loop, UniqueFd socket, std::function<void(UniqueFd)> on_accept)
      : loop_(loop), socket_(loop.context(), socket.release()), on_accept_(std::move(on_accept)) {}

  void wait() {
    socket_.async_wait(asio::posix::stream_descriptor::wait_read, [weak = weak_from_this()](error_code error) {
      const auto self = weak.lock();
      if (self && !error) self->accept_some();
    });
  }
  void close() {
    on_accept_ = nullptr;
    error_code ignored;
    socket_.close(ignored);
  }

 private:
  void accept_some() {
    for (int i = 0; i < kAcceptsPerTurn; ++i) {
      UniqueFd accepted(::accept4(socket_.native_handle(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
      if (accepted) {
        on_accept_(std::move(accepted));
        continue;
      }
      if (errno == EINTR || errno == ECONNABORTED) continue;
      if (errno == EAGAIN || errno == EWOULDBLOCK) break;
      log::warn("connection not accepted error=\"{}\"", std::strerror(errno));
      loop_.after(kAcceptPause, [weak = weak_from_this()] {
        if (const auto self = weak.lock(); self && self->on_accept_) self->wait();
      });
      return;
    }
    wait();
  }

  Loop& loop_;
  asio::posix::stream_descriptor socket_;
  std::function<void(UniqueFd)> on_accept_;
};

}  // namespace

struct ApiServer::Parts final : ConnectionOwner {
  Parts(Loop& the_loop, ServerSettings the_settings, CallerOf the_caller_of, Handler the_handler)
      : loop(the_loop),
        settings(std::move(the_settings)),
        caller_of(std::move(the_caller_of)),
        handler(std::move(the_handler)) {}

  void accepted_local(UniqueFd socket) {
    const auto user = peer_user_id(socket.get());
    if (!user) return refuse(socket, "the caller is not known");
    const Peer peer{caller_of(*user), true};
    const ServerLimits& limits = settings.limits;
    const std::size_t room = limits.connections - (peer.caller.admin ? 0 : limits.reserve);
    if (local.held() + loopback >= room) return refuse(socket, "the agent has too many connections");
    if (!peer.caller.admin && local.held(peer.caller.account()) >= limits.connections_per_user)
      return refuse(socket, "this user has too many connections");
    add(std::move(socket), peer);
  }

  void accepted_loopback(UniqueFd socket) {
    if (loopback >= settings.limits.loopback_connections ||
        local.held() + loopback >= settings.limits.connections - settings.limits.reserve)
      return refuse(socket, "the agent has too many connections");
    add(std::move(socket), {Caller{static_cast<uid_t>(-1), false}, false});
  }

  void add(UniqueFd socket, const Peer& peer) {
    auto connection = make_connection(loop.context(), loop, std::move(socket), peer, settings.limits, *this);
    Open open{connection, {}};
    if (peer.local) {
      open.place = local.take_places(peer.caller.account());
    } else {
      ++loopback;
    }
    connections.emplace(connection.get(), std::move(open));
    figures.connections = connections.size();
    connection->start();
  }

  // Tries once to send the reason; a client that cannot take it at once sees only the end.
  void refuse(const UniqueFd& socket, const std::string& why) {
    ++figures.refused;
    ++figures.answers[503];
    const ApiResponse response =
        error_response({ErrorCode::busy, "serve this connection", why + "; try again", std::chrono::seconds(1)});
    const std::string text = fmt::format(
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: {}\r\nRetry-After: 1\r\n"
        "Connection: close\r\n\r\n{}",
        response.body.size(), response.body);
    (void)::send(socket.get(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  }

  // --- ConnectionOwner

  void on_request(ApiRequest request, Responder respond) override {
    figures.last_request = loop.now();
    handler(std::move(request), std::move(respond));
  }
  void on_answered(int status) override {
    figures.last_request = loop.now();
    ++figures.answers[status];
  }
  void on_closed(Connection& connection, UniqueFd untaken, FairPlaces::Place descriptors) override {
    const auto found = connections.find(&connection);
    Open open = std::move(found->second);
    connections.erase(found);
    figures.connections = connections.size();
    if (!connection.peer().local) --loopback;
    if (untaken) in_flight.keep(std::move(untaken), std::move(descriptors), std::move(open.place));
  }
  std::optional<FairPlaces::Place> reserve_body(std::size_t bytes, const Peer& peer) override {
    const Owner account = peer.caller.account();
    if (!peer.caller.admin && !bodies.may_take(account, bytes)) return std::nullopt;
    return bodies.take_places(account, bytes);
  }
  std::optional<FairPlaces::Place> admit_descriptors(std::size_t count, const Peer& peer) override {
    return in_flight.admit(peer.caller.account(), count);
  }

  [[nodiscard]] std::vector<std::shared_ptr<Connection>> all() const {
    std::vector<std::shared_ptr<Connection>> list;
    for (const auto& [key, open] : connections) list.push_back(open.connection);
    return list;
  }

  void listen(UniqueFd socket, void (Parts::*accepted)(UniqueFd)) {
    acceptors.push_back(std::make_shared<Acceptor>(
        loop, std::move(socket), [this, accepted](UniqueFd fd) { (this->*accepted)(std::move(fd)); }));
    acceptors.back()->wait();
  }

  Status start_loopback() {
    bool any = false;
    for (const int family : {AF_INET, AF_INET6}) {
      // Both families use the port that the first one got.
      auto socket = listen_loopback(family, port != 0 ? port : *settings.http_port);
      if (!socket && socket.error().code == ErrorCode::not_found) continue;
      if (!socket) return tl::unexpected<Error>(socket.error());
      port = local_port(socket->get());
      listen(std::move(*socket), &Parts::accepted_loopback);
      any = true;
    }
    if (any) return {};
    return fail(ErrorCode::connect_failed, fmt::format("listen on port {}", *settings.http_port),
                "there is no loopback address");
  }

  Loop& loop;
  const ServerSettings settings;
  const CallerOf caller_of;
  const Handler handler;
  std::optional<UnixListener> listener;
  std::list<std::shared_ptr<Acceptor>> acceptors;
  FairPlaces local{SIZE_MAX};  // connections by user, counted only: the limits are in ServerLimits
  FairPlaces bodies = FairPlaces::with_reserve(settings.limits.bodies_bytes);
  DescriptorsInFlight in_flight{loop, DescriptorsInFlight::limit_of_process()};
  struct Open {
    std::shared_ptr<Connection> connection;
    FairPlaces::Place place;  // of `local`
  };
  std::unordered_map<Connection*, Open> connections;
  std::size_t loopback = 0;
  std::uint16_t port = 0;
  ServerFigures figures;
};

ApiServer::ApiServer(Loop& loop, ServerSettings settings, CallerOf caller_of, Handler handler)
    : parts_(std::make_unique<Parts>(loop, std::move(settings), std::move(caller_of), std::move(handler))) {
  parts_->figures.last_request = loop.now();
}

ApiServer::~ApiServer() {
  for (const auto& acceptor : parts_->acceptors) acceptor->close();
  for (const auto& connection : parts_->all()) connection->close();
}

Status ApiServer::start() {
  const ServerSettings& settings = parts_->settings;
  auto listener = settings.passed_socket ? UnixListener::adopt(UniqueFd(*settings.passed_socket), settings.socket_path,
                                                               settings.socket_mode)
                                         : UnixListener::open(settings.socket_path, settings.socket_mode);
  if (!listener) return tl::unexpected<Error>(listener.error());
  parts_->listener.emplace(std::move(*listener));
  // The acceptor gets a descriptor of its own; the listener keeps the path.
  UniqueFd copy(::fcntl(parts_->listener->descriptor(), F_DUPFD_CLOEXEC, 0));
  if (!copy) return fail(ErrorCode::internal, "listen on " + parts_->settings.socket_path, std::strerror(errno));
  parts_->listen(std::move(copy), &Parts::accepted_local);
  return parts_->settings.http_port ? parts_->start_loopback() : Status{};
}

void ApiServer::stop() {
  for (const auto& acceptor : parts_->acceptors) acceptor->close();
  parts_->acceptors.clear();
  if (parts_->listener) parts_->listener->close();
  for (const auto& connection : parts_->all()) connection->finish();
}

const ServerFigures& ApiServer::figures() const {
  return parts_->figures;
}

std::uint16_t ApiServer::http_port() const {
  return parts_->port;
}

}  // namespace larder::agent
