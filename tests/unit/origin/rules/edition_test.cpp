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

TEST(Edition, TakesADateThatIsSaidTwice) {
  EXPECT_EQ(of({{"last-modified", kDate}, {"last-modified", kDate}}).version.last_modified, kDate);
  EXPECT_EQ(of({{"last-modified", kDate}, {"last-modified", "Mon, 07 Nov 1994 08:49:37 GMT"}}).version.last_modified,
            "");
}

TEST(Edition, HasAMediaType) {
  EXPECT_EQ(of({{"content-type", " Text/HTML ; charset=x"}}).media_type, "text/html");
  EXPECT_EQ(of({{"content-type", "text/plain"}}).media_type, "text/plain");
  EXPECT_EQ(of({{"content-type", std::string(128, 'x')}}).media_type, std::string(127, 'x'));
  EXPECT_EQ(of({}).media_type, "");
}

TEST(Edition, KnowsWhetherThereIsAnyValidator) {
  EXPECT_FALSE(of({}).any_validator);
  EXPECT_TRUE(of({{"etag", "W/\"a\""}}).any_validator) << "also one that proves nothing";
  EXPECT_TRUE(of({{"last-modified", "bad"}}).any_validator);
}

TEST(Edition, ADateIsStrongASecondAfterTheChange) {
  const auto strong = [](std::vector<Header> headers) {
    HttpHead head;
    head.headers = std::move(headers);
    return last_modified_is_strong(head, from_unix_ns(1'780'000'000'000'000'000));
  };
  const Header modified = {"last-modified", kDate};
  EXPECT_FALSE(strong({}));
  EXPECT_FALSE(strong({{"date", kDate}}));
  EXPECT_TRUE(strong({modified})) << "nothing to doubt it by";
  EXPECT_FALSE(strong({modified, {"date", kDate}}));
  EXPECT_TRUE(strong({modified, {"date", "Sun, 06 Nov 1994 08:49:38 GMT"}}));
  EXPECT_FALSE(strong({modified, {"date", "Sun, 06 Nov 1994 08:49:36 GMT"}})) << "before the change";
  EXPECT_FALSE(strong({modified, {"date", "today"}}));
  EXPECT_FALSE(strong({{"last-modified", "lately"}, {"date", kDate}}));
}

TEST(Edition, KnowsWhetherTheOriginSaysWhereItEnds) {
  const auto announced = [](int status, int version, const char* url, std::vector<Header> headers) {
    HttpHead head;
    head.status = status;
    head.version = version;
    head.headers = std::move(headers);
    AnswerContext context;
    context.effective_url = url;
    return edition_of(head, std::nullopt, context).end_announced;
  };
  EXPECT_FALSE(announced(200, 11, "http://h/", {}));
  EXPECT_FALSE(announced(200, 11, "https://h/", {})) << "the end of TLS is no end of the file";
  EXPECT_TRUE(announced(200, 20, "https://h/", {}));
  EXPECT_FALSE(announced(200, 20, "http://h/", {})) << "a status line of HTTP/2 in plain text";
  EXPECT_TRUE(announced(200, 30, "https://h/", {}));
  EXPECT_TRUE(announced(206, 11, "http://h/", {}));
  EXPECT_TRUE(announced(416, 11, "http://h/", {}));
  EXPECT_TRUE(announced(200, 11, "http://h/", {{"transfer-encoding", "chunked"}}));
  EXPECT_TRUE(announced(200, 11, "http://h/", {{"content-length", "0"}}));
  EXPECT_TRUE(of({}, 10).end_announced) << "the size is known";
}

// A directive counts in whatever company it stands, and a longer word is another one.
TEST(Edition, ReadsDirectivesWhereverTheyStand) {
  const auto privacy = [](const char* cache_control) {
    return of({{"etag", "\"a\""}, {"content-length", "10"}, {"cache-control", cache_control}}).privacy;
  };
  for (const char* text : {"no-store", "public, NO-STORE", "no-store;x", "\"no-store\"", "x-no-store, no-store"})
    EXPECT_EQ(privacy(text), Privacy::says_no_store) << text;
  for (const char* text : {"private", "private=\"x\"", "max-age=0,private", "(private)"})
    EXPECT_EQ(privacy(text), Privacy::says_private) << text;
  for (const char* text :
       {"public", "x-no-store", "no-stores", "no-store-x", "aprivate", "zprivate", "privatea", "privatez", "0private",
        "private0", "9private", "private9", "-private", "private_", "_private"})
    EXPECT_EQ(privacy(text), Privacy::shareable) << text;
}

}  // namespace
}  // namespace larder::origin
