#include "origin/rules/probe_rules.h"

#include <algorithm>
#include <array>

namespace larder::origin {
namespace {

constexpr int kTooManyRequests = 429;

// Statuses with which servers refuse a range, or fail over it: an empty file has no first byte. Other statuses are
// about the file. 416 is not here: check_response() reads the size in it first.
constexpr std::array kOfTheRange = {400, 403, 405, 406, 409, 411, 412, 413, 417, 500, 501};

// Errors of the way to the origin, and refusals before any request: a plainer request would fail alike.
constexpr std::array kOfTheWay = {
    ErrorCode::name_not_resolved,  ErrorCode::network_unreachable,
    ErrorCode::connect_failed,     ErrorCode::timed_out,
    ErrorCode::tls_failed,         ErrorCode::certificate_rejected,
    ErrorCode::proxy_unauthorized, ErrorCode::forbidden_url,
    ErrorCode::invalid_url,        ErrorCode::invalid_argument,
    ErrorCode::internal,
};

template <class Table, class Value>
bool holds(const Table& table, Value value) {
  return std::find(table.begin(), table.end(), value) != table.end();
}

}  // namespace

bool asks_plainer_after_status(ProbeStep step, int status) {
  if (status < 400 || status == 407) return false;
  if (step == ProbeStep::head) return status != kTooManyRequests;
  return step == ProbeStep::first_byte && holds(kOfTheRange, status);
}

bool asks_plainer_after(ProbeStep step, ErrorCode code) {
  if (step == ProbeStep::whole || holds(kOfTheWay, code)) return false;
  if (step == ProbeStep::head) return true;
  // A range refused by a status is judged by asks_plainer_after_status().
  return code == ErrorCode::connection_lost || code == ErrorCode::no_progress || code == ErrorCode::bad_response ||
         code == ErrorCode::range_not_supported;
}

bool is_for_next_time(ProbeStep step, int status) {
  return step == ProbeStep::head && status == kTooManyRequests;
}

}  // namespace larder::origin
