// Text that people give: files they wrote, lines they pasted. Handles what editors and mail programs add to it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace larder {

// Removes the byte order mark of UTF-8. Error: invalid_argument, with advice, for text with a mark of UTF-16 or UTF-32.
// `source` names the text in the error.
[[nodiscard]] Result<std::string> without_byte_order_mark(std::string text, const std::string& source);
// Removes blanks at both ends: spaces, tabs, line ends, and those of text copied from a page (no-break and ideographic
// spaces, zero-width spaces, word joiners, byte order marks).
[[nodiscard]] std::string_view trim_given(std::string_view text);
// Returns the lines without their ends (LF, CR LF or CR). The last may be empty.
[[nodiscard]] std::vector<std::string_view> given_lines(std::string_view text);
// Returns the words of a line, which blanks separate.
[[nodiscard]] std::vector<std::string_view> given_words(std::string_view line);

}  // namespace larder
