#include "base/text/given_text.h"

#include <array>

namespace larder {
namespace {

constexpr std::string_view kMark = "\xEF\xBB\xBF";
// Blanks of more than one byte: no-break space, ideographic space, zero-width space, word joiner, byte order mark.
constexpr std::array<std::string_view, 5> kWideBlanks = {"\xC2\xA0", "\xE3\x80\x80", "\xE2\x80\x8B", "\xE2\x81\xA0",
                                                         kMark};

bool is_blank(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

// Returns the bytes of the blank at the start; 0: there is none.
std::size_t blank_at_start(std::string_view text) {
  if (!text.empty() && is_blank(text.front())) return 1;
  for (const std::string_view blank : kWideBlanks)
    if (text.starts_with(blank)) return blank.size();
  return 0;
}

std::size_t blank_at_end(std::string_view text) {
  if (!text.empty() && is_blank(text.back())) return 1;
  for (const std::string_view blank : kWideBlanks)
    if (text.ends_with(blank)) return blank.size();
  return 0;
}

}  // namespace

Result<std::string> without_byte_order_mark(std::string text, const std::string& source) {
  using namespace std::string_view_literals;
  const bool wide = text.starts_with("\xFF\xFE"sv) || text.starts_with("\xFE\xFF"sv);
  if (wide || text.starts_with("\0\0\xFE\xFF"sv))
    return fail(ErrorCode::invalid_argument, "read " + source, "it is in UTF-16 or UTF-32; save it as UTF-8");
  if (text.starts_with(kMark)) text.erase(0, kMark.size());
  return text;
}

std::string_view trim_given(std::string_view text) {
  while (const std::size_t size = blank_at_start(text)) text.remove_prefix(size);
  while (const std::size_t size = blank_at_end(text)) text.remove_suffix(size);
  return text;
}

std::vector<std::string_view> given_lines(std::string_view text) {
  std::vector<std::string_view> lines;
  for (;;) {
    const auto end = text.find_first_of("\r\n");
    lines.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return lines;
    text.remove_prefix(text.substr(end).starts_with("\r\n") ? end + 2 : end + 1);
  }
}

std::vector<std::string_view> given_words(std::string_view line) {
  std::vector<std::string_view> words;
  for (line = trim_given(line); !line.empty(); line = trim_given(line)) {
    std::size_t end = 0;
    while (end < line.size() && blank_at_start(line.substr(end)) == 0) ++end;
    words.push_back(line.substr(0, end));
    line.remove_prefix(end);
  }
  return words;
}

}  // namespace larder
