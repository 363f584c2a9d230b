// One client's connection: consecutive HTTP/1.1 requests, each with its answer. Beast is in connection.cpp. Loop thread
// only. It keeps itself alive while it is open, and reports its end to its owner.
#pragma once

#include <memory>
#include <optional>

#include "agent/api/http/http_message.h"
#include "agent/api/http/server_limits.h"
#include "base/fair_places.h"
#include "base/io/unique_fd.h"
#include "base/runtime/clock.h"

namespace boost::asio {
class io_context;
}

namespace larder::agent {

struct Peer {  // the client
  Caller caller;
  bool local = true;
};

class Connection {
 public:
  virtual ~Connection() = default;
  virtual void start() = 0;
  virtual void finish() = 0;  // closes at once if idle or streaming events, else after the present answer
  virtual void close() = 0;   // at once
  [[nodiscard]] virtual const Peer& peer() const = 0;
};

// The server, as a connection needs it. It outlives the connection or has closed it.
class ConnectionOwner {
 public:
  virtual ~ConnectionOwner() = default;
  virtual void on_request(ApiRequest request, Responder respond) = 0;
  virtual void on_answered(int status) = 0;  // also for requests that the server itself refused
  // `untaken`: the socket, while the client has not taken all descriptors, which still count (`descriptors`); none: it
  // has.
  virtual void on_closed(Connection& connection, UniqueFd untaken, FairPlaces::Place descriptors) = 0;
  // Reserves memory for a body until the place ends; none: too many bodies are being read.
  [[nodiscard]] virtual std::optional<FairPlaces::Place> reserve_body(std::size_t bytes, const Peer& peer) = 0;
  // Admits descriptors until the client has taken them; none: too many are in flight.
  [[nodiscard]] virtual std::optional<FairPlaces::Place> admit_descriptors(std::size_t count, const Peer& peer) = 0;
};

// Creates a connection of a connected stream socket.
[[nodiscard]] std::shared_ptr<Connection> make_connection(boost::asio::io_context& context, Timers& timers,
                                                          UniqueFd socket, Peer peer, const ServerLimits& limits,
                                                          ConnectionOwner& owner);

}  // namespace larder::agent
