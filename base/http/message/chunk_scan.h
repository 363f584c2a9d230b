// Looks at the line before each chunk's bytes, and at the trailers after the last chunk, before the parser does
// (RFC 9112 §7.1). Pure; one thread.
//
// Refused: a size that is not 1 to 15 hexadecimal digits, bytes behind a chunk that its size does not count, extensions
// that are not tokens, texts in quotes, "=" and ";" without blanks, a line or trailers beyond their bounds, and in
// trailers whatever head_scan.h refuses in fields.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/http/message/head_scan.h"
#include "base/http/message/limits.h"
#include "base/http/message/message.h"

namespace larder::http {

class ChunkScan {
 public:
  explicit ChunkScan(const HttpLimits& limits) : limits_(limits) {}
  // `input` begins with the line; after a chunk's bytes with the end of line that closes them. The bytes up to the
  // chunk's content, after the last chunk to the end of the trailers. What was looked at is not looked at again.
  [[nodiscard]] Scanned scan(std::string_view input);
  [[nodiscard]] std::uint64_t size() const { return size_; }  // of the chunk, when its line is whole
  void next_chunk();                                          // before the next chunk's line
  void reset();                                               // before the first one's

 private:
  enum class Part {
    closing_cr,
    closing_lf,
    digits,
    extension,
    quoted,
    escaped,
    line_end,
    trailer_begin,
    name,
    value,
    trailer_end,
    last_end,
    ended,
  };
  using Verdict = std::optional<Refusal>;
  [[nodiscard]] Verdict take(char c);
  [[nodiscard]] Verdict take_digit(char c);
  [[nodiscard]] Verdict take_extension(char c);
  [[nodiscard]] Verdict take_quoted(char c);
  [[nodiscard]] Verdict take_trailer(char c);
  [[nodiscard]] Verdict take_name(char c);
  [[nodiscard]] Verdict take_value(char c);
  [[nodiscard]] Verdict take_end(char c, Part next);
  [[nodiscard]] Verdict bound();

  const HttpLimits& limits_;
  Part part_ = Part::digits;
  std::size_t at_ = 0;        // bytes looked at
  std::size_t line_ = 0;      // of them in the chunk's line
  std::size_t trailers_ = 0;  // and in the trailers
  std::size_t digits_ = 0;
  std::size_t fields_ = 0;
  std::uint64_t size_ = 0;
};

}  // namespace larder::http
