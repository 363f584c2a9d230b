#include "base/error_table.h"

#include <array>

namespace larder {
namespace {

// Retryable means "may fix itself without a person". Cases where the name does not tell:
//  * disk_full: caches are evicted, temporary files are removed; the job waits for space, says what is missing, and
//    keeps its bytes. A disk_error (EIO, read-only) needs a person.
//  * tls_failed: a handshake cut short by a proxy or a restart; a certificate that was checked and rejected is fatal.
//  * hook_failed: the hook broke, not the content; the hook is run again (docs/design.md, Jobs).
//  * content_damaged: the damaged record has been dropped, so the next try takes the bytes from elsewhere.
//  * stale_proxy, version_changed: several attempts were made before they are reported; a person has to look.
//  * bad_response: the origin does not speak HTTP as it should; a body cut short is connection_lost instead.
//  * source_changed: an upload of it would mix two versions; outcome_unknown: sending it again could deliver it twice.
//  * blocked_by_policy: ends with the schedule or the metered network.
//
// Exit statuses: 0 success, 1 internal, 2 usage. Groups of ten by what a script would do about it; closely related
// codes share one. Statuses from 64 up belong to shells and sysexits and are not used.
constexpr std::array kTable = {
    // What the caller asked for: change the request.
    ErrorInfo{ErrorCode::invalid_argument, "invalid_argument", false, 2, 400},
    ErrorInfo{ErrorCode::invalid_url, "invalid_url", false, 3, 400},
    ErrorInfo{ErrorCode::forbidden_url, "forbidden_url", false, 4, 403},
    ErrorInfo{ErrorCode::not_found, "not_found", false, 5, 404},
    ErrorInfo{ErrorCode::permission_denied, "permission_denied", false, 6, 403},
    ErrorInfo{ErrorCode::invalid_state, "invalid_state", false, 7, 409},
    ErrorInfo{ErrorCode::already_exists, "already_exists", false, 8, 409},
    ErrorInfo{ErrorCode::limit_exceeded, "limit_exceeded", false, 9, 429},
    ErrorInfo{ErrorCode::too_large, "too_large", false, 9, 413},
    ErrorInfo{ErrorCode::cancelled, "cancelled", false, 10, 409},
    ErrorInfo{ErrorCode::blocked_by_policy, "blocked_by_policy", true, 11, 403},
    // The network and the origin: try later, or look at the origin.
    ErrorInfo{ErrorCode::network_unreachable, "network_unreachable", true, 20, 502},
    ErrorInfo{ErrorCode::name_not_resolved, "name_not_resolved", true, 21, 502},
    ErrorInfo{ErrorCode::connect_failed, "connect_failed", true, 22, 502},
    ErrorInfo{ErrorCode::connection_lost, "connection_lost", true, 23, 502},
    ErrorInfo{ErrorCode::timed_out, "timed_out", true, 24, 504},
    ErrorInfo{ErrorCode::no_progress, "no_progress", true, 24, 504},
    ErrorInfo{ErrorCode::tls_failed, "tls_failed", true, 25, 502},
    ErrorInfo{ErrorCode::certificate_rejected, "certificate_rejected", false, 26, 502},
    ErrorInfo{ErrorCode::unauthorized, "unauthorized", false, 27, 502},
    ErrorInfo{ErrorCode::proxy_unauthorized, "proxy_unauthorized", false, 28, 502},
    ErrorInfo{ErrorCode::http_fatal, "http_fatal", false, 30, 502},
    ErrorInfo{ErrorCode::http_transient, "http_transient", true, 31, 502},
    ErrorInfo{ErrorCode::bad_response, "bad_response", false, 32, 502},
    ErrorInfo{ErrorCode::range_not_supported, "range_not_supported", false, 33, 502},
    ErrorInfo{ErrorCode::version_changed, "version_changed", false, 34, 502},
    ErrorInfo{ErrorCode::stale_proxy, "stale_proxy", false, 35, 502},
    ErrorInfo{ErrorCode::too_many_redirects, "too_many_redirects", false, 36, 502},
    ErrorInfo{ErrorCode::redirect_forbidden, "redirect_forbidden", false, 37, 502},
    // Judgement of content: do not use the bytes.
    ErrorInfo{ErrorCode::digest_mismatch, "digest_mismatch", false, 40, 422},
    ErrorInfo{ErrorCode::validation_failed, "validation_failed", false, 41, 422},
    ErrorInfo{ErrorCode::hook_failed, "hook_failed", true, 42, 500},
    ErrorInfo{ErrorCode::signature_invalid, "signature_invalid", false, 43, 422},
    // Disk and index: look at this machine.
    ErrorInfo{ErrorCode::disk_full, "disk_full", true, 45, 507},
    ErrorInfo{ErrorCode::disk_error, "disk_error", false, 46, 500},
    ErrorInfo{ErrorCode::content_damaged, "content_damaged", true, 47, 500},
    ErrorInfo{ErrorCode::database_error, "database_error", false, 48, 500},
    // Uploads: look at the file, or ask those who run the server. Never sent again without a person's decision.
    ErrorInfo{ErrorCode::source_changed, "source_changed", false, 60, 409},
    ErrorInfo{ErrorCode::outcome_unknown, "outcome_unknown", false, 61, 502},
    ErrorInfo{ErrorCode::rejected_by_application, "rejected_by_application", false, 62, 422},
    // Time limits of jobs.
    ErrorInfo{ErrorCode::maximum_time, "maximum_time", false, 50, 504},
    ErrorInfo{ErrorCode::inactive, "inactive", false, 51, 410},
    // The programs themselves.
    ErrorInfo{ErrorCode::config_invalid, "config_invalid", false, 55, 400},
    ErrorInfo{ErrorCode::agent_unreachable, "agent_unreachable", true, 56, 503},
    ErrorInfo{ErrorCode::agent_answer_invalid, "agent_answer_invalid", false, 57, 502},
    ErrorInfo{ErrorCode::busy, "busy", true, 58, 503},
    ErrorInfo{ErrorCode::internal, "internal", false, 1, 500},
};

constexpr bool in_enum_order() {
  for (std::size_t i = 0; i < kTable.size(); ++i) {
    if (static_cast<std::size_t>(kTable[i].code) != i) return false;
  }
  return true;
}
static_assert(in_enum_order(), "one row per code, in the order of the enum");
static_assert(kTable.back().code == ErrorCode::internal, "internal is the last code");

}  // namespace

std::span<const ErrorInfo> error_table() {
  return kTable;
}

const ErrorInfo& error_info(ErrorCode code) {
  const auto index = static_cast<std::size_t>(code);
  return index < kTable.size() ? kTable[index] : kTable.back();
}

std::optional<ErrorCode> error_code_from_name(std::string_view name) {
  for (const ErrorInfo& row : kTable) {
    if (row.name == name) return row.code;
  }
  return std::nullopt;
}

}  // namespace larder
