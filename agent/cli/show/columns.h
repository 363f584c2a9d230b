// Number of terminal columns of a text: two for East Asian and emoji characters, none for marks that join the character
// before them. Has its own table, since the C library's covers only ASCII under LC_ALL=C. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace larder::agent {

[[nodiscard]] unsigned point_columns(char32_t point);

// Walks through UTF-8 text character by character.
class ColumnWalk {
 public:
  explicit ColumnWalk(std::string_view text);
  bool next();                                                    // false at the end
  [[nodiscard]] std::size_t end() const { return end_; }          // bytes so far
  [[nodiscard]] std::size_t columns() const { return columns_; }  // columns so far

 private:
  std::string_view text_;
  std::size_t end_ = 0, columns_ = 0;
  unsigned last_ = 0;  // columns of the last character that is not a mark
};

// Returns at least what a terminal uses: emoji that a terminal joins are counted one by one.
[[nodiscard]] std::size_t text_columns(std::string_view text);
// Returns the beginning of the text within `columns`, without cutting a code point.
[[nodiscard]] std::string clipped(std::string_view text, std::size_t columns);

}  // namespace larder::agent
