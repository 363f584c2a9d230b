// One client's connection: requests are read ahead, answers go out in their order, bodies stream both ways. Loop
// thread. It keeps itself alive while it is open, and its transport and timers call nothing after close().
#pragma once

#include <functional>
#include <memory>

#include "base/http/deadlines.h"
#include "base/http/exchange.h"
#include "base/http/message/limits.h"
#include "base/http/message/message.h"
#include "base/http/peer_book.h"
#include "base/http/transport.h"
#include "base/runtime/clock.h"

namespace larder::http {

// What the owner of a server does with the requests of one connection. One object is made for each connection, so it
// can hold the identity of that client. The connection owns it and destroys it with itself. The loop calls it, never
// within a call of an Exchange.
class ConnectionUser {
 public:
  virtual ~ConnectionUser() = default;
  // Before the first request, where the client has shown a certificate of an authority that the server knows.
  virtual void on_certificate(PeerCertificate certificate) { (void)certificate; }
  // A head has come; the body, where there is one, is asked for.
  virtual void on_request(std::shared_ptr<Exchange> exchange) = 0;
  // The answer to what the server refuses by itself.
  [[nodiscard]] virtual Response refusal(const Refusal& refusal) { return refusal_response(refusal); }
  // Called once for each final answer, also where the server itself refused the request, just before the head is sent.
  // Response::first_write runs later and may still replace the answer; that is not reported again.
  virtual void on_answered(int status) { (void)status; }
  // A clock that ran against the client has run out, and the connection closes or the request is refused.
  virtual void on_late(Wait wait) { (void)wait; }
  // False: no further request is begun, and it is asked again in 20 ms; the client's clocks run. `socket`:
  // Transport::plain_socket().
  [[nodiscard]] virtual bool may_begin(int socket) {
    (void)socket;
    return true;
  }
  // Before the socket is closed; who keeps `visit` has the connection go on counting. So do its exchanges, as long as
  // they have no answer.
  virtual void on_closing(int socket, SharedVisit visit) {
    (void)socket;
    (void)visit;
  }
};

struct ConnectionParts {
  std::shared_ptr<Transport> transport;
  std::unique_ptr<ConnectionUser> user;
  PeerBook::Visit visit;
  // These outlive it.
  Executor& executor;
  Timers& timers;
  const Clock& clock;
  const HttpLimits& limits;
};

class Connection {
 public:
  virtual ~Connection() = default;
  // `on_closed` comes once, when it is closed or its stream was handed over; it may come within close() and finish().
  virtual void start(std::function<void(Connection&)> on_closed) = 0;
  // No further request; closes at once where none is under way or an endless answer is, else after the last answer, and
  // at the latest after `within`.
  virtual void finish(Duration within) = 0;
  virtual void close() = 0;  // at once
};

[[nodiscard]] std::shared_ptr<Connection> make_connection(ConnectionParts parts);

}  // namespace larder::http
