#include "base/text/text.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace larder {
namespace {

using std::string_literals::operator""s;

TEST(Utf8, IsReadCharacterByCharacter) {
  const std::pair<std::string, std::size_t> rows[] = {
      {"a", 1},
      {"\0"s, 1},
      {"\x7f", 1},
      {"\xc2\x80", 2},
      {"\xdf\xbfz", 2},
      {"\xe0\xa0\x80", 3},
      {"\xed\x9f\xbf", 3},
      {"\xee\x80\x80", 3},
      {"\xef\xbf\xbf", 3},
      {"\xf0\x90\x80\x80", 4},
      {"\xf4\x8f\xbf\xbf", 4},
      {"\x80", 0},              // no character begins so
      {"\xc1\xbf", 0},          // overlong
      {"\xe0\x9f\xbf", 0},      // overlong
      {"\xf0\x8f\xbf\xbf", 0},  // overlong
      {"\xed\xa0\x80", 0},      // a surrogate
      {"\xf4\x90\x80\x80", 0},  // beyond U+10FFFF
      {"\xf5\x80\x80\x80", 0},
      {"\xff", 0},
      {"\xc2", 0},  // cut off
      {"\xe2\x82", 0},
      {"\xf0\x9f\x98", 0},
      {"\xc2z", 0},
      {"\xe2\x82z", 0},
      {"\xf0\x9f\x98z", 0},
  };
  for (const auto& [text, length] : rows) EXPECT_EQ(utf8_length(text), length) << testing::PrintToString(text);
}

TEST(Utf8, IsAllOfItOrNot) {
  EXPECT_TRUE(is_utf8(""));
  EXPECT_TRUE(is_utf8("gr\xc3\xbc\xc3\x9f Gott \xf0\x9f\x98\x80"));
  EXPECT_FALSE(is_utf8("gr\xfc\xdf Gott"));
  EXPECT_FALSE(is_utf8("cut \xe2\x82"));
}

}  // namespace
}  // namespace larder
