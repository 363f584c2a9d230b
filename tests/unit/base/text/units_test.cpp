#include "base/text/units.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <limits>

namespace larder {
namespace {

using namespace std::chrono_literals;

template <class T>
struct Row {
  const char* text;
  T value;
};

TEST(ParseBytes, Accepts) {
  const Row<std::uint64_t> table[] = {
      {"0", 0},
      {"512", 512},
      {"512B", 512},
      {"512 B", 512},
      {" 7 ", 7},
      {"10 KB", 10'000},
      {"10kB", 10'000},
      {"3 MB", 3'000'000},
      {"1 GB", 1'000'000'000},
      {"2 TB", 2'000'000'000'000},
      {"1 KiB", 1024},
      {"64 MiB", 64 * kMiB},
      {"64MiB", 64 * kMiB},
      {"1.5 GiB", kGiB + kGiB / 2},
      {"0.1 KiB", 102},
      {"4 TiB", 4096 * kGiB},
      {"18446744073709551615", std::numeric_limits<std::uint64_t>::max()},
  };
  for (const auto& row : table) {
    const auto parsed = parse_bytes(row.text);
    ASSERT_TRUE(parsed) << row.text << ": " << parsed.error().text();
    EXPECT_EQ(*parsed, row.value) << row.text;
  }
}

TEST(ParseBytes, Refuses) {
  for (const char* bad : {"",
                          " ",
                          "MiB",
                          "-1",
                          "+1",
                          "1.5",
                          "1.5 B",
                          "1.",
                          ".5 MiB",
                          "1..5 MiB",
                          "1e3",
                          "0x10",
                          "10 K",
                          "10 mib",
                          "10 MIB",
                          "10 Mbit",
                          "10 MiB/s",
                          "1 MiB 2",
                          "1,5 MiB",
                          "18446744073709551616",
                          "16777216 TiB",
                          "99999999999 TB",
                          "1.0000000000 MiB",
                          "1\n",
                          "inf",
                          "nan"}) {
    const auto parsed = parse_bytes(bad);
    ASSERT_FALSE(parsed) << bad;
    EXPECT_EQ(parsed.error().code, ErrorCode::invalid_argument);
  }
}

TEST(ParseBytes, TheErrorShowsTheTextAndAForm) {
  EXPECT_EQ(parse_bytes("10 mib").error().text(),
            "cannot read \"10 mib\" as a size: write a number and a unit, as in 512, 10 KB, 64 MiB or 1.5 GiB");
  EXPECT_LT(parse_bytes(std::string(100'000, 'x')).error().text().size(), 200U);
}

TEST(FormatBytes, Table) {
  const Row<std::uint64_t> table[] = {
      {"0 B", 0},
      {"512 B", 512},
      {"1023 B", 1023},
      {"1.00 KiB", 1024},
      {"1.50 GiB", kGiB + kGiB / 2},
      {"1.00 MiB", kMiB - 1},
      {"1023.00 KiB", 1023 * kKiB},
      {"64.00 MiB", 64 * kMiB},
      {"16.00 EiB", std::numeric_limits<std::uint64_t>::max()},
  };
  for (const auto& row : table) EXPECT_EQ(format_bytes(row.value), row.text);
}

RC_GTEST_PROP(UnitsProperty, WrittenBytesReadBackWithinHalfAPercent, ()) {
  const auto value = *rc::gen::inRange<std::uint64_t>(0, 1000 * 1024 * kGiB);
  const auto back = parse_bytes(format_bytes(value));
  RC_ASSERT(back.has_value());
  const auto difference = value > *back ? value - *back : *back - value;
  RC_ASSERT(difference <= value / 199);
}

TEST(ParseRate, Accepts) {
  const Row<std::uint64_t> table[] = {
      {"0", 0},
      {"0 MiB/s", 0},
      {"10 MiB/s", 10 * kMiB},
      {"10MiB/s", 10 * kMiB},
      {"512 B/s", 512},
      {"1.5 KB/s", 1500},
      {"200 Mbit/s", 25'000'000},
      {"8 bit/s", 1},
      {"12 bit/s", 1},
      {"1 Gbit/s", 125'000'000},
      {"10 MiB /s", 10 * kMiB},
  };
  for (const auto& row : table) {
    const auto parsed = parse_rate(row.text);
    ASSERT_TRUE(parsed) << row.text << ": " << parsed.error().text();
    EXPECT_EQ(*parsed, row.value) << row.text;
  }
}

TEST(ParseRate, Refuses) {
  // "7 bit/s" would round down to 0, which means unlimited.
  for (const char* bad : {"", "10", "10 MiB", "/s", "10 /s", "10/s", "MiB/s", "-1 MiB/s", "7 bit/s", "0.5 B/s",
                          "10 mbit/s", "10 Mibit/s", "10 MiB/m", "100 kbit / s", "unlimited", "99999999999999 TB/s"}) {
    EXPECT_FALSE(parse_rate(bad)) << bad;
  }
}

TEST(FormatRate, Table) {
  EXPECT_EQ(format_rate(0), "0 B/s");
  EXPECT_EQ(format_rate(511.6), "512 B/s");
  EXPECT_EQ(format_rate(1023.7), "1.00 KiB/s");
  EXPECT_EQ(format_rate(12.5 * 1024 * 1024), "12.50 MiB/s");
  EXPECT_EQ(format_rate(-1), "0 B/s");
  EXPECT_EQ(format_rate(std::numeric_limits<double>::infinity()), "0 B/s");
  EXPECT_EQ(format_rate(std::numeric_limits<double>::quiet_NaN()), "0 B/s");
}

TEST(ParseDuration, Accepts) {
  const Row<Duration> table[] = {
      {"0", 0s},      {"0s", 0s},       {"250ms", 250ms}, {"30s", 30s},
      {"10m", 10min}, {"1h30m", 90min}, {"90d", 2160h},   {"1d2h3m4s5ms", 24h + 2h + 3min + 4s + 5ms},
      {"90m", 90min}, {"1m 05s", 65s},  {" 5s ", 5s},     {"1h 5ms", 1h + 5ms},
  };
  for (const auto& row : table) {
    const auto parsed = parse_duration(row.text);
    ASSERT_TRUE(parsed) << row.text << ": " << parsed.error().text();
    EXPECT_EQ(*parsed, row.value) << row.text;
  }
}

TEST(ParseDuration, Refuses) {
  for (const char* bad : {"", " ", "10", "s", "-1s", "1.5s", "30m1h", "1h1h", "1S", "1 min", "1w", "1us", "5ms5s",
                          "1h30", "106752d", "99999999999999999999s", "1h,30m"}) {
    EXPECT_FALSE(parse_duration(bad)) << bad;
  }
}

TEST(ParseDuration, TheLongestFits) {
  EXPECT_EQ(parse_duration("106751d").value_or(0s), 106751 * 24h);
}

TEST(FormatDuration, Table) {
  const Row<Duration> table[] = {
      {"0s", 0s},        {"0s", 1us},          {"250ms", 250ms},
      {"5s", 5s},        {"1s 500ms", 1500ms}, {"59s", 59s},
      {"1m 00s", 60s},   {"1m 05s", 65s},      {"1m 05s", 65s + 300ms},
      {"1h 00m", 1h},    {"1h 30m", 90min},    {"23h 59m", 24h - 1s},
      {"1d", 24h},       {"90d", 2160h},       {"2d 03h", 51h},
      {"-1m 05s", -65s},
  };
  for (const auto& row : table) EXPECT_EQ(format_duration(row.value), row.text);
}

RC_GTEST_PROP(UnitsProperty, WrittenSecondsReadBack, ()) {
  const auto value = std::chrono::seconds(*rc::gen::inRange(0, 3600));
  RC_ASSERT(parse_duration(format_duration(value)).value_or(-1s) == Duration(value));
}

// Whatever the bytes, the parsers answer; the sanitizer builds watch for overflow.
RC_GTEST_PROP(UnitsProperty, AnyTextIsAnswered, ()) {
  const auto text = *rc::gen::container<std::string>(rc::gen::elementOf(std::string("0123456789. kKMGTiBbits/dhm-")));
  (void)parse_bytes(text);
  (void)parse_rate(text);
  const auto duration = parse_duration(text);
  if (duration) RC_ASSERT(*duration >= Duration::zero());
}

TEST(FormatTime, IsRfc3339InUtcWithMilliseconds) {
  EXPECT_EQ(format_time(from_unix_ns(0)), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(format_time(from_unix_ns(1'769'846'400'000'000'000)), "2026-01-31T08:00:00.000Z");
  EXPECT_EQ(format_time(from_unix_ns(951'782'400'999'999'999)), "2000-02-29T00:00:00.999Z");
  EXPECT_EQ(format_time(from_unix_ns(-1)), "1969-12-31T23:59:59.999Z");
}

TEST(UnixTime, RoundTrips) {
  for (const std::int64_t ns : {std::int64_t{0}, std::int64_t{-1}, std::int64_t{1'769'846'400'123'456'789}}) {
    EXPECT_EQ(to_unix_ns(from_unix_ns(ns)), ns);
  }
}

TEST(ByteRange, EndAndEquality) {
  EXPECT_EQ((ByteRange{10, 5}).end(), 15U);
  EXPECT_EQ((ByteRange{10, 5}), (ByteRange{10, 5}));
  EXPECT_NE((ByteRange{10, 5}), (ByteRange{10, 6}));
}

}  // namespace
}  // namespace larder
