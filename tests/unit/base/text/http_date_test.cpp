#include "base/text/http_date.h"

#include <gtest/gtest.h>

#include "base/text/units.h"

namespace larder {
namespace {

WallTime at(std::int64_t unix_seconds) {
  return from_unix_ns(unix_seconds * 1'000'000'000);
}

const WallTime kNow = at(1'780'000'000);  // 28 May 2026

TEST(HttpDate, ReadsThreeForms) {
  const WallTime expected = at(784111777);
  for (const char* text : {"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
                           "Sun Nov  6 08:49:37 1994", " Sun, 06 Nov 1994 08:49:37 GMT "}) {
    EXPECT_EQ(parse_http_date(text, kNow), expected) << text;
  }
  EXPECT_EQ(parse_http_date("Sun Nov 16 08:49:37 1994", kNow), at(784111777 + 864000));
  EXPECT_EQ(parse_http_date("Thu, 01 Jan 1970 00:00:00 GMT", kNow), at(0));
  EXPECT_EQ(parse_http_date("Thu, 29 Feb 2024 00:00:00 GMT", kNow), at(1709164800));
  EXPECT_EQ(parse_http_date("Sat, 31 Dec 2016 23:59:60 GMT", kNow), at(1483228799)) << "a leap second";
  EXPECT_EQ(format_http_date(expected), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(format_http_date(at(0)), "Thu, 01 Jan 1970 00:00:00 GMT");
  EXPECT_EQ(format_http_date(at(-1)), "Wed, 31 Dec 1969 23:59:59 GMT");
  for (const char* bad :
       {"", "now", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 UTC", "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 31 Feb 2026 00:00:00 GMT", "Sun, 06 Nov 1994 24:00:00 GMT", "Sun, 06 Nov 1994 08:60:00 GMT",
        "Sun, 06 Nov 94 08:49:37 GMT", "sun, 06 nov 1994 08:49:37 GMT", "Sun, 06 Nov 9999 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT GMT", "Mon, 29 Feb 2023 00:00:00 GMT"}) {
    EXPECT_FALSE(parse_http_date(bad, kNow)) << bad;
  }
}

// At most 50 years ahead.
TEST(HttpDate, ReadsTwoDigitYears) {
  const std::pair<const char*, int> rows[] = {{"26", 2026}, {"76", 2076}, {"77", 1977}, {"00", 2000}, {"99", 1999}};
  for (const auto& [digits, year] : rows) {
    const auto time = parse_http_date("Friday, 01-May-" + std::string(digits) + " 00:00:00 GMT", kNow);
    ASSERT_TRUE(time) << digits;
    EXPECT_NE(format_http_date(*time).find("May " + std::to_string(year)), std::string::npos)
        << format_http_date(*time);
  }
}

TEST(HttpDate, KnowsTheFormThatIsWritten) {
  EXPECT_EQ(parse_imf_fixdate("Sun, 06 Nov 1994 08:49:37 GMT"), at(784111777));
  for (const char* text :
       {"", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", " Sun, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT x", "Sun, 06 Nov 1994 08:49:37 CET"}) {
    EXPECT_FALSE(parse_imf_fixdate(text)) << text;
  }
}

}  // namespace
}  // namespace larder
