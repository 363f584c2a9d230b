// Hand-over by an HTTP request: what the application is told, and what its answer means. Pure; any thread.
//
// The request is that of a BITS server to its application (MC-BUP §2.2.12, MC-BUP §2.2.13): a POST with
// BITS-Original-Request-URL, and the file either as its body ("by value") or named by its path ("by reference"). What
// BITS leaves open is added: the same id in each attempt (Idempotency-Key), so that an application that keeps ids has
// each upload once.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "inbox/deliver/hand_over.h"

namespace larder::inbox {

// Where the application finds a file that is handed over by reference: both absolute paths.
struct NamedFile {
  std::string data;   // BITS-Request-DataFile-Name: the file, to be read
  std::string reply;  // BITS-Response-DataFile-Name: where it may leave its reply
};

// "Name: value", ready to be sent: no value has a control character. `file` none: the body is the file.
[[nodiscard]] std::vector<std::string> call_fields(const UploadRow& row, const std::optional<NamedFile>& file);

// The application's answer, as it came; or why none came.
struct CallAnswer {
  std::string problem;  // not empty: there is no answer, and the other members say nothing
  int status = 0;
  std::string body;                                    // at most max_reply of the inbox
  bool body_too_large = false;                         // and then it is cut
  std::optional<std::string> retry_after, static_url;  // Retry-After, BITS-Static-Response-URL
};

// 2xx: it has the file. 403 and other 4xx: it does not want it, ever. 408, 409, 425, 429, 5xx, no answer, and answers
// that mean something else (a redirect is not followed): again, with the same id, not before Retry-After (RFC 9110
// §10.2.3; at most an hour counts). The client's reply is what the static URL names, else the body (MC-BUP §3.4.5.2).
[[nodiscard]] AttemptEnd end_of_call(CallAnswer answer, WallTime now);

// "http://…" or "https://…" with a host, in visible ASCII, at most kMaxReplyUrl bytes.
[[nodiscard]] bool is_web_url(std::string_view text);

}  // namespace larder::inbox
