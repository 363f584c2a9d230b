#include "base/http/message/response_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "base/text/text.h"

namespace larder::http {
namespace {

struct Reason {
  int status;
  std::string_view text;
};

constexpr std::array kReasons = {
    Reason{100, "Continue"},
    Reason{102, "Processing"},
    Reason{103, "Early Hints"},
    Reason{104, "Upload Resumption Supported"},
    Reason{200, "OK"},
    Reason{201, "Created"},
    Reason{202, "Accepted"},
    Reason{203, "Non-Authoritative Information"},
    Reason{204, "No Content"},
    Reason{205, "Reset Content"},
    Reason{206, "Partial Content"},
    Reason{207, "Multi-Status"},
    Reason{300, "Multiple Choices"},
    Reason{301, "Moved Permanently"},
    Reason{302, "Found"},
    Reason{303, "See Other"},
    Reason{304, "Not Modified"},
    Reason{307, "Temporary Redirect"},
    Reason{308, "Permanent Redirect"},
    Reason{400, "Bad Request"},
    Reason{401, "Unauthorized"},
    Reason{402, "Payment Required"},
    Reason{403, "Forbidden"},
    Reason{404, "Not Found"},
    Reason{405, "Method Not Allowed"},
    Reason{406, "Not Acceptable"},
    Reason{407, "Proxy Authentication Required"},
    Reason{408, "Request Timeout"},
    Reason{409, "Conflict"},
    Reason{410, "Gone"},
    Reason{411, "Length Required"},
    Reason{412, "Precondition Failed"},
    Reason{413, "Payload Too Large"},
    Reason{414, "URI Too Long"},
    Reason{415, "Unsupported Media Type"},
    Reason{416, "Range Not Satisfiable"},
    Reason{417, "Expectation Failed"},
    Reason{421, "Misdirected Request"},
    Reason{422, "Unprocessable Entity"},
    Reason{423, "Locked"},
    Reason{425, "Too Early"},
    Reason{426, "Upgrade Required"},
    Reason{428, "Precondition Required"},
    Reason{429, "Too Many Requests"},
    Reason{431, "Request Header Fields Too Large"},
    Reason{460, "Checksum Mismatch"},  // tus 1.0.0, checksum
    Reason{500, "Internal Server Error"},
    Reason{501, "Not Implemented"},
    Reason{502, "Bad Gateway"},
    Reason{503, "Service Unavailable"},
    Reason{504, "Gateway Timeout"},
    Reason{505, "HTTP Version Not Supported"},
    Reason{507, "Insufficient Storage"},
};

constexpr std::array<std::string_view, 5> kOwnFields = {"Content-Length", "Transfer-Encoding", "Connection",
                                                        "Keep-Alive", "Trailer"};

tl::unexpected<Error> unwritable(std::string cause) {
  return fail(ErrorCode::invalid_argument, "write the head of an answer", std::move(cause));
}

Status append_fields(std::string& out, const Fields& fields) {
  for (const auto& [name, value] : fields) {
    if (!is_token(name)) return unwritable("the name of a field is no token");
    if (has_field_control(value)) return unwritable(fmt::format("the value of {} has a control character", name));
    for (const std::string_view own : kOwnFields)
      if (same_name(name, own)) return unwritable(fmt::format("{} is the connection's own field", name));
    fmt::format_to(std::back_inserter(out), "{}: {}\r\n", name, value);
  }
  return {};
}

// RFC 9110 §8.6: a server must not send Content-Length with these.
bool has_no_length(int status) {
  return status == 204 || status / 100 == 1;
}

}  // namespace

std::string_view reason_of(int status) {
  const auto found =
      std::find_if(kReasons.begin(), kReasons.end(), [&](const Reason& reason) { return reason.status == status; });
  return found == kReasons.end() ? "Unknown" : found->text;
}

AnswerForm form_of(const Response& response, const RequestHead* request, bool keep_alive) {
  AnswerForm form;
  form.keep_alive = keep_alive && !response.close && (!request || request->keep_alive);
  const bool no_body = response.status == 204 || response.status == 304 || (request && request->method == "HEAD");
  form.length = response.length;
  if (!response.stream && !(no_body && response.length)) form.length = response.body.size();
  if (has_no_length(response.status)) form.length.reset();
  // Of a 304 the length would be that of the content, which is not here.
  if (response.status == 304 && !response.length) form.length.reset();
  if (no_body) {
    form.end = BodyEnd::none;
  } else if (form.length) {
    form.end = BodyEnd::length;
  } else if (response.endless || (request && request->minor == 0)) {
    form.end = BodyEnd::connection;
    form.keep_alive = false;
  } else {
    form.end = BodyEnd::chunks;
  }
  return form;
}

Result<std::string> write_head(int status, const Fields& fields, const AnswerForm& form) {
  if (status < 200 || status > 599) return unwritable(fmt::format("{} is no final status", status));
  std::string head = fmt::format("HTTP/1.1 {} {}\r\n", status, reason_of(status));
  if (auto appended = append_fields(head, fields); !appended) return tl::unexpected<Error>(appended.error());
  if (form.length) fmt::format_to(std::back_inserter(head), "Content-Length: {}\r\n", *form.length);
  if (form.end == BodyEnd::chunks) head += "Transfer-Encoding: chunked\r\n";
  head += form.keep_alive ? "Connection: keep-alive\r\n\r\n" : "Connection: close\r\n\r\n";
  return head;
}

Result<std::string> write_interim(int status, const Fields& fields) {
  if (status < 100 || status > 199 || status == 101) return unwritable(fmt::format("{} is no interim status", status));
  std::string head = fmt::format("HTTP/1.1 {} {}\r\n", status, reason_of(status));
  if (auto appended = append_fields(head, fields); !appended) return tl::unexpected<Error>(appended.error());
  return head + "\r\n";
}

std::string chunk_line(std::size_t bytes) {
  return fmt::format("{:x}\r\n", bytes);
}

}  // namespace larder::http
