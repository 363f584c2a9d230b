#include "agent/cli/show/columns.h"

#include <gtest/gtest.h>

namespace larder::agent {
namespace {

TEST(TextColumns, AreThoseOfATerminal) {
  const struct {
    std::string text;
    std::size_t columns;
  } cases[] = {
      {"", 0},
      {"x.iso", 5},
      {"\u00e4\u00f6\u00fc", 3},
      {"\u65e5\u672c\u8a9e", 6},                    // ideographs
      {"\uff21\uff22", 4},                          // full width
      {"\uff76\uff85", 2},                          // half width
      {"\u3042\u30a2", 4},                          // kana
      {"\ud55c\uae00", 4},                          // Hangul in one piece
      {"\u1112\u1161\u11ab\u1100\u1173\u11af", 4},  // and in its letters, as file names of a Mac have it
      {"e\u0301", 1},                               // accents that join
      {"u\u0308\u0301", 1},
      {"\u200b\u200d", 0},
      {"\U0001f600", 2},
      {"\U0001faf0", 2},    // newer emoji
      {"\u2764\ufe0f", 2},  // a heart that asks to be an emoji
      {"\u4e2d\ufe0f", 2},
      {"\U00020000", 2},
      {"\u0e01\u0e34", 1},  // Thai vowel above
      {"\xff\xfe", 2},      // no UTF-8: byte by byte
  };
  for (const auto& c : cases) EXPECT_EQ(text_columns(c.text), c.columns) << c.text;
}

TEST(Clipped, TakesNoMoreColumnsThanThereAre) {
  const std::string text = "a\u65e5e\u0301\U0001f600\u2764\ufe0f\ud55c";
  for (std::size_t columns = 0; columns < 14; ++columns) {
    const std::string part = clipped(text, columns);
    EXPECT_LE(text_columns(part), columns);
    EXPECT_TRUE(text.starts_with(part));
    EXPECT_TRUE(part.size() == text.size() || (static_cast<unsigned char>(text[part.size()]) & 0xC0) != 0x80)
        << columns;
  }
  EXPECT_EQ(clipped("\u65e5\u672c", 3), "\u65e5");
  EXPECT_EQ(clipped("e\u0301x", 1), "e\u0301") << "with the accent that belongs to it";
}

}  // namespace
}  // namespace larder::agent
