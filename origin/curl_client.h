// HttpClient over libcurl multi on a thread of its own (curl_multi_poll and curl_multi_wakeup).
#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "origin/http_client.h"

namespace larder::origin {

struct CurlSettings {
  std::string user_agent;
  std::size_t max_connections_per_host = 16;
  std::size_t max_connections = 64;
};

// Events are posted to `loop`. One per process is enough.
[[nodiscard]] Result<std::unique_ptr<HttpClient>> make_curl_client(const CurlSettings& settings, Executor& loop);

}  // namespace larder::origin
