// Text that people give: files they wrote, lines they pasted. One place knows what editors and mail put around it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace larder {

// Without the byte order mark of UTF-8. UTF-16 and UTF-32, which have a mark of their own, are refused with what to do.
// `source` names the text in the error.
[[nodiscard]] Result<std::string> without_byte_order_mark(std::string text, const std::string& source);
// Without the blanks at both ends: spaces, tabs, line ends, and those of a page that was copied (no-break and
// ideographic spaces, zero-width spaces, byte order marks).
[[nodiscard]] std::string_view trim_given(std::string_view text);
// The lines, whatever ends them (LF, CR LF, CR), without their ends. The last may be empty.
[[nodiscard]] std::vector<std::string_view> given_lines(std::string_view text);
// The words of a line: what blanks separate.
[[nodiscard]] std::vector<std::string_view> given_words(std::string_view line);

}  // namespace larder
