#include "base/http/message/head_scan.h"

#include <fmt/format.h>

#include "base/http/message/refusals.h"
#include "base/text/text.h"

namespace larder::http {
namespace {

constexpr std::size_t kMethodBytes = 32;
constexpr std::string_view kVersion = "HTTP/1.";

Refusal other_version() {
  return malformed("only HTTP/1.0 and HTTP/1.1 are spoken", 505);
}
Refusal no_version() {
  return malformed("its first line does not end with HTTP/1.0 or HTTP/1.1");
}
Refusal no_name() {
  return malformed("the name of a field is no token");
}

}  // namespace

void HeadScan::reset() {
  part_ = Part::start;
  at_ = in_part_ = skipped_ = fields_ = 0;
}

Scanned HeadScan::scan(std::string_view input) {
  while (at_ < input.size()) {
    const Part before = part_;
    if (auto refusal = take(input[at_])) return std::move(*refusal);
    in_part_ = part_ == before ? in_part_ + 1 : 0;
    ++at_;
    if (part_ == Part::ended) return at_;
    if (auto refusal = bound()) return std::move(*refusal);
  }
  return std::monostate{};
}

HeadScan::Verdict HeadScan::bound() const {
  if (at_ >= limits_.head_bytes)
    return too_large(431, fmt::format("its header has more than {} bytes", limits_.head_bytes));
  if (part_ == Part::target && in_part_ > limits_.target_bytes)
    return too_large(414, fmt::format("its target has more than {} bytes", limits_.target_bytes));
  return std::nullopt;
}

HeadScan::Verdict HeadScan::take(char c) {
  switch (part_) {
    case Part::start:
      return take_start(c);
    case Part::method:
      return take_method(c);
    case Part::target:
      return take_target(c);
    case Part::version:
      return take_version(c);
    case Part::line_begin:
      return take_line_begin(c);
    case Part::name:
      return take_name(c);
    case Part::value:
      return take_value(c);
    case Part::line_end:
      return take_end(c, Part::line_begin);
    case Part::last_end:
    case Part::ended:
      break;
  }
  return take_end(c, Part::ended);
}

// One empty line may come before the request; the rest of the line begins with a token.
HeadScan::Verdict HeadScan::take_start(char c) {
  if (skipped_ == 0 && c == '\r') {
    skipped_ = 1;
    return std::nullopt;
  }
  if (skipped_ == 1) {
    if (c != '\n') return bad_line_end();
    skipped_ = 2;
    return std::nullopt;
  }
  if (!is_token_char(c)) return malformed("it does not begin with a method; is it TLS on a port without it?");
  part_ = Part::method;
  return std::nullopt;
}

HeadScan::Verdict HeadScan::take_method(char c) {
  if (c == ' ') {
    part_ = Part::target;
    return std::nullopt;
  }
  if (!is_token_char(c)) return malformed("its method is no token");
  if (in_part_ >= kMethodBytes) return too_large(501, fmt::format("its method has more than {} bytes", kMethodBytes));
  return std::nullopt;
}

HeadScan::Verdict HeadScan::take_target(char c) {
  if (c == ' ' && in_part_ > 0) {
    part_ = Part::version;
    return std::nullopt;
  }
  if (c <= 0x20 || c >= 0x7f) return malformed("its target has a character that has to be written as %XX");
  return std::nullopt;
}

HeadScan::Verdict HeadScan::take_version(char c) {
  const std::size_t digit = kVersion.size();
  if (in_part_ < digit) {
    if (c == kVersion[in_part_]) return std::nullopt;
    return in_part_ == digit - 2 && is_digit(c) ? other_version() : no_version();
  }
  if (in_part_ == digit) {
    if (c == '0' || c == '1') return std::nullopt;
    return is_digit(c) ? other_version() : no_version();
  }
  if (c != '\r') return no_version();
  part_ = Part::line_end;
  return std::nullopt;
}

HeadScan::Verdict HeadScan::take_line_begin(char c) {
  if (c == '\r') {
    part_ = Part::last_end;
    return std::nullopt;
  }
  if (c == ' ' || c == '\t') return malformed("a field goes on in a second line");
  if (!is_token_char(c)) return no_name();
  if (++fields_ > limits_.fields) return too_large(431, fmt::format("it has more than {} fields", limits_.fields));
  part_ = Part::name;
  return std::nullopt;
}

HeadScan::Verdict HeadScan::take_name(char c) {
  if (c == ':') {
    part_ = Part::value;
    return std::nullopt;
  }
  if (!is_token_char(c)) return no_name();
  return std::nullopt;
}

HeadScan::Verdict HeadScan::take_value(char c) {
  if (c == '\r') {
    part_ = Part::line_end;
    return std::nullopt;
  }
  if (is_field_control(c)) return malformed("a field has a control character in its value");
  return std::nullopt;
}

HeadScan::Verdict HeadScan::take_end(char c, Part next) {
  if (c != '\n') return bad_line_end();
  part_ = next;
  return std::nullopt;
}

}  // namespace larder::http
