// The catalogue's transport (docs/formats/catalogue.md, Connection): HTTP/1.1 over TLS 1.3 with both certificates.
// Server and client; a thread of its own does TLS and HTTP, requests and answers are handed over on the loop thread.
// Owned by main.
//
// Who has no certificate of the group gets no further than the handshake, but for enrolment (`enrolling`), while an
// invitation is open. Bounded: connections (all, and per address), handshakes under way and their time, request size,
// requests a second per agent, body sizes, time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/hash/buffer.h"
#include "base/result.h"
#include "base/runtime/clock.h"
#include "base/runtime/loop.h"
#include "peer/common/endpoint.h"
#include "peer/group/keys.h"

namespace larder::peer {

struct LinkCredentials {
  std::string authority_pem;
  std::string certificate_pem;  // empty for a client that enrols
  std::string private_key_pem;
};

struct CatalogueRequest {
  std::optional<AgentId> agent;  // by its certificate; none only for the enrolment path
  Endpoint from;
  std::string method;  // GET or POST
  std::string path;    // without the query
  std::string query;   // after the "?", undecoded
  std::vector<std::byte> body;
};

struct CatalogueResponse {
  unsigned status = 200;
  std::vector<std::byte> body;  // application/octet-stream
  // Of an answer by the server: let go, on any thread, once the body is written or nobody waits for it any more.
  std::shared_ptr<void> until_written = nullptr;
};

using CatalogueHandler = std::function<void(CatalogueRequest, UniqueFunction<void(CatalogueResponse)>)>;

struct LinkSettings {
  std::vector<std::string> listen;  // numeric addresses; empty: all (IPv4 and IPv6)
  std::uint16_t port = 7475;        // 0: any
  std::size_t max_connections = 256;
  std::size_t max_connections_per_address = 32;
  std::size_t max_handshakes = 64;  // under way; beyond, the oldest is cut
  Duration handshake_timeout = std::chrono::seconds(3);
  Duration request_timeout = std::chrono::seconds(10);
  Duration idle_timeout = std::chrono::seconds(60);
  std::size_t max_request_body = 64 * 1024;
  double requests_per_second = 200;  // per agent, burst as many
};

struct CatalogueCall {
  Endpoint to;
  AgentId agent{};  // who must answer there: another certificate is certificate_rejected. All zero: anyone of the group
  std::string method = "GET";
  std::string target;  // path and query
  std::vector<std::byte> body;
  std::size_t max_answer = 16 * 1024 * 1024;
  Duration timeout = std::chrono::seconds(3);
  bool any_status = false;  // a refusal is an answer, not an error: for callers that act on its status or body
};

using CallId = std::uint64_t;

class CatalogueLink {
 public:
  virtual ~CatalogueLink() = default;
  [[nodiscard]] virtual std::uint16_t port() const = 0;
  // Connections under other certificates end.
  virtual void set_credentials(const LinkCredentials& credentials) = 0;
  virtual void set_handler(CatalogueHandler handler) = 0;
  virtual void set_enrolling(bool open) = 0;
  // Asked (on the loop) for each agent after its handshake and at each request: revoked or shunned ones are cut.
  virtual void set_refused(std::function<bool(const AgentId&)> refused) = 0;
  // They are refused from now on: connections with them end, either way, and calls to them with certificate_rejected.
  virtual void cut(const std::vector<AgentId>& agents) { (void)agents; }
  // Connections to a peer are kept and used again; a GET is asked twice where a kept one had just ended. `done` is
  // called once, never from within call(), and not after cancel() or the link's end. A 503 with a body is an answer (a
  // busy holder's list of others). Errors: connect_failed, connection_lost, timed_out, certificate_rejected,
  // tls_failed, bad_response, http_fatal/http_transient with the status and the words that came with it in the detail,
  // too_large, busy (too many calls under way), invalid_argument.
  virtual CallId call(CatalogueCall what, UniqueFunction<void(Result<CatalogueResponse>)> done) = 0;
  virtual void cancel(CallId call) = 0;
  // The addresses or routes of this machine have changed: kept connections end, and those that come from an address
  // that is gone; a GET under way is asked once more over a new one.
  virtual void network_changed() {}
  // Has `answer` called on the link's own thread when its turn comes: a watchdog's question.
  virtual void ask(UniqueFunction<void()> answer) { answer(); }
};

[[nodiscard]] Result<std::unique_ptr<CatalogueLink>> make_catalogue_link(const LinkSettings& settings,
                                                                         const LinkCredentials& credentials,
                                                                         Runtime runtime);
// One call by a client that has no certificate yet (joining): trusts only `authority_pem`. `done` as for call(); the
// client ends with the loop's timers at the latest.
void enrol_call(const std::string& authority_pem, CatalogueCall what, Runtime runtime,
                UniqueFunction<void(Result<CatalogueResponse>)> done);

}  // namespace larder::peer
