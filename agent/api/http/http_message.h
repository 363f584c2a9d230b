// A request and its answer, as server and handlers pass them: without sockets. Loop thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/jobs/model/job_service.h"
#include "base/http/message/message.h"
#include "base/io/unique_fd.h"
#include "base/result.h"
#include "base/unique_function.h"

namespace larder::agent {

// Descriptors that a client may send with one request. Those that the handler does not take are closed with it.
inline constexpr std::size_t kMaxDescriptorsIn = 16;

struct ApiRequest {
  Caller caller;
  bool local = true;   // on the Unix socket; false: on the loopback port, whose clients are unknown
  std::string method;  // as it came: "GET"
  std::string target;  // path and query, as they came
  std::string body;    // at most ServerLimits::body_bytes
  std::string host, range, if_range, last_event_id;  // headers; empty where absent
  std::string origin, fetch_site;     // Origin and Sec-Fetch-Site: the browser's word on the requesting page
  std::vector<UniqueFd> descriptors;  // that came with it (SCM_RIGHTS), in their order; at most kMaxDescriptorsIn
};

using http::BodySource;

struct ApiResponse {
  int status = 200;
  std::string content_type = "application/json";
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  // Sent with the first byte (SCM_RIGHTS); on the Unix socket only.
  std::vector<std::shared_ptr<cache::ContentLease>> descriptors;
  bool may_do_without = false;  // if they cannot be passed, the rest is sent all the same
  // Replaces `body`. Without a length it lasts until the connection is closed.
  std::shared_ptr<BodySource> stream;
  std::optional<std::uint64_t> length;  // of the stream, or of the body that HEAD leaves out
};

[[nodiscard]] ApiResponse json_response(int status, std::string body);
// Returns status, code and message by the error table; `status` overrides where HTTP has a better one.
[[nodiscard]] ApiResponse error_response(const Error& error, std::optional<int> status = std::nullopt);

// The one answer to a request. If it is destroyed unused it answers `internal`, so that no client waits for ever.
class Responder {
 public:
  explicit Responder(UniqueFunction<void(ApiResponse)> send) : send_(std::move(send)) {}
  Responder(Responder&& other) noexcept : send_(std::exchange(other.send_, nullptr)) {}
  Responder& operator=(Responder&&) = delete;
  ~Responder();

  void operator()(ApiResponse response);
  void fail(const Error& error) { (*this)(error_response(error)); }

 private:
  UniqueFunction<void(ApiResponse)> send_;
};

}  // namespace larder::agent
