// The words in which a request is refused, for those who look at its bytes. Pure; any thread.
#pragma once

#include <string>

#include "base/http/message/message.h"

namespace larder::http {

[[nodiscard]] inline Refusal malformed(std::string cause, int status = 400) {
  return {status, {ErrorCode::invalid_argument, "read the request", std::move(cause)}};
}
[[nodiscard]] inline Refusal too_large(int status, std::string cause) {
  return {status, {ErrorCode::too_large, "read the request", std::move(cause)}};
}
[[nodiscard]] inline Refusal bad_line_end() {
  return malformed("a line does not end with CR LF");
}

}  // namespace larder::http
