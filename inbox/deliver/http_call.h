// One HTTP request to an application, by libcurl. Blocks until it is answered or has failed: threads that may wait.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "base/runtime/clock.h"
#include "inbox/deliver/http_rules.h"

namespace larder::inbox {

struct HttpTarget {
  std::string url;          // http or https, of the configuration; no other place is gone to
  std::string authorities;  // path of certificates in PEM that sign the server's; empty: the system's
  Duration timeout{};       // so long may pass without a byte in either direction, and so the answer take
  std::size_t max_reply = 0;
};

struct HttpCall {
  std::vector<std::string> fields;  // besides Content-Length and Content-Type
  int content = -1;  // a file to be sent as the body, from its begin on; owned by the caller. -1: no body
  std::uint64_t size = 0;
};

// `stop` is looked at about once a second, and ends the call as one without an answer. Neither redirects nor proxies of
// the environment are followed.
[[nodiscard]] CallAnswer call_application(const HttpTarget& target, const HttpCall& call,
                                          const std::atomic<bool>& stop);

// Before the first call, while there is one thread.
void prepare_calls();

}  // namespace larder::inbox
