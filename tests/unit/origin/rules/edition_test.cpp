#include "origin/rules/edition.h"

#include <gtest/gtest.h>

#include "base/text/units.h"

namespace larder::origin {
namespace {

const std::string kDate = "Sun, 06 Nov 1994 08:49:37 GMT";

Edition of(std::vector<Header> headers, std::optional<std::uint64_t> size = 10, int version = 11) {
  HttpHead head;
  head.status = 200;
  head.version = version;
  head.headers = std::move(headers);
  AnswerContext context;
  context.url = "http://h/x";
  context.effective_url = "http://h/y";
  context.now = from_unix_ns(1'780'000'000'000'000'000);
  return edition_of(head, size, context);
}

TEST(Edition, HasAVersion) {
  const Edition e =
      of({{"etag", "\"a\""}, {"last-modified", "Sunday, 06-Nov-94 08:49:37 GMT"}, {"accept-ranges", "bytes"}});
  EXPECT_EQ(e.version, (cache::Version{"http://h/x", 10, "\"a\"", kDate}));
  EXPECT_EQ(e.effective_url, "http://h/y");
  EXPECT_TRUE(e.ranges && e.shareable() && !e.one_stream);
  EXPECT_EQ(e.sha256, std::nullopt);
}

TEST(Edition, KeepsOnlyStrongTags) {
  EXPECT_EQ(of({{"etag", "W/\"a\""}}).version.etag, "");
  EXPECT_EQ(of({{"etag", "bare"}}).version.etag, "");
  EXPECT_EQ(of({{"etag", "\"a\""}, {"etag", "\"b\""}}).version.etag, "");
  EXPECT_EQ(of({{"etag", "\"a\""}, {"etag", "\"a\""}}).version.etag, "\"a\"");
  EXPECT_EQ(of({{"last-modified", "bad"}}).version.last_modified, "");
}

TEST(Edition, KnowsWhenThereAreNoRanges) {
  const Header etag = {"etag", "\"a\""};
  EXPECT_TRUE(of({etag}).ranges) << "unsaid: may be asked for";
  EXPECT_FALSE(of({etag, {"accept-ranges", "none"}}).ranges);
  EXPECT_FALSE(of({etag}, std::nullopt).ranges) << "no size";
  EXPECT_FALSE(of({etag, {"accept-ranges", "bytes"}}, 10, 10).ranges) << "HTTP/1.0";
  EXPECT_FALSE(of({{"accept-ranges", "bytes"}}).ranges) << "no validator";
  for (const Edition& e : {of({etag}), of({etag}, std::nullopt)}) EXPECT_EQ(e.one_stream, !e.ranges);
}

TEST(Edition, CarriesTheDigestOfTheWhole) {
  const std::string base64 = to_base64(sha256(as_bytes("x")));
  EXPECT_EQ(of({{"repr-digest", "sha-256=:" + base64 + ":"}}).sha256, sha256(as_bytes("x")));
  EXPECT_EQ(of({{"digest", "SHA-256=" + base64}}).sha256, sha256(as_bytes("x")));
  EXPECT_EQ(of({{"content-digest", "sha-256=:" + base64 + ":"}}).sha256, std::nullopt);
}

}  // namespace
}  // namespace larder::origin
