#include "base/text/given_text.h"

#include <gtest/gtest.h>

namespace larder {
namespace {

using Words = std::vector<std::string_view>;

TEST(GivenText, LosesItsByteOrderMark) {
  EXPECT_EQ(without_byte_order_mark("\xEF\xBB\xBFx", "f").value(), "x");
  EXPECT_EQ(without_byte_order_mark("x", "f").value(), "x");
  EXPECT_EQ(without_byte_order_mark("", "f").value(), "");
  for (const std::string& mark : {std::string("\xFF\xFE"), std::string("\xFE\xFF"), std::string("\xFF\xFE\0\0", 4),
                                  std::string("\0\0\xFE\xFF", 4)}) {
    const auto read = without_byte_order_mark(mark + "x", "list.txt");
    ASSERT_FALSE(read);
    EXPECT_NE(read.error().text().find("list.txt"), std::string::npos);
  }
}

TEST(GivenText, IsTrimmedOfEveryBlank) {
  for (const std::string blank : {" ", "\t", "\r", "\n", "\v", "\f", "\u00A0", "\u3000", "\u200B", "\uFEFF"}) {
    EXPECT_EQ(trim_given(blank + "a b" + blank), "a b") << blank;
    EXPECT_EQ(trim_given(blank + blank), "");
  }
  EXPECT_EQ(trim_given("\u00e4\u65e5"), "\u00e4\u65e5") << "bytes of characters are no blanks";
}

TEST(GivenText, HasLinesWhateverEndsThem) {
  EXPECT_EQ(given_lines("a\nb\r\nc\rd"), (Words{"a", "b", "c", "d"}));
  EXPECT_EQ(given_lines("a\r\n"), (Words{"a", ""}));
  EXPECT_EQ(given_lines("\r\n\r\n"), (Words{"", "", ""}));
  EXPECT_EQ(given_lines(""), (Words{""}));
}

TEST(GivenText, HasWordsBetweenBlanks) {
  EXPECT_EQ(given_words("  a\u00A0\tb  "), (Words{"a", "b"}));
  EXPECT_EQ(given_words(" \u3000 "), Words{});
}

}  // namespace
}  // namespace larder
