#include "base/http/server.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cerrno>
#include <cstring>
#include <list>
#include <unordered_map>
#include <vector>

#include "base/http/message/response_writer.h"
#include "base/io/log.h"

namespace larder::http {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

constexpr int kAcceptsPerTurn = 64;  // so that a flood of connections leaves the loop to others in between
constexpr Duration kAcceptPause = std::chrono::milliseconds(100);  // out of descriptors: until some are closed

// Hands accepted sockets on.
class Acceptor : public std::enable_shared_from_this<Acceptor> {
 public:
  Acceptor(asio::io_context& context, Timers& timers, UniqueFd socket, std::function<void(UniqueFd)> on_accept)
      : timers_(timers), socket_(context, socket.release()), on_accept_(std::move(on_accept)) {}

  void wait() {
    socket_.async_wait(asio::posix::stream_descriptor::wait_read, [weak = weak_from_this()](error_code error) {
      const auto self = weak.lock();
      if (self && !error) self->accept_some();
    });
  }
  // It may be within on_accept_, which therefore lasts as long as the acceptor does.
  void close() {
    closed_ = true;
    error_code ignored;
    socket_.close(ignored);
  }

 private:
  void accept_some() {
    for (int i = 0; i < kAcceptsPerTurn && !closed_; ++i) {
      UniqueFd accepted(::accept4(socket_.native_handle(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
      if (accepted) {
        on_accept_(std::move(accepted));
        continue;
      }
      if (errno == EINTR || errno == ECONNABORTED) continue;
      if (errno == EAGAIN || errno == EWOULDBLOCK) break;
      log::warn("connection not accepted error=\"{}\"", std::strerror(errno));
      timers_.after(kAcceptPause, [weak = weak_from_this()] {
        if (const auto self = weak.lock(); self && !self->closed_) self->wait();
      });
      return;
    }
    if (!closed_) wait();
  }

  Timers& timers_;
  asio::posix::stream_descriptor socket_;
  const std::function<void(UniqueFd)> on_accept_;
  bool closed_ = false;
};

// One try to say why; a client that cannot take it at once only sees the end.
void say_busy(int socket, ConnectionUser& user, const std::string& why) {
  Response response =
      user.refusal({503, {ErrorCode::busy, "serve this connection", why + "; try again", std::chrono::seconds(1)}});
  response.close = true;
  const auto head = write_head(response.status, response.fields, form_of(response, nullptr, false));
  user.on_answered(response.status);
  if (!head) return;
  const std::string text = *head + response.body;
  (void)::send(socket, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

}  // namespace

struct HttpServer::Parts : std::enable_shared_from_this<HttpServer::Parts> {
  Parts(Around the_around, const HttpLimits& the_limits, const PeerLimits& peer_limits)
      : around(the_around), limits(the_limits), peers(peer_limits) {}

  void accepted(UniqueFd socket, const Admit& admit, const std::shared_ptr<TlsContext>& tls) {
    if (stopped) return;
    auto admission = admit(socket.get());
    if (stopped) return;
    if (!admission) {
      ++refused;
      return log::info("connection refused error=\"{}\"", admission.error().text());
    }
    const auto refuses = peers.refuses(admission->peer, admission->privileged, admission->connections);
    if (refuses != PeerBook::Refused::no) {
      ++refused;
      const std::string_view who = refuses == PeerBook::Refused::too_many ? "server" : admission->kind;
      if (!tls) say_busy(socket.get(), *admission->user, fmt::format("this {} has too many connections", who));
      return;
    }
    add(std::move(socket), std::move(*admission), tls);
  }

  void add(UniqueFd socket, Admission admission, const std::shared_ptr<TlsContext>& tls) {
    const int on = 1;  // fails on a Unix socket, which does not wait for more to send
    (void)::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    auto transport = tls ? make_tls_transport(around.context, std::move(socket), tls)
                         : make_plain_transport(around.context, std::move(socket), limits.descriptors);
    auto connection = make_connection({std::move(transport), std::move(admission.user),
                                       peers.enter(admission.peer, admission.privileged), around.executor,
                                       around.timers, around.clock, limits});
    connections.emplace(connection.get(), connection);
    connection->start([weak = weak_from_this()](Connection& closed) {
      const auto self = weak.lock();
      if (!self) return;
      self->connections.erase(&closed);
      self->look_whether_done();
    });
  }

  void look_whether_done() {
    if (!on_done || !connections.empty()) return;
    around.executor.post([weak = weak_from_this()] {
      const auto self = weak.lock();
      if (!self || !self->on_done) return;
      auto done = std::exchange(self->on_done, nullptr);
      done();
    });
  }

  [[nodiscard]] std::vector<std::shared_ptr<Connection>> all() const {
    std::vector<std::shared_ptr<Connection>> list;
    for (const auto& [key, connection] : connections) list.push_back(connection);
    return list;
  }

  void close_acceptors() {
    for (const auto& acceptor : acceptors) acceptor->close();
    acceptors.clear();
  }

  const Around around;
  const HttpLimits limits;
  PeerBook peers;
  std::list<std::shared_ptr<Acceptor>> acceptors;
  std::list<std::shared_ptr<TlsContext>> certificates;  // of the sockets with TLS
  std::unordered_map<Connection*, std::shared_ptr<Connection>> connections;
  std::uint64_t refused = 0;
  bool stopped = false;
  Task on_done;
};

HttpServer::HttpServer(Around around, const HttpLimits& limits, const PeerLimits& peer_limits)
    : parts_(std::make_shared<Parts>(around, limits, peer_limits)) {}

HttpServer::~HttpServer() {
  parts_->stopped = true;
  parts_->on_done = nullptr;
  parts_->close_acceptors();
  for (const auto& connection : parts_->all()) connection->close();
}

void HttpServer::listen(UniqueFd listening, Admit admit, std::shared_ptr<TlsContext> tls) {
  std::shared_ptr<TlsContext>* certificate = nullptr;
  if (tls) certificate = &parts_->certificates.emplace_back(std::move(tls));
  parts_->acceptors.push_back(std::make_shared<Acceptor>(
      parts_->around.context, parts_->around.timers, std::move(listening),
      [weak = parts_->weak_from_this(), admit = std::move(admit), certificate](UniqueFd socket) {
        const auto parts = weak.lock();
        if (parts) parts->accepted(std::move(socket), admit, certificate ? *certificate : nullptr);
      }));
  parts_->acceptors.back()->wait();
}

void HttpServer::use_certificate(const std::shared_ptr<TlsContext>& tls) {
  for (auto& certificate : parts_->certificates) certificate = tls;
}

void HttpServer::serve(UniqueFd socket, const Admit& admit, const std::shared_ptr<TlsContext>& tls) {
  parts_->accepted(std::move(socket), admit, tls);
}

void HttpServer::stop(Duration within, Task done) {
  parts_->stopped = true;
  parts_->close_acceptors();
  parts_->on_done = std::move(done);
  for (const auto& connection : parts_->all()) connection->finish(within);
  parts_->look_whether_done();
}

ServerFigures HttpServer::figures() const {
  return {parts_->connections.size(), parts_->refused};
}

const PeerBook& HttpServer::peers() const {
  return parts_->peers;
}

}  // namespace larder::http
