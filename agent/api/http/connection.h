// One client's connection: HTTP/1.1 requests one after another, each with its answer. Beast is in connection.cpp.
// Loop thread only. It keeps itself alive while it is open and tells its owner when it is closed.
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

struct Peer {  // who is at the other end
  Caller caller;
  bool local = true;
};

class Connection {
 public:
  virtual ~Connection() = default;
  virtual void start() = 0;
  virtual void finish() = 0;  // closes now if idle or streaming events, else after the answer that is under way
  virtual void close() = 0;   // at once
  [[nodiscard]] virtual const Peer& peer() const = 0;
};

// What a connection needs of the server; outlives it or has closed it.
class ConnectionOwner {
 public:
  virtual ~ConnectionOwner() = default;
  virtual void on_request(ApiRequest request, Responder respond) = 0;
  virtual void on_answered(int status) = 0;  // also for requests that the server itself refused
  // `untaken`: its socket and the descriptors that the client has not taken, which go on counting; none: it has all.
  virtual void on_closed(Connection& connection, UniqueFd untaken, FairPlaces::Place descriptors) = 0;
  // The memory for a body, until the place ends; none: too many are being read.
  [[nodiscard]] virtual std::optional<FairPlaces::Place> reserve_body(std::size_t bytes, const Peer& peer) = 0;
  // Until they are taken; none: too many are on their way.
  [[nodiscard]] virtual std::optional<FairPlaces::Place> admit_descriptors(std::size_t count, const Peer& peer) = 0;
};

// Of a connected stream socket.
[[nodiscard]] std::shared_ptr<Connection> make_connection(boost::asio::io_context& context, Timers& timers,
                                                          UniqueFd socket, Peer peer, const ServerLimits& limits,
                                                          ConnectionOwner& owner);

}  // namespace larder::agent
