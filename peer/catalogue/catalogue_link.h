// The catalogue's transport (docs/formats/catalogue.md, Connection): HTTP/1.1 over TLS 1.3 with both certificates.
// Server and client. A thread of its own does TLS and HTTP; all methods and callbacks are on the loop thread, except
// where stated. Owned by agent/lan. Its destructor waits for that thread and drops calls and requests in flight.
//
// A peer without a certificate of the group gets no further than the handshake, except for one enrolment request while
// an invitation is open (`enrolling`). Bounded: connections (all, and per address), handshakes in flight and their
// time, request size, requests a second per agent, body sizes, time.
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
  // For the server's answers: released, on any thread, once the body is written or the asker has gone.
  std::shared_ptr<void> until_written = nullptr;
};

using CatalogueHandler = std::function<void(CatalogueRequest, UniqueFunction<void(CatalogueResponse)>)>;

struct LinkSettings {
  std::vector<std::string> listen;  // numeric addresses; empty: all (IPv4 and IPv6)
  std::uint16_t port = 7475;        // 0: any
  std::size_t max_connections = 256;
  std::size_t max_connections_per_address = 32;
  std::size_t max_handshakes = 64;  // in flight; with more, the oldest is cut
  Duration handshake_timeout = std::chrono::seconds(3);
  Duration request_timeout = std::chrono::seconds(10);
  Duration idle_timeout = std::chrono::seconds(60);
  std::size_t max_request_body = 64 * 1024;
  double requests_per_second = 200;  // per agent, burst as many
};

struct CatalogueCall {
  Endpoint to;
  AgentId agent{};  // expected there; another one gives certificate_rejected. All zero: any member of the group
  std::string method = "GET";
  std::string target;  // path and query
  std::vector<std::byte> body;
  std::size_t max_answer = 16 * 1024 * 1024;
  Duration timeout = std::chrono::seconds(3);
  bool any_status = false;  // delivers a refusal as an answer, for callers that act on its status or body
};

using CallId = std::uint64_t;

class CatalogueLink {
 public:
  virtual ~CatalogueLink() = default;
  [[nodiscard]] virtual std::uint16_t port() const = 0;
  // Replaces the certificates; connections under the earlier ones end. With an empty authority_pem, or certificates
  // that cannot be used, every call fails and no connection is accepted.
  virtual void set_credentials(const LinkCredentials& credentials) = 0;
  virtual void set_handler(CatalogueHandler handler) = 0;
  virtual void set_enrolling(bool open) = 0;
  // `refused` is called for each agent after its handshake, at each of its requests and at its answers. True (revoked
  // or shunned): the connection is cut.
  virtual void set_refused(std::function<bool(const AgentId&)> refused) = 0;
  // Ends all connections with these agents, in both directions; calls in flight to them end with certificate_rejected.
  virtual void cut(const std::vector<AgentId>& agents) { (void)agents; }
  // Sends a request. Connections to a peer are kept and used again; a GET is sent a second time where a kept connection
  // had just ended. `done` is called once, never from within call(), and not after cancel() or the link's end. A 503
  // with a body is an answer (a busy holder's list of others). Errors: connect_failed, connection_lost, timed_out,
  // certificate_rejected, tls_failed, bad_response, http_fatal/http_transient with the status and the peer's reason in
  // the detail, too_large, busy (too many calls in flight), invalid_argument.
  virtual CallId call(CatalogueCall what, UniqueFunction<void(Result<CatalogueResponse>)> done) = 0;
  virtual void cancel(CallId call) = 0;
  // Call when this machine's addresses or routes have changed. Ends the client's kept connections, and those whose
  // local address is gone; a GET in flight is sent once more over a new connection.
  virtual void network_changed() {}
  // Calls `answer` on the link's own thread, for a watchdog.
  virtual void ask_thread(UniqueFunction<void()> answer) { answer(); }
};

[[nodiscard]] Result<std::unique_ptr<CatalogueLink>> make_catalogue_link(const LinkSettings& settings,
                                                                         const LinkCredentials& credentials,
                                                                         Runtime runtime);
// Sends one request as a client without a certificate yet (joining), which trusts only `authority_pem`. `done` as for
// call(). A timer of the loop owns the client: it ends after `done`, and with the loop's timers at the latest.
void enrol_call(const std::string& authority_pem, CatalogueCall what, Runtime runtime,
                UniqueFunction<void(Result<CatalogueResponse>)> done);

}  // namespace larder::peer
