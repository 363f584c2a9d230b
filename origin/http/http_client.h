// One HTTP exchange. The seam between the rules of origin/ and libcurl; tests put a scripted client in its place.
// Loop thread only; events on the loop thread. CurlClient (curl_client.h) runs libcurl multi on a thread of its own.
// Redirects are not followed here: origin/origin.cpp decides on each.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/hash/buffer.h"
#include "base/result.h"
#include "base/runtime/clock.h"
#include "base/unique_function.h"
#include "origin/http/claim.h"
#include "origin/url/url.h"

namespace larder::origin {

using Header = std::pair<std::string, std::string>;

// How to reach an origin on behalf of one job. Secrets are never logged, never in argv, never in error texts.
struct ConnectOptions {
  std::vector<Header> headers;  // of the caller; given_headers.h says which are refused
  std::string user, password;   // for the origin, in answer to any scheme that curl speaks
  std::string proxy;            // URL; empty: environment; "none": no proxy
  std::string proxy_user, proxy_password;
  std::string ca_certificates;     // PEM text (authorities.h), in place of the system's
  std::string client_certificate;  // PEM text, certificate (chain)
  std::string client_key;          // PEM text
  std::string client_key_password;
  enum class Http { any, http1_0, http1_1, http2 } http = Http::any;
  Duration connect_timeout = std::chrono::seconds(30);
  // So long without progress is no_progress. Progress is the final head, and each byte of the file; not interim answers
  // (1xx), lines of a head or trailer, or the body of a redirect or an error, which a server could send for ever.
  Duration stall_timeout = std::chrono::seconds(60);
  // The job's own values where they are not the configured ones: what comes this way is for that job alone
  // (sharing_rules.h).
  bool callers_proxy = false;
  bool callers_authorities = false;

  // Credentials or cookies in the request make the answer private (docs/decisions/0030-what-is-shared.md).
  [[nodiscard]] bool has_credentials() const;
};

// Bounds, refused headers, control characters: invalid_argument naming the culprit, never its value.
[[nodiscard]] Status check_connect_options(const ConnectOptions& options);
// Headers that are credentials by their name: Authorization, Cookie, and home-made ones such as X-Api-Key.
[[nodiscard]] bool names_secret(std::string_view header_name);

// Requests that go at most so many at a time; the others of the same lane wait in order.
struct Lane {
  unsigned most = 1;
};

struct HttpRequest {
  Url url;
  bool head = false;
  std::vector<Header> headers;  // what the rules add: Range, If-Range, Cache-Control, Want-Repr-Digest
  std::shared_ptr<const ConnectOptions> options;
  std::shared_ptr<const UrlPolicy> policy;  // for check_address
  std::shared_ptr<const Lane> lane;         // null: none
  std::shared_ptr<const Claim> claim;       // for whom; null: root
  bool redirected = false;                  // by a host outside: check_address
  std::uint64_t max_rate = 0;               // bytes/s, 0 = unlimited
  // From the request to the final head; zero, or longer than the stall time-out: that.
  Duration answer_within{};
};

struct HttpHead {
  int status = 0;
  int version = 11;             // 9, 10, 11, 20
  std::vector<Header> headers;  // names in lower case, values trimmed; at most 64 KiB in all
  bool via_proxy = false;       // that sees the exchange; not one that only tunnels TLS
  std::string address;          // numeric, that was connected to; empty: a proxy's, or not known
  [[nodiscard]] const std::string* find(std::string_view name) const;  // the last of that name
};

class HttpEvents {
 public:
  virtual ~HttpEvents() = default;
  virtual void on_head(const HttpHead& head) = 0;  // once, final response (no 1xx)
  virtual void on_data(Buffer bytes) = 0;          // up to 256 KiB each
  virtual void on_done(Status status) = 0;         // once, last; not after cancel
};

using HttpId = std::uint64_t;

class HttpClient {
 public:
  virtual ~HttpClient() = default;
  virtual HttpId start(HttpRequest request, std::shared_ptr<HttpEvents> events) = 0;
  virtual void cancel(HttpId id) = 0;  // no event follows
  // Back-pressure: at most kWindow bytes are delivered beyond what was consumed.
  static constexpr std::size_t kWindow = 4 * 1024 * 1024;
  virtual void consumed(HttpId id, std::size_t bytes) = 0;
  virtual void set_rate(HttpId id, std::uint64_t bytes_per_second) = 0;
  virtual void set_total_rate(std::uint64_t bytes_per_second) = 0;  // all exchanges together; 0 = unlimited
  // The addresses or routes of this machine have changed: what begins from now on takes no older connection, and an
  // exchange whose connection comes from an address that is gone begins anew, or ends at once (connection_lost) where
  // the head of its answer has come.
  virtual void network_changed() {}
  // Has `answer` called on the client's own thread when its turn comes: a watchdog's question.
  virtual void ask(UniqueFunction<void()> answer) { answer(); }
};

}  // namespace larder::origin
