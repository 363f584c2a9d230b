#include "agent/api/http/api_server.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "agent/api/http/descriptors_in_flight.h"
#include "base/http/server.h"
#include "base/io/tcp_socket.h"
#include "base/io/unique_fd.h"
#include "base/io/unix_socket.h"

namespace larder::agent {
namespace {

constexpr Duration kStop = std::chrono::hours(24);  // the daemon has its own limit of time for a stop

http::PeerLimits peer_limits(const ServerLimits& limits) {
  http::PeerLimits peers;
  peers.connections = limits.connections;
  peers.reserve = limits.reserve;
  peers.connections_per_peer = limits.connections_per_user;
  // Bounds of the API's own stand before these: one request at a time, bodies by ServerLimits::bodies_bytes.
  peers.requests_per_peer = limits.connections;
  peers.bytes_per_peer = SIZE_MAX;
  return peers;
}

}  // namespace

struct ApiServer::Parts final : ConnectionOwner {
  Parts(Loop& the_loop, ServerSettings the_settings, CallerOf the_caller_of, Handler the_handler)
      : loop(the_loop),
        settings(std::move(the_settings)),
        caller_of(std::move(the_caller_of)),
        handler(std::move(the_handler)) {}

  Result<http::Admission> admit_local(int socket) {
    const auto user = peer_user_id(socket);
    if (!user) return fail(ErrorCode::permission_denied, "serve a connection", "the caller is not known");
    const Peer peer{caller_of(*user), true};
    return http::Admission{fmt::format("user {}", peer.caller.account()), peer.caller.admin,
                           make_connection_user(peer, loop, *this), std::nullopt, "user"};
  }

  Result<http::Admission> admit_loopback(int) {
    const Peer peer{Caller{static_cast<uid_t>(-1), false}, false};
    return http::Admission{"loopback", false, make_connection_user(peer, loop, *this),
                           settings.limits.loopback_connections, "port"};
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
  void on_untaken(UniqueFd socket, FairPlaces::Place descriptors, http::SharedVisit visit) override {
    in_flight.keep(std::move(socket), std::move(descriptors), std::move(visit));
  }
  std::optional<FairPlaces::Place> reserve_body(std::size_t bytes, const Peer& peer) override {
    const Owner account = peer.caller.account();
    if (!peer.caller.admin && !bodies.may_take(account, bytes)) return std::nullopt;
    return bodies.take_places(account, bytes);
  }
  std::optional<FairPlaces::Place> admit_descriptors(std::size_t count, const Peer& peer) override {
    return in_flight.admit(peer.caller.account(), count);
  }

  void listen(UniqueFd socket, Result<http::Admission> (Parts::*admit)(int)) {
    server.listen(std::move(socket), [this, admit](int accepted) { return (this->*admit)(accepted); });
  }

  Status start_loopback() {
    bool any = false;
    for (const int family : {AF_INET, AF_INET6}) {
      // Both families use the port that the first one got.
      auto socket = listen_tcp(family == AF_INET ? "127.0.0.1" : "::1", port != 0 ? port : *settings.http_port);
      if (!socket && socket.error().code == ErrorCode::not_found) continue;
      if (!socket) return tl::unexpected<Error>(socket.error());
      port = local_port(socket->get());
      listen(std::move(*socket), &Parts::admit_loopback);
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
  FairPlaces bodies = FairPlaces::with_reserve(settings.limits.bodies_bytes);
  DescriptorsInFlight in_flight{loop, DescriptorsInFlight::limit_of_process()};
  std::uint16_t port = 0;
  ServerFigures figures;
  http::HttpServer server{
      {loop.context(), loop, loop, loop}, http_limits(settings.limits), peer_limits(settings.limits)};
};

ApiServer::ApiServer(Loop& loop, ServerSettings settings, CallerOf caller_of, Handler handler)
    : parts_(std::make_unique<Parts>(loop, std::move(settings), std::move(caller_of), std::move(handler))) {
  parts_->figures.last_request = loop.now();
}

ApiServer::~ApiServer() = default;

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
  parts_->listen(std::move(copy), &Parts::admit_local);
  return parts_->settings.http_port ? parts_->start_loopback() : Status{};
}

void ApiServer::stop() {
  if (parts_->listener) parts_->listener->close();
  parts_->server.stop(kStop, [] {});
}

ServerFigures ApiServer::figures() const {
  ServerFigures figures = parts_->figures;
  const http::ServerFigures served = parts_->server.figures();
  figures.connections = served.connections;
  figures.refused = served.refused;
  return figures;
}

std::uint16_t ApiServer::http_port() const {
  return parts_->port;
}

}  // namespace larder::agent
