#include "origin/http/http_fields.h"

#include <gtest/gtest.h>

#include "base/text/http_date.h"
#include "base/text/units.h"

namespace larder::origin {
namespace {

using std::chrono::seconds;

constexpr std::uint64_t kMax = UINT64_MAX;

WallTime at(std::int64_t unix_seconds) {
  return from_unix_ns(unix_seconds * 1'000'000'000);
}

const WallTime kNow = at(1'780'000'000);  // 28 May 2026

TEST(HttpFields, ReadContentRange) {
  struct Row {
    std::string text;
    std::optional<ContentRange> parsed;
  };
  const Row rows[] = {
      {"bytes 0-0/1", ContentRange{false, 0, 0, 1}},
      {"bytes 0-99/200", ContentRange{false, 0, 99, 200}},
      {"BYTES 5-9/*", ContentRange{false, 5, 9, std::nullopt}},
      {" bytes  5-9/10 ", ContentRange{false, 5, 9, 10}},
      {"bytes */200", ContentRange{true, 0, 0, 200}},
      {"bytes */0", ContentRange{true, 0, 0, 0}},
      {"bytes 0-9223372036854775806/9223372036854775807", ContentRange{false, 0, kMax / 2 - 1, kMax / 2}},
      {"bytes 0-9223372036854775807/*", std::nullopt},
      {"bytes 0-18446744073709551613/18446744073709551614", std::nullopt},
      {"bytes */*", std::nullopt},
      {"bytes 9-5/10", std::nullopt},
      {"bytes 0-10/10", std::nullopt},
      {"bytes 0-18446744073709551615/*", std::nullopt},
      {"bytes 0-18446744073709551616/18446744073709551617", std::nullopt},
      {"bytes -5/10", std::nullopt},
      {"bytes 5-/10", std::nullopt},
      {"bytes 0--1/10", std::nullopt},
      {"bytes 0-1/-1", std::nullopt},
      {"bytes +0-1/2", std::nullopt},
      {"bytes 0 - 1/2", std::nullopt},
      {"bytes 0-1", std::nullopt},
      {"bytes=0-1/2", std::nullopt},
      {"bytes", std::nullopt},
      {"items 0-1/2", std::nullopt},
      {"bytes 0-1/2/3", std::nullopt},
      {"bytes 0-1/2, bytes 0-1/2", std::nullopt},
      {"", std::nullopt},
  };
  for (const Row& row : rows) {
    const auto parsed = parse_content_range(row.text);
    ASSERT_EQ(parsed.has_value(), row.parsed.has_value()) << row.text;
    if (!parsed) continue;
    EXPECT_EQ(parsed->unsatisfied, row.parsed->unsatisfied) << row.text;
    EXPECT_EQ(parsed->first, row.parsed->first) << row.text;
    EXPECT_EQ(parsed->last, row.parsed->last) << row.text;
    EXPECT_EQ(parsed->total, row.parsed->total) << row.text;
  }
}

TEST(HttpFields, SayWhatIsWrongWithAContentLength) {
  const auto huge = content_length({{"content-length", "36893488147419103232"}});
  ASSERT_FALSE(huge);
  EXPECT_NE(huge.error().text().find("larger than any file"), std::string::npos) << huge.error().text();
  const auto word = content_length({{"content-length", "12x"}});
  ASSERT_FALSE(word);
  EXPECT_NE(word.error().text().find("not a number"), std::string::npos) << word.error().text();
}

TEST(HttpFields, ReadContentLength) {
  const auto of = [](std::vector<std::string> values) {
    std::vector<Header> headers;
    for (auto& value : values) headers.emplace_back("content-length", std::move(value));
    return content_length(headers);
  };
  EXPECT_EQ(*of({}), std::nullopt);
  EXPECT_EQ(*of({"0"}), 0U);
  EXPECT_EQ(*of({"9223372036854775807"}), kMax / 2);
  EXPECT_EQ(*of({"5", "5"}), 5U);
  EXPECT_EQ(*of({"5, 5"}), 5U);
  for (const auto& bad : std::vector<std::vector<std::string>>{{"-1"},
                                                               {"+1"},
                                                               {"9223372036854775808"},
                                                               {"18446744073709551616"},
                                                               {"0x10"},
                                                               {"1 0"},
                                                               {"5", "6"},
                                                               {"5, 6"},
                                                               {"five"},
                                                               {"5.0"}}) {
    const auto length = of(bad);
    ASSERT_FALSE(length) << bad.front();
    EXPECT_EQ(length.error().code, ErrorCode::bad_response);
  }
}

TEST(HttpFields, ReadEntityTags) {
  EXPECT_EQ(parse_etag("\"x\"")->text, "\"x\"");
  EXPECT_FALSE(parse_etag("\"x\"")->weak);
  EXPECT_EQ(parse_etag(" W/\"x\" ")->text, "\"x\"");
  EXPECT_TRUE(parse_etag("W/\"x\"")->weak);
  EXPECT_EQ(parse_etag("\"\"")->text, "\"\"");
  EXPECT_TRUE(parse_etag("\"\xc3\xa4\\\""));
  for (const char* bad :
       {"", "x", "\"", "\"x", "x\"", "w/\"x\"", "W/x", "W/", "\"a\"b\"", "\"a b\"", "\"a\tb\"", "'x'"}) {
    EXPECT_FALSE(parse_etag(bad)) << bad;
  }
  EXPECT_FALSE(parse_etag("\"" + std::string(2000, 'x') + "\""));
}

TEST(HttpFields, ReadRetryAfter) {
  EXPECT_EQ(parse_retry_after("0", kNow), seconds(0));
  EXPECT_EQ(parse_retry_after(" 120 ", kNow), seconds(120));
  EXPECT_EQ(parse_retry_after("99999999999999999999999999", kNow), kMaxRetryAfter);
  EXPECT_EQ(parse_retry_after("86400", kNow), kMaxRetryAfter);
  EXPECT_EQ(parse_retry_after(format_http_date(kNow + seconds(30)), kNow), seconds(30));
  EXPECT_EQ(parse_retry_after(format_http_date(kNow - seconds(30)), kNow), seconds(0));
  EXPECT_EQ(parse_retry_after("Fri, 01 Jan 2100 00:00:00 GMT", kNow), kMaxRetryAfter);
  for (const char* bad : {"", "-1", "1.5", "soon", "+5"}) EXPECT_FALSE(parse_retry_after(bad, kNow)) << bad;
}

TEST(HttpFields, ReadCacheControl) {
  const auto of = [](std::string value) { return parse_cache_control({{"cache-control", std::move(value)}}); };
  EXPECT_TRUE(of("No-Store").no_store);
  EXPECT_TRUE(of("max-age=3, no-store").no_store);
  EXPECT_TRUE(of("private=\"Set-Cookie, X\", max-age=5").is_private);
  EXPECT_EQ(of("private=\"Set-Cookie, X\", max-age=5").max_age, 5U);
  EXPECT_EQ(of("max-age=\"7\"").max_age, 7U);
  EXPECT_TRUE(of("public, s-maxage=10").is_public);
  EXPECT_EQ(of("s-maxage=10").s_maxage, 10U);
  EXPECT_FALSE(of("x=\"no-store, private\"").no_store) << "inside a quoted string";
  EXPECT_FALSE(of("no-storex").no_store);
  EXPECT_FALSE(of("max-age=-1").max_age);
  const CacheControl two = parse_cache_control({{"cache-control", "no-cache"}, {"cache-control", "private"}});
  EXPECT_TRUE(two.no_cache && two.is_private);
}

TEST(HttpFields, ReadAcceptRanges) {
  const auto of = [](std::string value) { return parse_accept_ranges({{"accept-ranges", std::move(value)}}); };
  EXPECT_EQ(of("bytes"), AcceptRanges::bytes);
  EXPECT_EQ(of("none"), AcceptRanges::none);
  EXPECT_EQ(of("items, Bytes"), AcceptRanges::bytes);
  EXPECT_EQ(of("items"), AcceptRanges::unsaid);
  EXPECT_EQ(parse_accept_ranges({}), AcceptRanges::unsaid);
}

const std::string kEmpty = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";  // SHA-256 of nothing

TEST(HttpFields, ReadReprDigest) {
  const Digest digest = sha256({});
  EXPECT_EQ(parse_repr_digest("sha-256=:" + kEmpty + ":"), digest);
  EXPECT_EQ(parse_repr_digest("sha-512=:AAAA:, sha-256=:" + kEmpty + ":"), digest);
  EXPECT_EQ(parse_repr_digest("sha-256=:" + kEmpty + ":;p=1, md5=:AAAA:"), digest);
  for (const std::string& bad :
       std::vector<std::string>{std::string(), kEmpty, "sha-256=" + kEmpty, "sha-256=:" + kEmpty,
                                "sha-256=:AAAA:", "SHA-256=:" + kEmpty + ":", "sha-256=:" + kEmpty + ":x",
                                "sha-256=::", "sha-512=:" + kEmpty + ":",
                                "sha-256=:" + kEmpty.substr(1) + "x:", "sha-256=:" + kEmpty + ":, sha-256=:AAAA:"}) {
    EXPECT_FALSE(parse_repr_digest(bad)) << bad;
  }
}

TEST(HttpFields, ReadDigest) {
  EXPECT_EQ(parse_digest("SHA-256=" + kEmpty), sha256({}));
  EXPECT_EQ(parse_digest("md5=HUXZLQLMuI/KZ5KDcJPcOA==, sha-256=" + kEmpty), sha256({}));
  EXPECT_FALSE(parse_digest("SHA-256=" + kEmpty.substr(4)));
  EXPECT_FALSE(parse_digest("SHA=" + kEmpty));
  EXPECT_FALSE(parse_digest(""));
}

TEST(HttpFields, TellPromisesThatContradict) {
  const std::string other = to_base64(sha256(as_bytes("x")));
  EXPECT_EQ(**promised_sha256({{"repr-digest", "sha-256=:" + kEmpty + ":"}, {"digest", "sha-256=" + kEmpty}}),
            sha256({}));
  EXPECT_EQ(*promised_sha256({{"content-digest", "sha-256=:" + kEmpty + ":"}}), std::nullopt) << "not of the whole";
  const auto two = promised_sha256({{"repr-digest", "sha-256=:" + kEmpty + ":"}, {"digest", "sha-256=" + other}});
  ASSERT_FALSE(two);
  EXPECT_EQ(two.error().code, ErrorCode::bad_response);
}

TEST(TransferEncoding, IsNothingOrChunkedOnce) {
  struct Row {
    std::vector<std::string> lines;
    std::optional<bool> chunked;  // absent: refused
  };
  std::string many;
  for (int i = 0; i < 100; ++i) many += "identity, ";
  const Row rows[] = {
      {{}, false},
      {{""}, false},
      {{"identity"}, false},
      {{"chunked"}, true},
      {{"Chunked"}, true},
      {{"CHUNKED"}, true},
      {{" chunked ,"}, true},
      {{"identity, chunked"}, true},
      {{"chunked, identity"}, true},
      {{"identity", "chunked"}, true},
      {{many + "chunked"}, true},
      {{"gzip"}, std::nullopt},
      {{"gzip, chunked"}, std::nullopt},
      {{"chunked, gzip"}, std::nullopt},
      {{"gzip", "chunked"}, std::nullopt},
      {{"chunked", "gzip"}, std::nullopt},
      {{"Deflate, Chunked"}, std::nullopt},
      {{"chunked, chunked"}, std::nullopt},
      {{"chunked", "chunked"}, std::nullopt},
      {{"chunked;q=1"}, std::nullopt},
      {{"xchunked"}, std::nullopt},
      {{"\"chunked\""}, std::nullopt},
      {{"unknown"}, std::nullopt},
      {{many + "gzip, chunked"}, std::nullopt},
  };
  for (const Row& row : rows) {
    std::vector<Header> headers;
    for (const std::string& line : row.lines) headers.emplace_back("transfer-encoding", line);
    const auto chunked = is_chunked(headers);
    const std::string name = row.lines.empty() ? "none" : row.lines.front().substr(0, 40);
    EXPECT_EQ(chunked.has_value(), row.chunked.has_value()) << name;
    if (chunked && row.chunked) {
      EXPECT_EQ(*chunked, *row.chunked) << name;
    }
    if (!chunked) {
      EXPECT_EQ(chunked.error().code, ErrorCode::bad_response);
      EXPECT_NE(chunked.error().detail.find("Transfer-Encoding"), std::string::npos);
    }
  }
}

TEST(ContentLength, IsWhatCanBeCounted) {
  const auto length = [](std::vector<std::string> lines) {
    std::vector<Header> headers;
    for (const std::string& line : lines) headers.emplace_back("content-length", line);
    return content_length(headers);
  };
  EXPECT_EQ(length({"9223372036854775807"}).value(), std::optional<std::uint64_t>(INT64_MAX));
  for (const std::vector<std::string>& lines : std::vector<std::vector<std::string>>{
           {"9223372036854775808"}, {"36893488147419103232"}, {"-1"}, {"+5"}, {"5 bytes"}, {"5", "6"}, {"5, 6"}}) {
    EXPECT_FALSE(length(lines)) << lines.front();
  }
  EXPECT_NE(length({"36893488147419103232"}).error().detail.find("larger than any file"), std::string::npos);
  EXPECT_EQ(length({"5, 5", "5"}).value(), std::optional<std::uint64_t>(5));
  EXPECT_FALSE(parse_content_range("bytes 0-9/9223372036854775808"));
}

TEST(SplitList, PassesNoElementOver) {
  std::string many;
  for (int i = 0; i < 1000; ++i) many += "a,";
  EXPECT_EQ(split_list(many + "last").size(), 1001U);
}

}  // namespace
}  // namespace larder::origin
