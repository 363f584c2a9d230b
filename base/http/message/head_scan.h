// Looks at the bytes of a head before the parser does, one by one as they come, and refuses what the parser or somebody
// behind it might read in two ways (request smuggling). Pure; one thread.
//
// Refused: a bare CR or LF, NUL and other control characters, a line that begins with a blank (obs-fold), a name that
// is no token or has a blank before its colon, a line without a colon, another number of blanks in the line of the
// request than two, bytes beyond ASCII in it, a version that is not HTTP/1.0 or HTTP/1.1 (RFC 9112 §2.2, RFC 9112 §3,
// RFC 9112 §5).
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <variant>

#include "base/http/message/limits.h"
#include "base/http/message/message.h"

namespace larder::http {

// More bytes are wanted, or so many of them are the whole, or it is refused.
using Scanned = std::variant<std::monostate, std::size_t, Refusal>;

class HeadScan {
 public:
  explicit HeadScan(const HttpLimits& limits) : limits_(limits) {}
  // `input`: all that came since the head before it; what was looked at is not looked at again. One empty line before
  // the request is a part of the head (RFC 9112 §2.2).
  [[nodiscard]] Scanned scan(std::string_view input);
  void reset();  // for the next head
  // Bytes of the empty line before the line of the request: 0 or 2.
  [[nodiscard]] std::size_t skipped() const { return skipped_; }
  // A byte of a request has come: not only the empty line before it.
  [[nodiscard]] bool begun() const { return at_ > skipped_; }

 private:
  enum class Part { start, method, target, version, line_begin, name, value, line_end, last_end, ended };
  using Verdict = std::optional<Refusal>;
  [[nodiscard]] Verdict take(char c);
  [[nodiscard]] Verdict take_start(char c);
  [[nodiscard]] Verdict take_method(char c);
  [[nodiscard]] Verdict take_target(char c);
  [[nodiscard]] Verdict take_version(char c);
  [[nodiscard]] Verdict take_line_begin(char c);
  [[nodiscard]] Verdict take_name(char c);
  [[nodiscard]] Verdict take_value(char c);
  [[nodiscard]] Verdict take_end(char c, Part next);
  [[nodiscard]] Verdict bound() const;

  const HttpLimits& limits_;
  Part part_ = Part::start;
  std::size_t at_ = 0;       // bytes looked at
  std::size_t in_part_ = 0;  // of them in this part
  std::size_t skipped_ = 0;
  std::size_t fields_ = 0;
};

}  // namespace larder::http
