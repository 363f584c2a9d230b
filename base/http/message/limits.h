// Bounds on what a client may cost: of one request, of one connection, of one peer, of all. Zero means what the line
// says, nowhere "without a bound" but where it says so.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/runtime/clock.h"
#include "base/text/units.h"

namespace larder::http {

struct HttpLimits {
  // One request. What is larger is refused (413, 414, 431), and the connection ends.
  std::size_t head_bytes = 16 * kKiB;   // with the line of the request
  std::size_t target_bytes = 8 * kKiB;  // 414
  std::size_t fields = 100;
  std::uint64_t body_bytes = 4 * kMiB;
  std::size_t chunk_line_bytes = 256;  // the size of a chunk with its extensions
  std::size_t trailer_bytes = 4 * kKiB;
  bool host_required = true;    // of HTTP/1.1, which has to name one; false: on a socket that has no name
  std::size_t descriptors = 0;  // received with one request (SCM_RIGHTS); 0: none are taken

  // One connection.
  std::size_t parse_ahead = 16;         // requests that have no whole answer yet; 1: the next is read after the answer
  std::size_t held_answers = kMiB;      // bytes of answers that wait behind another; beyond it nothing is read ahead
  std::size_t read_bytes = 16 * kKiB;   // of one read, and of one piece of a request's body
  std::size_t linger_bytes = 8 * kMiB;  // thrown away before the end, so that the last answer arrives
  bool connect = false;                 // CONNECT reaches the handler, which may take the raw stream; else 501
  // Who ends its sending side is taken as gone: answers under way are dropped. Otherwise it is still answered.
  bool end_is_gone = false;

  // Time. A wait for this side (a reader that pauses, an answer that is being made) is nobody's fault and runs no
  // clock.
  Duration handshake = std::chrono::seconds(10);  // of TLS
  Duration first = std::chrono::seconds(10);      // until the first byte of a new connection
  Duration head = std::chrono::seconds(10);       // from its first byte to its end
  Duration body = std::chrono::seconds(60);       // without a byte of the body
  Duration idle = std::chrono::seconds(60);       // between requests
  Duration write = std::chrono::seconds(60);      // without the client taking a byte
  Duration linger = std::chrono::seconds(1);
  Duration request = Duration::zero();  // the whole request, from its first byte to the body's end; zero: not limited
  std::uint64_t least_rate = 0;         // bytes a second of a body, and of an answer; 0: not asked for
  Duration rate_window = std::chrono::seconds(30);  // over which the rate is measured
};

// Shared by all connections of a server. A peer is whom the user of the server takes for one: a user id, an address.
struct PeerLimits {
  std::size_t connections = 256;
  std::size_t reserve = 16;               // of `connections`, for privileged peers
  std::size_t connections_per_peer = 32;  // privileged peers are exempt
  std::size_t requests_per_peer = 64;     // being answered; further ones are not read until one has been
  // Read and not yet taken, and answers not yet sent. Beyond it nothing more is read from this peer; one read of each
  // of its connections may be on top.
  std::size_t bytes_per_peer = 4 * kMiB;
};

}  // namespace larder::http
