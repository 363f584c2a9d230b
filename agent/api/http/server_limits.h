// Limits on the resources that clients of the API may use. What users share, connections and bodies_bytes, is counted
// in api_server.cpp; what binds one connection is in connection.cpp.
#pragma once

#include <cstddef>

#include "base/runtime/clock.h"
#include "base/text/units.h"

namespace larder::agent {

struct ServerLimits {
  std::size_t header_bytes = 16 * kKiB;
  std::size_t body_bytes = 4 * kMiB;     // of one request; a job of 1000 files needs about a quarter
  std::size_t bodies_bytes = 32 * kMiB;  // of one user's requests that are being read; others have a reserve on top
  std::size_t connections = 256;
  std::size_t connections_per_user = 32;  // of one account (Caller::account()); root and admins are exempt
  std::size_t reserve = 16;               // of `connections`, for root and admins
  std::size_t loopback_connections = 32;
  Duration read_timeout = std::chrono::seconds(10);  // for header and body, from the first byte (or the connection) on
  Duration idle_timeout = std::chrono::seconds(60);  // between requests
  // While an answer is sent, the client must accept at least one byte, and 64 KiB or all that is left, in each of
  // these.
  Duration write_timeout = std::chrono::seconds(60);
  // For the client to read the answer before the connection is closed.
  Duration linger = std::chrono::seconds(1);
};

}  // namespace larder::agent
