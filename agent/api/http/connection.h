// Whom a connection of the API serves: requests are handed on whole, answers go out with their descriptors. The
// connection itself is base/http's. Loop thread only.
#pragma once

#include <memory>
#include <optional>

#include "agent/api/http/http_message.h"
#include "agent/api/http/server_limits.h"
#include "base/fair_places.h"
#include "base/http/connection.h"
#include "base/io/unique_fd.h"
#include "base/runtime/clock.h"

namespace larder::agent {

struct Peer {  // the client
  Caller caller;
  bool local = true;
};

// What a connection needs of the server; outlives it or has closed it.
class ConnectionOwner {
 public:
  virtual ~ConnectionOwner() = default;
  virtual void on_request(ApiRequest request, Responder respond) = 0;
  virtual void on_answered(int status) = 0;  // also for requests that the server itself refused
  // A connection that closes while its client has not taken its descriptors: they and it go on counting.
  virtual void on_untaken(UniqueFd socket, FairPlaces::Place descriptors, http::SharedVisit visit) = 0;
  // The memory for a body, until the place ends; none: too many are being read.
  [[nodiscard]] virtual std::optional<FairPlaces::Place> reserve_body(std::size_t bytes, const Peer& peer) = 0;
  // Admits descriptors until the client has taken them; none: too many are in flight.
  [[nodiscard]] virtual std::optional<FairPlaces::Place> admit_descriptors(std::size_t count, const Peer& peer) = 0;
};

[[nodiscard]] http::HttpLimits http_limits(const ServerLimits& limits);

[[nodiscard]] std::unique_ptr<http::ConnectionUser> make_connection_user(const Peer& peer, Timers& timers,
                                                                         ConnectionOwner& owner);

}  // namespace larder::agent
