// HttpClient over libcurl multi on a thread of its own (curl_multi_poll and curl_multi_wakeup).
#pragma once

#include <memory>
#include <string>

#include "base/runtime/clock.h"
#include "origin/http/http_client.h"

namespace larder::origin {

struct CurlSettings {
  std::string user_agent;
  std::size_t max_connections_per_host = 16;
  std::size_t max_connections = 64;     // for one user; others have a reserve on top (origin_places.h)
  std::uint64_t least_rate = 8 * 1024;  // bytes/s: an exchange slower for a minute yields to another user; 0: none does
};

// Events are posted to `loop`. One client per process is enough. Its destructor ends all exchanges without events and
// joins the thread.
[[nodiscard]] Result<std::unique_ptr<HttpClient>> make_curl_client(const CurlSettings& settings, Executor& loop);

}  // namespace larder::origin
