// Result<T>, the return type of every operation that can fail, and the closed set of errors.
//
// An Error carries a code (one row of the table in base/error_table.h), what was being done ("cannot …" is put in
// front when it is shown) and a detail that names the object and the cause. Exceptions never cross a folder's
// boundary: the wrapper of a library that throws turns them into an Error.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <tl/expected.hpp>

namespace larder {

enum class ErrorCode {
  // The request.
  invalid_argument,
  invalid_url,
  forbidden_url,  // policy: scheme, loopback, private address, downgrade
  not_found,
  permission_denied,
  invalid_state,
  already_exists,
  limit_exceeded,
  too_large,
  cancelled,
  blocked_by_policy,
  // The network and the origin.
  network_unreachable,
  name_not_resolved,
  connect_failed,
  connection_lost,
  timed_out,
  no_progress,
  tls_failed,
  certificate_rejected,
  unauthorized,
  proxy_unauthorized,
  http_fatal,      // a status that will not change by asking again
  http_transient,  // a status that may change by asking again
  bad_response,
  range_not_supported,
  version_changed,  // the origin's edition changed more often than a file may restart
  stale_proxy,      // a proxy keeps answering with another edition
  too_many_redirects,
  redirect_forbidden,
  // Judgement of content.
  digest_mismatch,
  validation_failed,
  hook_failed,
  signature_invalid,
  // Disk and index.
  disk_full,
  disk_error,
  content_damaged,
  database_error,
  // Uploads.
  source_changed,           // the file is not the one that the upload began with
  outcome_unknown,          // all was sent, and nobody can say any more whether the server took it
  rejected_by_application,  // the server has the bytes and refuses them for good
  // Time limits of jobs.
  maximum_time,
  inactive,
  // The programs themselves.
  config_invalid,
  agent_unreachable,
  agent_answer_invalid,
  busy,
  internal,
};

struct Error {
  ErrorCode code = ErrorCode::internal;
  std::string doing;   // "fetch https://…/x.iso", without "cannot"
  std::string detail;  // the cause, and what to do next where that is known
  // The wait that the other side asked for (Retry-After); only with retryable codes.
  std::optional<std::chrono::seconds> retry_after = std::nullopt;

  // "cannot DOING: DETAIL"
  [[nodiscard]] std::string text() const;
};

template <class T>
using Result = tl::expected<T, Error>;
using Status = Result<void>;

[[nodiscard]] inline tl::unexpected<Error> fail(ErrorCode code, std::string doing, std::string detail) {
  return tl::unexpected<Error>(Error{code, std::move(doing), std::move(detail), std::nullopt});
}

}  // namespace larder
