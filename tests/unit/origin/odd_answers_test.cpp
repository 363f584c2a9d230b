// Answers that keep to no rule and are the file all the same: codings that are none, statuses, parts that are the
// whole.
#include <gtest/gtest.h>

#include "base/text/units.h"
#include "origin/rules/codings.h"
#include "origin/rules/response_check.h"
#include "origin/rules/status_rules.h"

namespace larder::origin {
namespace {

const Header kTag = {"etag", "\"a\""};

AnswerContext context(const std::string& url = "http://h/x", bool proven = false) {
  AnswerContext context;
  context.url = context.effective_url = url;
  context.bytes_proven = proven;
  context.now = from_unix_ns(1'780'000'000'000'000'000);
  return context;
}

HttpHead answer(std::vector<Header> headers, int status = 200) {
  HttpHead head;
  head.status = status;
  head.headers = std::move(headers);
  head.headers.push_back(kTag);
  return head;
}

Header coded(const char* coding) {
  return {"content-encoding", coding};
}

TEST(Codings, WhatIsNoneIsTheFile) {
  for (const char* coding :
       {"", "none", "None", "identity", "IDENTITY", "UTF-8", "utf8", "binary", "aws-chunked", "aws-chunked,identity",
        "iso-8859-1", "8bit", "application/octet-stream", ",", "lz4", "x"}) {
    const auto accepted = check_response(answer({coded(coding)}), Asked{}, context());
    ASSERT_TRUE(accepted) << coding << ": " << accepted.error().text();
    EXPECT_NE(accepted->edition.privacy, Privacy::coded) << coding;
  }
}

TEST(Codings, AreRefusedForWhatIsNotOfThem) {
  for (const char* coding :
       {"gzip", "x-gzip", "GZIP", "deflate", "br", "zstd", "compress", "x-compress", "aws-chunked,gzip", "gzip;q=1",
        "\"gzip\"", "gzip deflate", "none, br", "identity,gzip", "dcz", "aes128gcm"}) {
    for (const char* url :
         {"http://h/x", "http://h/x.iso", "http://h/gz", "http://h/.gz", "http://h/x.gz/y", "http://h.gz/x"}) {
      const auto refused = check_response(answer({coded(coding)}), Asked{}, context(url));
      ASSERT_FALSE(refused) << coding << " " << url;
      EXPECT_EQ(refused.error().code, ErrorCode::bad_response);
      EXPECT_NE(refused.error().detail.find("--sha256"), std::string::npos) << refused.error().detail;
      const auto proven = check_response(answer({coded(coding)}), Asked{}, context(url, true));
      ASSERT_TRUE(proven) << coding << " " << url;
      EXPECT_EQ(proven->edition.privacy, Privacy::coded) << "nobody else may take them for the file";
    }
  }
  const auto two_fields = answer({coded("gzip"), coded("gzip")});
  EXPECT_FALSE(check_response(two_fields, Asked{}, context("http://h/x.tgz"))) << "a coding on top of the file's own";
  EXPECT_FALSE(check_response(answer({coded("x-gzip, gzip")}), Asked{}, context("http://h/x.tgz")));
  EXPECT_FALSE(check_response(answer({coded("br")}), Asked{}, context("http://h/x.tgz")));
}

TEST(Codings, AreTheFilesOwnByItsName) {
  const std::pair<const char*, const char*> rows[] = {
      {"gzip", "http://h/x.tar.gz"},      {"x-gzip", "http://h/x.tgz"},        {"gzip", "http://h/x.svgz"},
      {"X-GZIP", "http://h/X.TGZ"},       {"gzip", "http://h/a.b/x.gz?y=z"},   {"gzip", "http://h/get?file=x.tar.gz"},
      {"gzip", "http://h/get?x.tgz&a=b"}, {"compress", "http://h/x.Z"},        {"x-compress", "http://h/x.tar.Z"},
      {"br", "http://h/x.js.br"},         {"zstd", "http://h/x.tar.zst"},      {"zstd", "http://h/x.tzst"},
      {"deflate", "http://h/x.zz"},       {"gzip, identity", "http://h/x.gz"},
  };
  for (const auto& [coding, url] : rows) {
    const auto accepted = check_response(answer({coded(coding)}), Asked{}, context(url));
    ASSERT_TRUE(accepted) << coding << " " << url;
    EXPECT_EQ(accepted->edition.version.etag, "\"a\"");
    EXPECT_NE(accepted->edition.privacy, Privacy::coded);
  }
  AnswerContext led = context("http://h/latest");
  led.effective_url = "http://cdn/x-1.2.tgz";
  EXPECT_TRUE(check_response(answer({coded("gzip")}), Asked{}, led)) << "where the redirect led";
  for (const char* disposition : {"attachment; filename=x.tgz", "attachment; filename=\"a b.tar.gz\"; size=5",
                                  "attachment; filename*=UTF-8''x.gz"}) {
    EXPECT_TRUE(check_response(answer({coded("gzip"), {"content-disposition", disposition}}), Asked{}, context()))
        << disposition;
  }
}

TEST(Codings, AreTheFilesOwnByItsType) {
  for (const char* type : {"application/gzip", "application/x-gzip", "Application/X-Tar; x=y", "application/x-gtar",
                           "application/x-tgz", "application/x-compressed-tar"}) {
    EXPECT_TRUE(check_response(answer({coded("gzip"), {"content-type", type}}), Asked{}, context())) << type;
  }
  EXPECT_TRUE(check_response(answer({coded("zstd"), {"content-type", "application/zstd"}}), Asked{}, context()));
  EXPECT_FALSE(check_response(answer({coded("gzip"), {"content-type", "application/json"}}), Asked{}, context()));
  EXPECT_FALSE(check_response(answer({coded("zstd"), {"content-type", "application/gzip"}}), Asked{}, context()));
  EXPECT_FALSE(check_response(answer({coded("gzip"), {"content-type", "text/x-tar"}}), Asked{}, context()));
}

TEST(Codings, CountInPartsToo) {
  const cache::Version expected{"http://h/x", 1000, "\"a\"", ""};
  const Asked asked{&expected, true, 100, 100, false};
  const Header range = {"content-range", "bytes 100-199/1000"};
  EXPECT_TRUE(check_response(answer({coded("none"), range}, 206), asked, context()));
  EXPECT_TRUE(check_response(answer({coded("gzip"), range}, 206), asked, context("http://h/x.gz")));
  EXPECT_FALSE(check_response(answer({coded("gzip"), range}, 206), asked, context()));
}

TEST(OddAnswers, StatusesThatCarryTheFile) {
  for (const int status : {200, 201, 203, 226}) {
    const auto accepted = check_response(answer({{"content-length", "5"}}, status), Asked{}, context());
    ASSERT_TRUE(accepted) << status;
    EXPECT_EQ(accepted->length, 5U);
    EXPECT_EQ(accepted->edition.privacy, status == 203 ? Privacy::transformed : Privacy::shareable) << status;
    EXPECT_EQ(accepted->edition.ranges, status != 203) << "parts of what a proxy made and of what it did not";
  }
  EXPECT_TRUE(check_response(answer({{"im", "unknown"}}, 226), Asked{}, context()));
  for (const char* manipulation : {"vcdiff", "gdiff, gzip", "range", "gzip"}) {
    EXPECT_FALSE(check_response(answer({{"im", manipulation}}, 226), Asked{}, context())) << manipulation;
  }
  for (const int status : {202, 204, 205, 207, 299, 300, 304, 305}) {
    EXPECT_FALSE(check_response(answer({{"content-length", "5"}}, status), Asked{}, context())) << status;
  }
  EXPECT_TRUE(is_redirect(300)) << "with a Location";
  EXPECT_FALSE(is_redirect(304));
  EXPECT_FALSE(is_redirect(305)) << "to a proxy that the origin chooses";
}

TEST(OddAnswers, APartThatIsTheWhole) {
  const auto whole = [](const char* range, Asked asked, const char* length = nullptr) {
    std::vector<Header> headers = {{"content-range", range}};
    if (length != nullptr) headers.emplace_back("content-length", length);
    return check_response(answer(headers, 206), asked, context());
  };
  const Asked get{}, first_byte{nullptr, true, 0, 1, false};
  for (const Asked& asked : {get, first_byte}) {
    const auto accepted = whole("bytes 0-999/1000", asked, "1000");
    ASSERT_TRUE(accepted);
    EXPECT_EQ(accepted->offset, 0U);
    EXPECT_EQ(accepted->length, 1000U);
    EXPECT_EQ(accepted->edition.version.size, 1000U);
  }
  for (const char* range : {"bytes 0-998/1000", "bytes 1-999/1000", "bytes 0-999/*", "bytes */1000", "0-999/1000"}) {
    EXPECT_FALSE(whole(range, get)) << range;
  }
  EXPECT_FALSE(whole("bytes 0-999/1000", get, "999"));
  const cache::Version expected{"http://h/x", 1000, "\"a\"", ""}, other{"http://h/x", 1000, "\"b\"", ""};
  const auto later = whole("bytes 0-999/1000", Asked{&expected, true, 100, 100, false});
  ASSERT_TRUE(later) << "the whole instead of a part, as a 200 would be";
  EXPECT_EQ(later->offset, 0U);
  EXPECT_TRUE(later->edition.one_stream);
  EXPECT_EQ(whole("bytes 0-999/1000", Asked{&other, false, 0, std::nullopt, false}).error().code,
            ErrorCode::version_changed);
}

}  // namespace
}  // namespace larder::origin
