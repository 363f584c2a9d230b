#include "inbox/wire/fields.h"

#include "tests/unit/inbox/wire/wire_fixture.h"

namespace larder::inbox {
namespace {

http::RequestHead with(http::Fields fields) {
  http::RequestHead head;
  head.fields = std::move(fields);
  return head;
}

TEST(fields, a_field_that_is_given_twice_is_a_fault) {
  const auto head = with({{"Upload-Offset", "1"}, {"upload-offset", "1"}, {"Other", "x"}});
  const auto value = only_field(head, "Upload-Offset");
  ASSERT_FALSE(value);
  EXPECT_EQ(value.error().detail, "cannot take the request: Upload-Offset is given twice; give it once");
  EXPECT_EQ(only_field(head, "other")->value(), "x");
  EXPECT_FALSE(only_field(head, "none")->has_value());
  EXPECT_FALSE(needed_field(head, "none"));
  EXPECT_FALSE(number_field(head, "Upload-Offset"));
}

TEST(fields, numbers) {
  EXPECT_EQ(parse_number("0"), 0U);
  EXPECT_EQ(parse_number("9223372036854775807"), (std::uint64_t{1} << 63) - 1);
  for (const char* const text :
       {"", "-1", "+1", " 1", "1 ", "01", "00", "1.0", "1e3", "0x10", "9223372036854775808", "9999999999999999999",
        "18446744073709551615", "18446744073709551616", "99999999999999999999", "1,2", "\xD9\xA1"})
    EXPECT_FALSE(parse_number(text)) << text;
}

TEST(fields, a_number_that_is_none_is_shown_without_what_harms) {
  const auto number = number_field(with({{"Upload-Offset", "a\tb\xff" + std::string(100, 'x')}}), "Upload-Offset");
  ASSERT_FALSE(number);
  EXPECT_EQ(number.error().detail,
            "cannot take the request: Upload-Offset \"a?b?" + std::string(60, 'x') + "\" is no number of bytes");
}

TEST(fields, content_ranges) {
  EXPECT_EQ(parse_content_range("bytes 0-4891/4892"), (ContentRange{0, 4891, 4892}));
  EXPECT_EQ(parse_content_range("Bytes 7-7/9"), (ContentRange{7, 7, 9}));
  EXPECT_EQ(parse_content_range("bytes 7-9/10")->length(), 3U);
  for (const char* const text : {"",
                                 "bytes",
                                 "bytes ",
                                 "bytes 0-1",
                                 "bytes 0-1/",
                                 "bytes 0-1/*",
                                 "bytes */2",
                                 "bytes 1-0/2",
                                 "bytes 0-2/2",
                                 "bytes -1/2",
                                 "bytes 0-/2",
                                 "bytes 0 -1/2",
                                 "bytes  0-1/2",
                                 "bytes=0-1/2",
                                 "items 0-1/2",
                                 "bytes 0-1/2/3",
                                 "bytes 0-1-1/2",
                                 "bytes 0-1/2 ",
                                 "0-1/2",
                                 "bytes/0-1",
                                 "bytes 0-9223372036854775807/9223372036854775808",
                                 "bytes 0-18446744073709551615/18446744073709551616",
                                 "bytes 1/2-3"})
    EXPECT_FALSE(parse_content_range(text)) << text;
}

TEST(fields, types_and_codings) {
  EXPECT_EQ(content_type(with({{"Content-Type", "Application/X; charset=y"}})).value(), "application/x");
  EXPECT_EQ(content_type(with({})).value(), "");
  EXPECT_FALSE(content_type(with({{"Content-Type", "a/b"}, {"Content-Type", "a/b"}})));
  EXPECT_TRUE(refuse_coding(with({})));
  EXPECT_TRUE(refuse_coding(with({{"Content-Encoding", "Identity"}})));
  EXPECT_EQ(refuse_coding(with({{"Content-Encoding", "gzip"}})).error().status, 415);
  EXPECT_EQ(refuse_coding(with({{"Content-Encoding", "identity"}, {"Content-Encoding", "gzip"}})).error().status, 0);
}

}  // namespace
}  // namespace larder::inbox
