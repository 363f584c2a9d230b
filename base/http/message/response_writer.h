// The one place that writes heads of answers, and the frames of chunks. Pure; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/http/message/message.h"

namespace larder::http {

// How the client learns where the body ends (RFC 9112 §6.3).
enum class BodyEnd {
  none,    // it has no body, whatever its fields say: HEAD, 204, 304, 2xx of CONNECT
  length,  // Content-Length
  chunks,
  connection,  // with the connection
};

struct AnswerForm {
  BodyEnd end = BodyEnd::length;
  std::optional<std::uint64_t> length;  // written where it is set, also with `none`: what a GET would bring
  bool keep_alive = true;
};

// Decides it for an answer to `request`; without a request (it was refused unread) as for a GET of HTTP/1.1.
// `keep_alive`: this side would go on.
[[nodiscard]] AnswerForm form_of(const Response& response, const RequestHead* request, bool keep_alive);

// "HTTP/1.1 200 OK", the fields, Content-Length or Transfer-Encoding, Connection, an empty line. invalid_argument: the
// status is not 200 to 599, a name is no token, a value has a control character (response splitting), or a field is one
// that the writer sets itself.
[[nodiscard]] Result<std::string> write_head(int status, const Fields& fields, const AnswerForm& form);
// An interim answer (RFC 9110 §15.2): status 100 to 199 but 101, which would leave HTTP.
[[nodiscard]] Result<std::string> write_interim(int status, const Fields& fields);

// What stands before and behind the bytes of a chunk, and what ends the last one.
[[nodiscard]] std::string chunk_line(std::size_t bytes);
inline constexpr std::string_view kChunkEnd = "\r\n";
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";

// As RFC 9110 §15 has it; "Unknown" for what it does not know.
[[nodiscard]] std::string_view reason_of(int status);

}  // namespace larder::http
