// A request and its answer as the server (server.h) and its users pass them: values, without sockets and without
// Beast. Any thread may hold one; the members themselves are not synchronised.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash/buffer.h"
#include "base/result.h"
#include "base/unique_function.h"

namespace larder::http {

struct Field {
  std::string name;   // as it came; compared without regard to case
  std::string value;  // without blanks around it; no control characters but tabs
  friend bool operator==(const Field&, const Field&) = default;
};
using Fields = std::vector<Field>;

// RFC 9112 §3.2: which form the target of a request has.
enum class TargetForm {
  origin,     // "/path?query"
  absolute,   // "http://host/path": what a client sends to a proxy
  authority,  // "host:port", of CONNECT alone
  asterisk,   // "*", of OPTIONS alone
};

// What a request says before its body. Everything in it was checked by head_scan.h and request_rules.h.
struct RequestHead {
  std::string method;  // as it came: "GET"
  std::string target;  // as it came
  TargetForm form = TargetForm::origin;
  std::string authority;  // of an absolute or authority target, else what Host says (RFC 9112 §3.2.2); may be empty
  unsigned minor = 1;     // of HTTP/1.x: 0 or 1
  Fields fields;          // as they came, in their order; trailers are not among them
  std::optional<std::uint64_t> content_length;  // bytes of the body, where the client said so
  bool chunked = false;
  bool expects_continue = false;  // it waits for "100 Continue", which goes out when the body is first asked for
  bool keep_alive = true;         // the client would send another request on this connection

  // The value of the first field of this name; null: there is none.
  [[nodiscard]] const std::string* find(std::string_view name) const;
  [[nodiscard]] bool has_body() const { return chunked || content_length.value_or(0) > 0; }
};

// A body that is made while it is sent. The connection asks for one piece at a time, when the last one is out, so a
// client that reads slowly slows the source. Loop thread.
class BodySource {
 public:
  virtual ~BodySource() = default;
  // Calls `ready` once, at once or later: the next bytes, or none at the end. An error breaks the connection off.
  virtual void next(UniqueFunction<void(Result<Buffer>)> ready) = 0;
  // The connection is gone, or the answer may have no body; `ready` is not called any more.
  virtual void cancel() = 0;
};

struct Response;

// What came of the first write of an answer that something travels with (Response::first_write).
struct FirstWrite {
  enum class Kind {
    sent,     // `bytes` of the text are out; the connection sends the rest
    later,    // the socket takes nothing now: it is tried again when it does
    without,  // nothing is out: the connection sends the text alone
    instead,  // nothing is out: `response` is sent in its place
    broken,   // the client is gone
  };
  Kind kind = Kind::without;
  std::size_t bytes = 0;
  std::unique_ptr<Response> response;
};

struct Response {
  int status = 200;  // 200 to 599
  // Without Content-Length, Transfer-Encoding and Connection, which the connection writes.
  Fields fields;
  std::string body;
  // In place of `body`.
  std::shared_ptr<BodySource> stream;
  // Bytes of the stream. Without it the stream is sent in chunks, to HTTP/1.0 until the connection ends.
  std::optional<std::uint64_t> length;
  bool endless = false;  // the stream lasts until the connection ends: no chunks, and a server that stops ends it
  bool close = false;    // the connection ends with this answer
  // In place of the first write to the socket: the head, and the body where it is a text. Not called with TLS, and not
  // for a stream's pieces. Null: an ordinary write.
  UniqueFunction<FirstWrite(int socket, std::string_view text)> first_write;
};

// Why the server itself does not go on with a request; the connection ends after the answer.
struct Refusal {
  int status = 400;
  Error error;
};

// An answer in plain text, as "cannot …".
[[nodiscard]] Response text_response(int status, std::string text);
[[nodiscard]] Response refusal_response(const Refusal& refusal);

// Text of a field's value that lists tokens, such as Connection: whether `token` (lower case) is among them.
[[nodiscard]] bool lists_token(std::string_view value, std::string_view token);
// Names of fields and codings: ASCII, without regard to case.
[[nodiscard]] bool same_name(std::string_view left, std::string_view right);

[[nodiscard]] inline std::string_view as_text(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace larder::http
