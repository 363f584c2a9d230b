// What a parsed head means: how long its body is, whom it is for, whether the connection goes on. Pure; any thread.
//
// Decided strictly, so that nobody before or behind this server can read the same bytes as other requests
// (RFC 9112 §6.3, RFC 9112 §11.2). Refused: Content-Length together with Transfer-Encoding; two Content-Length, also
// equal ones; a length that is not a plain decimal number; Transfer-Encoding that does not end in chunked, or stands
// twice, or comes with HTTP/1.0; other codings than chunked (501); no Host, or two, with HTTP/1.1; a target of a form
// that its method does not have, with a fragment, or with a name and password.
#pragma once

#include <optional>
#include <string_view>

#include "base/http/message/limits.h"
#include "base/http/message/message.h"

namespace larder::http {

// Fills in what RequestHead says besides method, target, minor and fields, which are given. None: it is as it should
// be.
[[nodiscard]] std::optional<Refusal> judge_request(RequestHead& head, const HttpLimits& limits);

// "host", "host:80", "[2001:db8::7]:80"; characters only, no name is looked up. `port`: there has to be one.
[[nodiscard]] bool is_authority(std::string_view text, bool port);

}  // namespace larder::http
