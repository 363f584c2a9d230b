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
