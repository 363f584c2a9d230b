#include "base/http/message/chunk_scan.h"

#include <fmt/format.h>

#include "base/http/message/refusals.h"
#include "base/text/text.h"

namespace larder::http {
namespace {

constexpr std::size_t kSizeDigits = 15;  // below 2^60: no arithmetic on sizes can overflow

Refusal no_size() {
  return malformed("the size of a chunk is no hexadecimal number");
}

}  // namespace

void ChunkScan::reset() {
  next_chunk();
  part_ = Part::digits;
}

void ChunkScan::next_chunk() {
  part_ = Part::closing_cr;
  at_ = line_ = digits_ = trailers_ = fields_ = 0;
  size_ = 0;
}

Scanned ChunkScan::scan(std::string_view input) {
  while (at_ < input.size()) {
    if (auto refusal = bound()) return std::move(*refusal);
    if (auto refusal = take(input[at_])) return std::move(*refusal);
    ++at_;
    if (part_ == Part::ended) return at_;
  }
  return std::monostate{};
}

ChunkScan::Verdict ChunkScan::bound() {
  if (part_ >= Part::trailer_begin) {
    if (++trailers_ > limits_.trailer_bytes)
      return too_large(431, fmt::format("its trailers have more than {} bytes", limits_.trailer_bytes));
  } else if (part_ >= Part::digits && ++line_ > limits_.chunk_line_bytes) {
    return too_large(400, fmt::format("the line before a chunk has more than {} bytes", limits_.chunk_line_bytes));
  }
  return std::nullopt;
}

ChunkScan::Verdict ChunkScan::take(char c) {
  switch (part_) {
    case Part::closing_cr:
      if (c != '\r') return malformed("a chunk is longer than its size says");
      part_ = Part::closing_lf;
      return std::nullopt;
    case Part::closing_lf:
      return take_end(c, Part::digits);
    case Part::digits:
      return take_digit(c);
    case Part::extension:
      return take_extension(c);
    case Part::quoted:
    case Part::escaped:
      return take_quoted(c);
    case Part::line_end:
      return take_end(c, size_ == 0 ? Part::trailer_begin : Part::ended);
    case Part::trailer_begin:
      return take_trailer(c);
    case Part::name:
      return take_name(c);
    case Part::value:
      return take_value(c);
    case Part::trailer_end:
      return take_end(c, Part::trailer_begin);
    case Part::last_end:
    case Part::ended:
      break;
  }
  return take_end(c, Part::ended);
}

ChunkScan::Verdict ChunkScan::take_digit(char c) {
  if (const int digit = hex_value(c); digit >= 0) {
    if (++digits_ > kSizeDigits) return too_large(413, "the size of a chunk has too many digits");
    size_ = size_ * 16 + static_cast<unsigned>(digit);
    return std::nullopt;
  }
  if (digits_ == 0 || (c != '\r' && c != ';')) return no_size();
  part_ = c == '\r' ? Part::line_end : Part::extension;
  return std::nullopt;
}

ChunkScan::Verdict ChunkScan::take_extension(char c) {
  if (c == '\r') {
    part_ = Part::line_end;
  } else if (c == '"') {
    part_ = Part::quoted;
  } else if (c != ';' && c != '=' && !is_token_char(c)) {
    return malformed("the extension of a chunk is none");
  }
  return std::nullopt;
}

ChunkScan::Verdict ChunkScan::take_quoted(char c) {
  if (is_field_control(c)) return malformed("the extension of a chunk has a control character");
  if (part_ == Part::escaped) {
    part_ = Part::quoted;
  } else if (c == '"') {
    part_ = Part::extension;
  } else if (c == '\\') {
    part_ = Part::escaped;
  }
  return std::nullopt;
}

ChunkScan::Verdict ChunkScan::take_trailer(char c) {
  if (c == '\r') {
    part_ = Part::last_end;
    return std::nullopt;
  }
  if (++fields_ > limits_.fields) return too_large(431, fmt::format("it has more than {} trailers", limits_.fields));
  if (!is_token_char(c)) return malformed("the name of a trailer is no token");
  part_ = Part::name;
  return std::nullopt;
}

ChunkScan::Verdict ChunkScan::take_name(char c) {
  if (c == ':') {
    part_ = Part::value;
    return std::nullopt;
  }
  if (!is_token_char(c)) return malformed("the name of a trailer is no token");
  return std::nullopt;
}

ChunkScan::Verdict ChunkScan::take_value(char c) {
  if (c == '\r') {
    part_ = Part::trailer_end;
    return std::nullopt;
  }
  if (is_field_control(c)) return malformed("a trailer has a control character in its value");
  return std::nullopt;
}

ChunkScan::Verdict ChunkScan::take_end(char c, Part next) {
  if (c != '\n') return bad_line_end();
  part_ = next;
  return std::nullopt;
}

}  // namespace larder::http
