#include "origin/rules/response_check.h"

#include <gtest/gtest.h>

#include "base/text/units.h"
#include "origin/cache_evidence.h"
#include "origin/http/http_fields.h"
#include "origin/rules/status_rules.h"

namespace larder::origin {
namespace {

const std::string kDate = "Sun, 06 Nov 1994 08:49:37 GMT";
const std::string kLater = "Mon, 07 Nov 1994 08:49:37 GMT";

cache::Version version(std::optional<std::uint64_t> size, std::string etag, std::string date) {
  return {"http://h/x", size, std::move(etag), std::move(date)};
}

AnswerContext context() {
  AnswerContext context;
  context.url = context.effective_url = "http://h/x";
  context.now = from_unix_ns(1'780'000'000'000'000'000);
  return context;
}

HttpHead head(int status, std::vector<Header> headers) {
  HttpHead h;
  h.status = status;
  h.headers = std::move(headers);
  return h;
}

constexpr auto kOk = ErrorCode::internal;  // stands for "accepted" in the tables

// 206 answers to bytes=100-199 of a file of 1000 bytes with both validators.
TEST(ResponseCheck, HoldsPartsAgainstWhatWasAsked) {
  struct Row {
    const char* name;
    std::vector<Header> headers;
    ErrorCode code;
  };
  const Header etag = {"etag", "\"a\""}, date = {"last-modified", kDate},
               range = {"content-range", "bytes 100-199/1000"};
  const std::vector<Row> rows = {
      {"honest", {etag, date, range, {"content-length", "100"}}, kOk},
      {"no length", {etag, date, range}, kOk},
      {"etag only", {etag, range}, kOk},
      {"date only", {date, range}, kOk},
      {"total unknown", {etag, {"content-range", "bytes 100-199/*"}}, kOk},
      {"date in another form", {{"last-modified", "Sunday, 06-Nov-94 08:49:37 GMT"}, range}, kOk},
      {"weak twin and date", {{"etag", "W/\"a\""}, date, range}, kOk},
      {"identity coding", {etag, range, {"content-encoding", "identity"}}, kOk},
      {"weak twin alone", {{"etag", "W/\"a\""}, range}, ErrorCode::range_not_supported},
      {"no validator", {range}, ErrorCode::range_not_supported},
      {"other etag", {{"etag", "\"b\""}, date, range}, ErrorCode::version_changed},
      {"other weak etag", {{"etag", "W/\"b\""}, date, range}, ErrorCode::version_changed},
      {"malformed etag", {{"etag", "a"}, date, range}, ErrorCode::version_changed},
      {"two etags", {etag, {"etag", "\"b\""}, range}, ErrorCode::version_changed},
      {"other date", {etag, {"last-modified", kLater}, range}, ErrorCode::version_changed},
      {"malformed date", {etag, {"last-modified", "yesterday"}, range}, ErrorCode::version_changed},
      {"other total", {etag, date, {"content-range", "bytes 100-199/1001"}}, ErrorCode::version_changed},
      {"no content-range", {etag, date}, ErrorCode::bad_response},
      {"two content-ranges", {etag, range, range}, ErrorCode::bad_response},
      {"malformed range", {etag, {"content-range", "bytes 199-100/1000"}}, ErrorCode::bad_response},
      {"unsatisfied", {etag, {"content-range", "bytes */1000"}}, ErrorCode::bad_response},
      {"other start", {etag, {"content-range", "bytes 101-199/1000"}}, ErrorCode::bad_response},
      {"start 0", {etag, {"content-range", "bytes 0-199/1000"}}, ErrorCode::bad_response},
      {"short end", {etag, {"content-range", "bytes 100-198/1000"}}, ErrorCode::bad_response},
      {"long end", {etag, {"content-range", "bytes 100-200/1000"}}, ErrorCode::bad_response},
      {"length differs", {etag, range, {"content-length", "99"}}, ErrorCode::bad_response},
      {"negative length", {etag, range, {"content-length", "-100"}}, ErrorCode::bad_response},
      {"two lengths", {etag, range, {"content-length", "100"}, {"content-length", "5"}}, ErrorCode::bad_response},
      {"gzip", {etag, range, {"content-encoding", "gzip"}}, ErrorCode::bad_response},
      {"multipart", {etag, range, {"content-type", "multipart/byteranges; boundary=x"}}, ErrorCode::bad_response},
  };
  const cache::Version expected = version(1000, "\"a\"", kDate);
  const Asked asked{&expected, true, 100, 100, false};
  for (const Row& row : rows) {
    const auto accepted = check_response(head(206, row.headers), asked, context());
    EXPECT_EQ(accepted ? kOk : accepted.error().code, row.code) << row.name;
    if (!accepted) continue;
    EXPECT_EQ(accepted->offset, 100U) << row.name;
    EXPECT_EQ(accepted->length, 100U) << row.name;
    EXPECT_EQ(accepted->edition.version, expected) << row.name;
    EXPECT_TRUE(accepted->edition.ranges) << row.name;
    EXPECT_EQ(accepted->edition.privacy, Privacy::shareable) << row.name;
  }
}

TEST(ResponseCheck, HoldsPartsAgainstOneValidator) {
  const auto code = [](const cache::Version& expected, std::vector<Header> headers) {
    headers.emplace_back("content-range", "bytes 100-199/1000");
    const auto accepted = check_response(head(206, headers), Asked{&expected, true, 100, 100, false}, context());
    return accepted ? kOk : accepted.error().code;
  };
  const auto by_date = version(1000, "", kDate), by_tag = version(1000, "\"a\"", ""),
             by_nothing = version(1000, "", "");
  EXPECT_EQ(code(by_date, {{"last-modified", kDate}, {"etag", "\"new\""}}), kOk);
  EXPECT_EQ(code(by_date, {{"etag", "\"new\""}}), ErrorCode::range_not_supported);
  EXPECT_EQ(code(by_date, {{"last-modified", kLater}}), ErrorCode::version_changed);
  EXPECT_EQ(code(by_tag, {{"etag", "\"a\""}, {"last-modified", kDate}}), kOk);
  EXPECT_EQ(code(by_tag, {{"last-modified", kDate}}), ErrorCode::range_not_supported);
  EXPECT_EQ(code(by_nothing, {{"etag", "\"a\""}}), ErrorCode::range_not_supported);
  EXPECT_EQ(code(by_nothing, {}), ErrorCode::range_not_supported);
}

// A part needs a validator that tells of which edition it is; the whole is an edition by itself.
TEST(ResponseCheck, APartFromTheBeginningIsStillAPart) {
  const cache::Version expected = version(1000, "\"a\"", "");
  const auto code = [&](std::uint64_t length, const char* range) {
    const auto accepted =
        check_response(head(206, {{"content-range", range}}), Asked{&expected, true, 0, length, false}, context());
    return accepted ? kOk : accepted.error().code;
  };
  EXPECT_EQ(code(100, "bytes 0-99/1000"), ErrorCode::range_not_supported);
  EXPECT_EQ(code(100, "bytes 0-99/*"), ErrorCode::range_not_supported);
  EXPECT_EQ(code(1000, "bytes 0-999/1000"), kOk);
}

TEST(ResponseCheck, KnowsTheEndOfTheFile) {
  const cache::Version expected = version(1000, "\"a\"", "");
  const auto code = [&](std::uint64_t offset, std::optional<std::uint64_t> length, const char* range) {
    const auto accepted = check_response(head(206, {{"etag", "\"a\""}, {"content-range", range}}),
                                         Asked{&expected, true, offset, length, false}, context());
    return accepted ? kOk : accepted.error().code;
  };
  EXPECT_EQ(code(900, 500, "bytes 900-999/1000"), kOk);
  EXPECT_EQ(code(900, std::nullopt, "bytes 900-999/1000"), kOk);
  EXPECT_EQ(code(900, std::nullopt, "bytes 900-998/1000"), ErrorCode::bad_response);
  EXPECT_EQ(code(900, std::nullopt, "bytes 900-998/*"), ErrorCode::bad_response);
}

TEST(ResponseCheck, TakesTheWholeForARangeOnlyWhenItIsTheSameEdition) {
  const cache::Version expected = version(1000, "\"a\"", kDate);
  const Asked asked{&expected, true, 100, 100, false};
  const auto same = check_response(head(200, {{"etag", "\"a\""}, {"content-length", "1000"}}), asked, context());
  ASSERT_TRUE(same);
  EXPECT_EQ(same->offset, 0U);
  EXPECT_EQ(same->length, 1000U);
  EXPECT_FALSE(same->edition.ranges);
  EXPECT_TRUE(same->edition.one_stream);
  for (const std::vector<Header>& headers :
       std::vector<std::vector<Header>>{{{"etag", "\"b\""}, {"content-length", "1000"}},
                                        {{"content-length", "1000"}},
                                        {{"etag", "\"a\""}, {"content-length", "999"}},
                                        {{"etag", "W/\"a\""}, {"content-length", "1000"}}}) {
    const auto other = check_response(head(200, headers), asked, context());
    ASSERT_FALSE(other);
    EXPECT_EQ(other.error().code, ErrorCode::version_changed);
  }
}

TEST(ResponseCheck, HoldsTheWholeAgainstTheVersion) {
  const auto code = [](const cache::Version& expected, std::vector<Header> headers) {
    const auto accepted =
        check_response(head(200, headers), Asked{&expected, false, 0, std::nullopt, false}, context());
    return accepted ? kOk : accepted.error().code;
  };
  EXPECT_EQ(code(version(5, "\"a\"", ""), {{"etag", "\"a\""}, {"content-length", "5"}}), kOk);
  EXPECT_EQ(code(version(5, "\"a\"", ""), {{"etag", "\"a\""}, {"transfer-encoding", "chunked"}}), kOk);
  EXPECT_EQ(code(version(5, "\"a\"", ""), {{"etag", "\"a\""}, {"content-length", "6"}}), ErrorCode::version_changed);
  EXPECT_EQ(code(version(5, "\"a\"", ""), {{"content-length", "5"}}), ErrorCode::version_changed);
  EXPECT_EQ(code(version(5, "", ""), {{"content-length", "5"}}), kOk);
  EXPECT_EQ(code(version(5, "", ""), {{"content-length", "6"}}), ErrorCode::version_changed);
  EXPECT_EQ(code(version({}, "\"a\"", ""), {{"etag", "\"a\""}, {"content-length", "6"}}), kOk);
  EXPECT_EQ(code(version(5, "\"a\"", ""), {{"etag", "\"a\""}, {"content-encoding", "br"}}), ErrorCode::bad_response);
  const auto part = check_response(head(206, {{"content-range", "bytes 0-3/5"}}), Asked{}, context());
  ASSERT_FALSE(part);
  EXPECT_EQ(part.error().code, ErrorCode::bad_response) << "a part although the whole was asked for";
}

TEST(ResponseCheck, TransferCodingOverridesLength) {
  const auto accepted =
      check_response(head(200, {{"content-length", "5"}, {"transfer-encoding", "chunked"}}), Asked{}, context());
  ASSERT_TRUE(accepted);
  EXPECT_EQ(accepted->length, std::nullopt);
}

TEST(ResponseCheck, RefusesTransferCodingsButChunked) {
  const cache::Version expected = version(1000, "\"a\"", "");
  const Header etag = {"etag", "\"a\""}, range = {"content-range", "bytes 100-199/1000"};
  for (const char* coding : {"gzip, chunked", "chunked, gzip", "chunked, chunked", "gzip", "unknown"}) {
    const Header encoded = {"transfer-encoding", coding};
    const auto whole = check_response(head(200, {etag, encoded}), Asked{}, context());
    ASSERT_FALSE(whole) << coding;
    EXPECT_EQ(whole.error().code, ErrorCode::bad_response);
    const Asked asked{&expected, true, 100, 100, false};
    const auto part = check_response(head(206, {etag, range, encoded}), asked, context());
    ASSERT_FALSE(part) << coding;
    EXPECT_EQ(part.error().code, ErrorCode::bad_response);
  }
  const Asked asked{&expected, true, 100, 100, false};
  const auto chunked = check_response(
      head(206, {etag, range, {"transfer-encoding", "Chunked"}, {"content-length", "7"}}), asked, context());
  ASSERT_TRUE(chunked) << "chunks override the length";
  EXPECT_EQ(chunked->length, 100U);
  const auto identity =
      check_response(head(200, {{"transfer-encoding", "identity"}, {"content-length", "5"}}), Asked{}, context());
  ASSERT_TRUE(identity);
  EXPECT_EQ(identity->length, 5U);
}

TEST(ResponseCheck, ReadsUnsatisfiedRanges) {
  const Asked probe{nullptr, true, 0, 1, false};
  const auto empty = check_response(head(416, {{"content-range", "bytes */0"}, {"etag", "\"e\""}}), probe, context());
  ASSERT_TRUE(empty) << "a file of no bytes";
  EXPECT_EQ(empty->edition.version.size, 0U);
  const cache::Version expected = version(1000, "\"a\"", "");
  const Asked asked{&expected, true, 100, 100, false};
  const auto code = [&](std::vector<Header> headers) {
    return check_response(head(416, std::move(headers)), asked, context()).error().code;
  };
  EXPECT_EQ(code({{"content-range", "bytes */50"}}), ErrorCode::version_changed);
  EXPECT_EQ(code({}), ErrorCode::version_changed);
  EXPECT_EQ(code({{"content-range", "bytes */1000"}}), ErrorCode::range_not_supported);
  EXPECT_EQ(check_response(head(412, {}), asked, context()).error().code, ErrorCode::version_changed);
}

// What people read; texts of others are cut.
TEST(ResponseCheck, SaysWhatDiffers) {
  const cache::Version expected = version(1000, "\"a\"", kDate);
  const auto difference = [&](std::vector<Header> headers, std::optional<std::uint64_t> size) {
    return compare_edition(expected, head(200, std::move(headers)), size, context().now).difference.value_or("none");
  };
  EXPECT_EQ(difference({{"etag", "\"a\""}}, 1000), "none");
  EXPECT_EQ(difference({}, std::nullopt), "none");
  EXPECT_EQ(difference({{"etag", "\"b\""}}, 1000), "its ETag is \"b\", not \"a\"");
  EXPECT_EQ(difference({{"etag", std::string(99, 'x')}}, 1000), "its ETag is " + std::string(80, 'x') + ", not \"a\"");
  EXPECT_EQ(difference({{"last-modified", "a" + std::string(98, 'x')}}, 1000),
            "its Last-Modified is a" + std::string(63, 'x') + ", not " + kDate);
  EXPECT_EQ(difference({{"etag", "\"a\""}}, 999), "it has 999 bytes, not 1000");
}

TEST(ResponseCheck, IsConfirmedByOneEqualValidator) {
  const cache::Version expected = version(1000, "\"a\"", kDate);
  const auto confirmed = [&](std::vector<Header> headers) {
    return compare_edition(expected, head(200, std::move(headers)), 1000, context().now).confirmed;
  };
  EXPECT_FALSE(confirmed({}));
  EXPECT_TRUE(confirmed({{"etag", "\"a\""}}));
  EXPECT_TRUE(confirmed({{"last-modified", kDate}}));
  EXPECT_FALSE(confirmed({{"etag", "W/\"a\""}}));
  EXPECT_TRUE(confirmed({{"etag", "\"a\""}, {"etag", "W/\"a\""}})) << "one of them proves it";
  EXPECT_TRUE(confirmed({{"etag", "W/\"a\""}, {"last-modified", kDate}}));
}

TEST(ResponseCheck, SaysWhereAPartEndsWrongly) {
  const cache::Version expected = version(1000, "\"a\"", kDate);
  const auto detail = [&](const char* range, const char* length = "") {
    std::vector<Header> headers = {{"etag", "\"a\""}, {"content-range", range}};
    if (*length != '\0') headers.emplace_back("content-length", length);
    const auto accepted = check_response(head(206, headers), Asked{&expected, true, 100, 100, false}, context());
    return accepted ? std::string("taken") : accepted.error().detail;
  };
  EXPECT_EQ(detail("bytes 101-199/1000"), "its Content-Range begins at 101, asked for was 100");
  EXPECT_EQ(detail("bytes 100-198/1000"), "its Content-Range ends at 198, asked for was 199");
  EXPECT_EQ(detail("bytes 100-199/1000", "99"), "its Content-Length is 99, but its Content-Range has 100 bytes");
  EXPECT_EQ(detail("bytes 100-199/1000", "100"), "taken");
  const std::string nonsense = "bytes " + std::string(99, 'x');
  EXPECT_EQ(detail(nonsense.c_str()), "its Content-Range is malformed: " + nonsense.substr(0, 80));
  EXPECT_EQ(detail("bytes */1000"), "its Content-Range is malformed: bytes */1000");
}

TEST(ResponseCheck, AllOfTheFileThatWasAskedForAsARangeIsAPart) {
  const cache::Version expected = version(1000, "\"a\"", "");
  for (const std::optional<std::uint64_t> length :
       {std::optional<std::uint64_t>(1000), std::optional<std::uint64_t>()}) {
    const auto accepted = check_response(head(206, {{"etag", "\"a\""}, {"content-range", "bytes 0-999/1000"}}),
                                         Asked{&expected, true, 0, length, false}, context());
    ASSERT_TRUE(accepted);
    EXPECT_EQ(accepted->length, 1000U);
    EXPECT_TRUE(accepted->edition.ranges && !accepted->edition.one_stream) << "ranges work";
    // It is whole: nothing can be mixed with it, so that it needs no validator.
    EXPECT_TRUE(check_response(head(206, {{"content-range", "bytes 0-999/1000"}}),
                               Asked{&expected, true, 0, length, false}, context()));
  }
  const auto less = check_response(head(206, {{"etag", "\"a\""}, {"content-range", "bytes 0-999/1000"}}),
                                   Asked{&expected, true, 0, 999, false}, context());
  ASSERT_TRUE(less) << "more than was asked for: all of it";
  EXPECT_TRUE(less->edition.one_stream);
}

TEST(ResponseCheck, KnowsTheLengthOfWhatComesInChunks) {
  const cache::Version expected = version(5, "\"a\"", "");
  const auto accepted = check_response(head(200, {{"etag", "\"a\""}, {"transfer-encoding", "chunked"}}),
                                       Asked{&expected, false, 0, std::nullopt, false}, context());
  ASSERT_TRUE(accepted);
  EXPECT_EQ(accepted->length, 5U);
}

TEST(ResponseCheck, ARefusedRangeSaysHowLargeTheFileIs) {
  const Asked probe{nullptr, true, 0, 1, false};
  const auto refusal = [&](std::vector<Header> headers, const Asked& asked) {
    return check_response(head(416, std::move(headers)), asked, context()).error();
  };
  EXPECT_EQ(refusal({}, probe).detail, "the origin refuses the range (416)");
  EXPECT_EQ(refusal({{"content-range", "bytes 0-0/1"}}, probe).detail, "the origin refuses the range (416)");
  EXPECT_EQ(refusal({{"content-range", "bytes */1"}}, probe).detail,
            "the origin refuses the range (416) although the file has 1 bytes");
  EXPECT_EQ(refusal({{"content-range", "bytes */1"}}, probe).code, ErrorCode::range_not_supported);
  EXPECT_EQ(refusal({{"content-range", "bytes */0"}}, Asked{}).code, ErrorCode::range_not_supported)
      << "no range was asked for: the status speaks";
  const cache::Version empty = version(0, "\"a\"", "");
  EXPECT_EQ(refusal({{"content-range", "bytes */0"}}, Asked{&empty, true, 0, 1, false}).code,
            ErrorCode::range_not_supported);
  const auto none = check_response(head(416, {{"content-range", "bytes */0"}}), probe, context());
  ASSERT_TRUE(none);
  EXPECT_EQ(none->length, 0U);
  EXPECT_EQ(check_response(head(412, {}), probe, context()).error().code, ErrorCode::http_fatal)
      << "no edition is known that could have changed";
}

TEST(ResponseCheck, RefusesDigestsThatContradict) {
  const std::string one = to_base64(sha256(as_bytes("1"))), two = to_base64(sha256(as_bytes("2")));
  const auto accepted = check_response(
      head(200, {{"repr-digest", "sha-256=:" + one + ":"}, {"digest", "sha-256=" + two}}), Asked{}, context());
  ASSERT_FALSE(accepted);
  EXPECT_EQ(accepted.error().code, ErrorCode::bad_response);
}

TEST(StatusRules, TellTransientFromFatal) {
  const std::pair<int, ErrorCode> rows[] = {
      {203, ErrorCode::bad_response},       {204, ErrorCode::bad_response},   {300, ErrorCode::http_fatal},
      {302, ErrorCode::bad_response},       {304, ErrorCode::bad_response},   {305, ErrorCode::http_fatal},
      {307, ErrorCode::bad_response},       {400, ErrorCode::http_fatal},     {401, ErrorCode::unauthorized},
      {402, ErrorCode::http_fatal},         {403, ErrorCode::http_fatal},     {404, ErrorCode::http_fatal},
      {407, ErrorCode::proxy_unauthorized}, {408, ErrorCode::http_transient}, {409, ErrorCode::http_transient},
      {410, ErrorCode::http_fatal},         {425, ErrorCode::http_transient}, {429, ErrorCode::http_transient},
      {451, ErrorCode::http_fatal},         {500, ErrorCode::http_transient}, {501, ErrorCode::http_fatal},
      {502, ErrorCode::http_transient},     {503, ErrorCode::http_transient}, {504, ErrorCode::http_transient},
      {505, ErrorCode::http_fatal},         {507, ErrorCode::http_transient}, {599, ErrorCode::http_transient},
      {600, ErrorCode::bad_response},       {999, ErrorCode::bad_response},
  };
  for (const auto& [status, code] : rows) {
    const Error error = status_error(head(status, {{"retry-after", "7"}}), context().now);
    EXPECT_EQ(error.code, code) << status;
    EXPECT_EQ(error.retry_after.has_value(), code == ErrorCode::http_transient) << status;
    EXPECT_NE(error.detail.find(is_redirect(status) ? "redirect" : std::to_string(status)), std::string::npos)
        << status;
  }
}

// What the caller reads: each status of the table has a sentence of its own, any other is named by its number.
TEST(StatusRules, SayWhatTheOriginMeans) {
  const struct {
    int status;
    ErrorCode code;
    const char* says;
  } rows[] = {
      {204, ErrorCode::bad_response, "no content to send (204)"},
      {205, ErrorCode::bad_response, "no content to send (205)"},
      {206, ErrorCode::bad_response, "answered with status 206"},
      {299, ErrorCode::bad_response, "answered with status 299"},
      {300, ErrorCode::http_fatal, "redirects to none of them (300)"},
      {301, ErrorCode::bad_response, "redirects without saying where to"},
      {303, ErrorCode::bad_response, "redirects without saying where to"},
      {304, ErrorCode::bad_response, "not modified (304)"},
      {306, ErrorCode::http_fatal, "answered with status 306"},
      {308, ErrorCode::bad_response, "redirects without saying where to"},
      {309, ErrorCode::http_fatal, "answered with status 309"},
      {400, ErrorCode::http_fatal, "does not understand the request (400)"},
      {401, ErrorCode::unauthorized, "the origin wants a user name and password that it accepts (401)"},
      {402, ErrorCode::http_fatal, "answered with status 402"},
      {403, ErrorCode::http_fatal, "forbids it (403)"},
      {404, ErrorCode::http_fatal, "nothing at this URL (404)"},
      {405, ErrorCode::http_fatal, "answered with status 405"},
      {407, ErrorCode::proxy_unauthorized, "the proxy wants a user name and password that it accepts (407)"},
      {408, ErrorCode::http_transient, "tired of waiting (408)"},
      {409, ErrorCode::http_transient, "in conflict just now (409)"},
      {410, ErrorCode::http_fatal, "gone for good (410)"},
      {411, ErrorCode::http_fatal, "answered with status 411"},
      {412, ErrorCode::http_fatal, "refuses a condition of the request (412)"},
      {413, ErrorCode::http_fatal, "answered with status 413"},
      {416, ErrorCode::range_not_supported, "refuses the range (416)"},
      {425, ErrorCode::http_transient, "asks to try again (425)"},
      {429, ErrorCode::http_transient, "asked too often (429)"},
      {451, ErrorCode::http_fatal, "for legal reasons (451)"},
      {452, ErrorCode::http_fatal, "answered with status 452"},
      {499, ErrorCode::http_fatal, "answered with status 499"},
      {500, ErrorCode::http_transient, "an internal error (500)"},
      {501, ErrorCode::http_fatal, "cannot do this (501)"},
      {502, ErrorCode::http_transient, "a gateway cannot reach the origin (502)"},
      {503, ErrorCode::http_transient, "unavailable just now (503)"},
      {504, ErrorCode::http_transient, "waits in vain for the origin (504)"},
      {505, ErrorCode::http_fatal, "does not speak this version of HTTP (505)"},
      {506, ErrorCode::http_transient, "answered with status 506"},
      {599, ErrorCode::http_transient, "answered with status 599"},
      {600, ErrorCode::bad_response, "answered with status 600"},
  };
  for (const auto& row : rows) {
    const Error error = status_error(head(row.status, {}), context().now);
    EXPECT_EQ(error.code, row.code) << row.status;
    EXPECT_NE(error.detail.find(row.says), std::string::npos) << error.detail;
  }
}

TEST(StatusRules, KnowWhatRedirects) {
  for (const int status : {300, 301, 302, 303, 307, 308}) EXPECT_TRUE(is_redirect(status)) << status;
  for (const int status : {0, 200, 299, 304, 305, 306, 309, 400}) EXPECT_FALSE(is_redirect(status)) << status;
}

TEST(CacheEvidence, NamesWhoAnswered) {
  using enum CacheEvidence::Answered;
  struct Row {
    std::vector<Header> headers;
    std::string name;
    CacheEvidence::Answered answered;
  };
  const Row rows[] = {
      {{}, "", unknown},
      {{{"via", "1.1 squid.example (squid/5.7)"}}, "squid.example", unknown},
      {{{"via", "1.0 a, 1.1 b"}}, "b", unknown},
      {{{"via", "1.1 v"}, {"age", "5"}}, "v", by_cache},
      {{{"via", "1.1 v"}, {"age", "0"}}, "v", by_origin},
      {{{"x-cache", "HIT from p.example"}}, "p.example", by_cache},
      {{{"x-cache", "MISS from p.example"}, {"age", "0"}}, "p.example", by_origin},
      {{{"x-cache", "MISS, HIT"}}, "a cache that names itself by x-cache only", by_cache},
      {{{"x-cache-status", "STALE"}, {"via", "1.1 lab"}}, "lab", by_cache},
      {{{"cf-cache-status", "DYNAMIC"}}, "Cloudflare", by_origin},
      {{{"cache-status", "Example; hit"}}, "a cache that names itself by cache-status only", by_cache},
      {{{"age", "10"}}, "a cache that names itself by Age only", by_cache},
  };
  for (const Row& row : rows) {
    const CacheEvidence evidence = cache_evidence(head(200, row.headers));
    EXPECT_EQ(evidence.name, row.name);
    EXPECT_EQ(evidence.answered, row.answered) << row.name;
  }
  HttpHead proxied = head(200, {});
  proxied.via_proxy = true;
  EXPECT_EQ(cache_evidence(proxied).name, "the configured proxy");
}

}  // namespace
}  // namespace larder::origin
