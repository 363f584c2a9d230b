// Listening sockets and the connections that come by them. Whom a connection serves, and who is at its other end, its
// user says (ConnectionUser); the server holds it to the limits. Loop thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/http/connection.h"
#include "base/http/message/limits.h"
#include "base/http/tls.h"
#include "base/io/unique_fd.h"
#include "base/result.h"
#include "base/runtime/clock.h"

namespace boost::asio {
class io_context;
}

namespace larder::http {

// Of one connection that was accepted.
struct Admission {
  std::string peer;         // whose limits it counts to: a user id, an address
  bool privileged = false;  // has the reserve, and no limit of connections of its own
  std::unique_ptr<ConnectionUser> user;
  std::optional<std::size_t> connections = std::nullopt;  // of this peer, where it is not PeerLimits'
  std::string_view kind = "peer";                         // what it is called: "this peer has too many connections"
};

struct ServerFigures {
  std::size_t connections = 0;
  std::uint64_t refused = 0;  // connections, for want of room or by their user's word
};

class HttpServer {
 public:
  // Who is at the other end of `socket`, which stays the server's. An error: it is closed, and the log says why.
  using Admit = std::function<Result<Admission>(int socket)>;

  // What a server needs of the loop; all of it outlives the server.
  struct Around {
    boost::asio::io_context& context;
    Executor& executor;
    Timers& timers;
    const Clock& clock;
  };

  HttpServer(Around around, const HttpLimits& limits, const PeerLimits& peer_limits);
  ~HttpServer();  // closes everything at once
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // Accepts on a listening, non-blocking stream socket. `tls` null: plain.
  void listen(UniqueFd listening, Admit admit, std::shared_ptr<TlsContext> tls = nullptr);
  // For connections to come, of every socket that has TLS: a certificate was renewed.
  void use_certificate(const std::shared_ptr<TlsContext>& tls);
  // A connection that was accepted elsewhere; closed at once after stop().
  void serve(UniqueFd socket, const Admit& admit, const std::shared_ptr<TlsContext>& tls = nullptr);
  // No new connections; those that are there finish what they are about (Connection::finish). `done` comes once, later,
  // when the last has gone, at the latest after `within`; not where the server ends before.
  void stop(Duration within, Task done);

  [[nodiscard]] ServerFigures figures() const;
  [[nodiscard]] const PeerBook& peers() const;

 private:
  struct Parts;
  std::shared_ptr<Parts> parts_;
};

}  // namespace larder::http
