// What the dialects know of the server and of the inbox that a request is for. Values; any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/text/units.h"

namespace larder::inbox {

struct WireSettings {
  // "https://inbox.example": in front of the paths that answers name. Empty: they name paths alone, and where a dialect
  // wants a whole URL, the request's own host with `scheme`.
  std::string base_url;
  std::string scheme = "http";              // of the listening socket
  std::vector<std::string> challenges;      // WWW-Authenticate, one field each: "Bearer", "Basic realm=\"inbox\""
  std::uint64_t max_size = 1024 * kGiB;     // of one upload
  std::optional<std::uint64_t> max_part;    // of one request's body; none: only max_size bounds it
  std::chrono::seconds retry_after{5};      // where nobody knows better
  std::optional<std::string> bits_host_id;  // BITS-Host-Id: pins a client to this node
  std::optional<std::chrono::seconds> bits_host_id_fallback;  // only with a host id; none: the client never goes back
  bool bits_empty_files = false;  // Close-Session of a session without a byte makes an empty file; else it deletes
};

}  // namespace larder::inbox
