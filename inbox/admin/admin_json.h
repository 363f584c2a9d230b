// Bodies of inbox.sock: what uploads look like, errors, what is asked. Pure; any thread. Text of others that is not
// UTF-8 is repaired with U+FFFD.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/http/message/message.h"
#include "base/result.h"
#include "inbox/ledger/upload_row.h"

namespace larder::inbox {

inline constexpr std::size_t kMaxReason = 4096;  // bytes of what an application says of an upload

// Times are RFC 3339 in UTC, null for what did not happen.
[[nodiscard]] std::string upload_json(const UploadRow& row);
// Without what may be long: metadata, url, result. `next`: the `after` of the next page; empty: this is the last.
[[nodiscard]] std::string uploads_json(const std::vector<UploadRow>& rows, const std::string& next);

// What is in {"reason": "…"}; `member` is "reason". An empty body where it is not required: none. invalid_argument: no
// such object, another member, text that is empty, too long or no text.
[[nodiscard]] Result<std::string> parse_said(std::string_view body, const char* member, bool required);

[[nodiscard]] http::Response json_answer(int status, std::string body);
// {"error": {"code", "text"}}; the code is a name of base/error_table.h, and its status there is the answer's. Where
// the error tells when to ask again, so does Retry-After.
[[nodiscard]] http::Response error_answer(const Error& error);
[[nodiscard]] http::Response error_answer(int status, const Error& error);
// What the ledger refused.
[[nodiscard]] http::Response refused_answer(const Refused& refused);

}  // namespace larder::inbox
