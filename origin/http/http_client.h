// HTTP exchanges: the seam between the rules of origin/ and libcurl; tests put a scripted client in its place.
// Thread: loop thread only; events come on the loop thread. CurlClient (curl_client.h) runs libcurl multi on a thread
// of its own. It posts events, so none comes within a call; an event may cancel, or destroy the client. Redirects are
// not followed here: origin_request.cpp decides on each.
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
  std::vector<Header> headers;  // the caller's; given_headers.h says which are refused
  std::string user, password;   // for the origin, in answer to any scheme that curl speaks
  std::string proxy;            // URL; empty: environment; "none": no proxy
  std::string proxy_user, proxy_password;
  std::string ca_certificates;     // PEM text (authorities.h), replaces the system's authorities
  std::string client_certificate;  // PEM text, certificate (chain)
  std::string client_key;          // PEM text
  std::string client_key_password;
  enum class Http { any, http1_0, http1_1, http2 } http = Http::any;
  Duration connect_timeout = std::chrono::seconds(30);
  // Longest time without progress; then the exchange ends with no_progress. Progress is the final head and each byte of
  // the file, but not interim answers (1xx), lines of a head or trailer, or the body of a redirect or an error: a
  // server could send those for ever.
  Duration stall_timeout = std::chrono::seconds(60);
  // True if the job named a proxy or authorities other than the configured ones: the answer is private to that job
  // (sharing_rules.h).
  bool callers_proxy = false;
  bool callers_authorities = false;

  // Credentials or cookies in the request make the answer private (docs/decisions/0030-what-is-shared.md).
  [[nodiscard]] bool has_credentials() const;
};

// Checks bounds, refused headers and control characters. Error: invalid_argument, which names the option or header,
// never its value.
[[nodiscard]] Status check_connect_options(const ConnectOptions& options);
// Returns whether a header is a credential by its name: Authorization, Cookie, and custom ones such as X-Api-Key.
[[nodiscard]] bool names_secret(std::string_view header_name);

// A group of requests with at most `most` in flight; the others wait for a place.
struct Lane {
  unsigned most = 1;
};

struct HttpRequest {
  Url url;
  bool head = false;
  // Of an upload (RFC 9110, section 9): any method, or empty for a download's GET or HEAD. It is sent over HTTP/1.1
  // with a Content-Length and without Expect; credentials go at once, as Basic, since a body cannot be sent a second
  // time. The stall time counts while bytes are sent; after the last one the answer may take `answer_within`, if that
  // is longer.
  std::string method;
  std::uint64_t body_length = 0;  // bytes that HttpClient::send() will be given; 0 where there is no body
  std::vector<Header> headers;    // added by the rules: Range, If-Range, Cache-Control, Want-Repr-Digest
  std::shared_ptr<const ConnectOptions> options;
  std::shared_ptr<const UrlPolicy> policy;  // for check_address
  std::shared_ptr<const Lane> lane;         // null: none
  std::shared_ptr<const Claim> claim;       // the users who want it; null: root
  bool redirected = false;                  // a host outside redirected here (check_address)
  std::uint64_t max_rate = 0;               // bytes/s, 0 = unlimited
  // Longest time from the request to the final head. Of a download: zero, or longer than stall_timeout: stall_timeout
  // applies.
  Duration answer_within{};
};

struct HttpHead {
  int status = 0;
  int version = 11;             // 10, 11, 20, 30
  std::vector<Header> headers;  // names in lower case, values trimmed; at most 64 KiB in all
  bool via_proxy = false;       // through a proxy that sees the exchange, not one that only tunnels TLS
  std::string address;          // numeric address of the host; empty: through a proxy, or not known
  [[nodiscard]] const std::string* find_field(std::string_view name) const;  // the last field of that name, or null
};

class HttpEvents {
 public:
  virtual ~HttpEvents() = default;
  virtual void on_head(const HttpHead& head) = 0;  // at most once, final response (no 1xx)
  virtual void on_data(Buffer bytes) = 0;          // up to 256 KiB each
  // So many more bytes of the request's body were given to the connection; they need not have arrived.
  virtual void on_sent(std::size_t /*bytes*/) {}
  virtual void on_done(Status status) = 0;  // once, last; not after cancel
};

using HttpId = std::uint64_t;

class HttpClient {
 public:
  virtual ~HttpClient() = default;
  virtual HttpId start(HttpRequest request, std::shared_ptr<HttpEvents> events) = 0;
  virtual void cancel(HttpId id) = 0;  // no event follows
  // Back-pressure: at most kWindow bytes are delivered and not yet consumed; then the exchange pauses.
  static constexpr std::size_t kWindow = 4 * 1024 * 1024;
  virtual void consumed(HttpId id, std::size_t bytes) = 0;
  // The next bytes of the request's body, HttpRequest::body_length in all. The caller keeps at most kWindow between
  // what it gave here and what on_sent() told. An exchange that waits for bytes does not stall.
  virtual void send(HttpId id, Buffer bytes) = 0;
  // Of what is sent, where the request has a body; else of what is received.
  virtual void set_rate(HttpId id, std::uint64_t bytes_per_second) = 0;
  virtual void set_total_rate(
      std::uint64_t bytes_per_second) = 0;  // all exchanges together, both directions; 0 = unlimited
  // To be called when the addresses or routes of this machine have changed. Later exchanges use no older connection. An
  // exchange without an answer on an older connection begins anew. An exchange whose connection comes from an address
  // that is gone ends at once (connection_lost) if the head of its answer has come.
  virtual void network_changed() {}
  // Queues `answer` to be called on the client's own thread; a watchdog sees by it whether that thread still runs.
  virtual void ask_thread(UniqueFunction<void()> answer) { answer(); }
};

}  // namespace larder::origin
