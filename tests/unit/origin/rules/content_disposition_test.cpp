#include "origin/rules/content_disposition.h"

#include <gtest/gtest.h>

namespace larder::origin {
namespace {

TEST(ContentDisposition, GivesAName) {
  const std::pair<std::string, std::string> rows[] = {
      {"attachment; filename=\"a b.iso\"", "a b.iso"},
      {"attachment; filename=a.iso", "a.iso"},
      {"attachment;filename=a.iso;size=3", "a.iso"},
      {"attachment; FileName = \"a.iso\"", "a.iso"},
      {"inline; filename=\"a.iso\"", "a.iso"},
      {"attachment; filename=a b.iso", "a b.iso"},  // not allowed, and sent
      {"attachment; filename=\"a;b.iso\"", "a;b.iso"},
      {"attachment; filename=\"a\\\"b\"", "a\"b"},
      {"attachment; filename=\"cut off", "cut off"},
      {"attachment; filename*=UTF-8''na%C3%AFve%20file.txt; filename=\"x\"", "na\xc3\xafve file.txt"},
      {"attachment; filename=\"x\"; filename*=utf-8'en'%e2%82%ac.txt", "\xe2\x82\xac.txt"},
      {"attachment; filename*=ISO-8859-1''na%EFve", "na\xc3\xafve"},
      {"attachment; filename=\"x\"; filename*=UTF-8''%ff", "x"},
      {"attachment; filename=\"x\"; filename*=UTF-8''%4", "x"},
      {"attachment; filename=\"x\"; filename*=UTF-16''%41", "x"},
      {"attachment; filename=\"x\"; filename*=plain", "x"},
      {"attachment; filename=\"x\"; filename*=UTF-8''%2e%2e", "x"},
      {"attachment; filename=\"na\xefve\"", "na\xc3\xafve"},
      {"attachment; filename=\"na\xc3\xafve\"", "na\xc3\xafve"},
      {"attachment; filename=\"a\"; filename=\"b\"", "a"},
      {"attachment; filename=\"a%20b\"", "a%20b"},
      {"attachment; other=\"filename=evil\"; filename=good", "good"},
      {"filename=first; filename=second", "second"},  // what stands first is the type
      {"attachment", ""},
      {"", ""},
      {"attachment; filename", ""},
      {"attachment; filename=", ""},
      {"attachment; filename=\"\"", ""},
      {";;;=;", ""},
  };
  for (const auto& [text, name] : rows) EXPECT_EQ(parse_file_name(text), name) << text;
}

TEST(ContentDisposition, GivesNoPath) {
  const std::pair<std::string, std::string> rows[] = {
      {"attachment; filename=\"../../etc/passwd\"", "passwd"},
      {"attachment; filename=/etc/passwd", "passwd"},
      {"attachment; filename=\"C:\\dir\\a.txt\"", "a.txt"},
      {"attachment; filename=\"C:\\\\dir\\\\a.txt\"", "a.txt"},
      {"attachment; filename*=UTF-8''..%2f..%2fx", "x"},
      {"attachment; filename*=UTF-8''a%5Cb", "b"},
      {"attachment; filename=\"dir/\"", ""},
      {"attachment; filename=\"..\"", ""},
      {"attachment; filename=\".\"", ""},
      {"attachment; filename=\" .. \"", ""},
      {"attachment; filename*=UTF-8''a%00b%0a%1b%7f", "a_b___"},
      {"attachment; filename*=UTF-8''a%C2%9Bb", "a_b"},
  };
  for (const auto& [text, name] : rows) EXPECT_EQ(parse_file_name(text), name) << text;
}

TEST(ContentDisposition, IsBounded) {
  EXPECT_EQ(parse_file_name("a; filename=" + std::string(60'000, 'x')), std::string(kMaxFileName, 'x'));
  std::string long_name;
  for (int i = 0; i < 200; ++i) long_name += "\xc3\xa4";
  EXPECT_EQ(parse_file_name("a; filename=\"" + long_name + "\""), long_name.substr(0, 254)) << "half a character";
}

TEST(ContentDisposition, OfTwoFieldsIsBelievedWhereTheyAgree) {
  const Header one{"content-disposition", "attachment; filename=a"},
      same{"content-disposition", "inline; filename=\"a\""}, other{"content-disposition", "attachment; filename=b"},
      none{"content-disposition", "attachment"};
  EXPECT_EQ(offered_file_name({one}), "a");
  EXPECT_EQ(offered_file_name({one, same, none}), "a");
  EXPECT_EQ(offered_file_name({one, other}), "");
  EXPECT_EQ(offered_file_name({{"content-type", "filename=x"}}), "");
}

}  // namespace
}  // namespace larder::origin
