#include "origin/rules/status_rules.h"

#include <fmt/format.h>

#include <array>

#include "origin/http/http_fields.h"

namespace larder::origin {
namespace {

struct Row {
  int status;
  ErrorCode code;
  std::string_view text;
};

constexpr std::array kRows = {
    Row{204, ErrorCode::bad_response, "the origin has no content to send (204)"},
    Row{205, ErrorCode::bad_response, "the origin has no content to send (205)"},
    Row{300, ErrorCode::http_fatal, "the origin offers several files and redirects to none of them (300)"},
    Row{304, ErrorCode::bad_response, "the origin says not modified (304), which was not asked"},
    Row{400, ErrorCode::http_fatal, "the origin does not understand the request (400)"},
    Row{401, ErrorCode::unauthorized, "the origin wants a user name and password that it accepts (401)"},
    Row{403, ErrorCode::http_fatal, "the origin forbids it (403)"},
    Row{404, ErrorCode::http_fatal, "the origin has nothing at this URL (404)"},
    Row{407, ErrorCode::proxy_unauthorized, "the proxy wants a user name and password that it accepts (407)"},
    Row{408, ErrorCode::http_transient, "the origin got tired of waiting (408)"},
    Row{409, ErrorCode::http_transient, "the origin is in conflict just now (409)"},
    Row{410, ErrorCode::http_fatal, "the origin says that it is gone for good (410)"},
    Row{412, ErrorCode::http_fatal, "the origin refuses a condition of the request (412)"},
    Row{416, ErrorCode::range_not_supported, "the origin refuses the range (416)"},
    Row{425, ErrorCode::http_transient, "the origin asks to try again (425)"},
    Row{429, ErrorCode::http_transient, "the origin says that it is asked too often (429)"},
    Row{451, ErrorCode::http_fatal, "the origin withholds it for legal reasons (451)"},
    Row{500, ErrorCode::http_transient, "the origin has an internal error (500)"},
    Row{501, ErrorCode::http_fatal, "the origin cannot do this (501)"},
    Row{502, ErrorCode::http_transient, "a gateway cannot reach the origin (502)"},
    Row{503, ErrorCode::http_transient, "the origin is unavailable just now (503)"},
    Row{504, ErrorCode::http_transient, "a gateway waits in vain for the origin (504)"},
    Row{505, ErrorCode::http_fatal, "the origin does not speak this version of HTTP (505)"},
};

Row rule_for(int status) {
  for (const Row& row : kRows) {
    if (row.status == status) return row;
  }
  if (is_redirect(status)) return {status, ErrorCode::bad_response, "the origin redirects without saying where to"};
  if (status >= 500 && status < 600) return {status, ErrorCode::http_transient, ""};
  if (status >= 300 && status < 500) return {status, ErrorCode::http_fatal, ""};
  return {status, ErrorCode::bad_response, ""};
}

}  // namespace

bool is_redirect(int status) {
  return status == 300 || status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

Error status_error(const HttpHead& head, WallTime now) {
  const Row row = rule_for(head.status);
  Error error;
  error.code = row.code;
  error.doing = "read the answer";
  error.detail =
      row.text.empty() ? fmt::format("the origin answered with status {}", head.status) : std::string(row.text);
  if (row.code == ErrorCode::http_transient) {
    if (const std::string* value = head.find_field("retry-after")) error.retry_after = parse_retry_after(*value, now);
  }
  return error;
}

}  // namespace larder::origin
