#include "origin/rules/request_rules.h"

#include <gtest/gtest.h>

#include "tests/support/certificate_text.h"

namespace larder::origin {
namespace {

std::string find(const std::vector<Header>& headers, const std::string& name) {
  for (const Header& header : headers) {
    if (header.first == name) return header.second;
  }
  return "absent";
}

TEST(RequestRules, SendRangesWithTheirCondition) {
  const cache::Version both{"u", 100, "\"a\"", "Sun, 06 Nov 1994 08:49:37 GMT"};
  cache::Version dated = both;
  dated.etag.clear();
  RequestShape shape;
  shape.ranged = true;
  shape.offset = 10;
  shape.length = 5;
  shape.expected = &both;
  EXPECT_EQ(find(request_headers(shape), "Range"), "bytes=10-14");
  EXPECT_EQ(find(request_headers(shape), "If-Range"), "\"a\"");
  shape.expected = &dated;
  shape.length.reset();
  EXPECT_EQ(find(request_headers(shape), "Range"), "bytes=10-");
  EXPECT_EQ(find(request_headers(shape), "If-Range"), dated.last_modified);
  shape.ranged = false;
  EXPECT_EQ(find(request_headers(shape), "Range"), "absent");
  EXPECT_EQ(find(request_headers(shape), "If-Range"), "absent") << "only together with Range";
  EXPECT_EQ(find(request_headers(shape), "Cache-Control"), "absent");
  shape.no_cache = shape.want_digest = true;
  EXPECT_EQ(find(request_headers(shape), "Cache-Control"), "no-cache");
  EXPECT_EQ(find(request_headers(shape), "Want-Repr-Digest"), "sha-256=1");
}

TEST(RequestRules, WithoutAnEditionOrItsValidatorThereIsNoCondition) {
  const cache::Version nothing{"u", 100, "", ""};
  RequestShape shape;
  shape.ranged = true;
  EXPECT_EQ(find(request_headers(shape), "Range"), "bytes=0-");
  EXPECT_EQ(find(request_headers(shape), "If-Range"), "absent");
  EXPECT_EQ(request_headers(shape).size(), 1U);
  shape.expected = &nothing;
  EXPECT_EQ(find(request_headers(shape), "If-Range"), "absent");
}

TEST(RequestRules, AnotherPortIsAnotherSiteUnlessTlsIsAllThatChanges) {
  const auto same = [](const char* a, const char* b) { return same_site(*parse_url(a), *parse_url(b)); };
  EXPECT_TRUE(same("https://h:8443/", "https://h:8443/x"));
  EXPECT_FALSE(same("https://h/", "https://h:8443/"));
  EXPECT_FALSE(same("http://h/", "https://h:8443/"));
  EXPECT_FALSE(same("http://h:8080/", "https://h/"));
  EXPECT_FALSE(same("http://h:443/", "https://h/")) << "not where HTTP is without TLS";
  EXPECT_FALSE(same("https://h:80/", "http://h:443/"));
}

TEST(RequestRules, KeepCredentialsToTheirSite) {
  const auto same = [](const char* a, const char* b) { return same_site(*parse_url(a), *parse_url(b)); };
  EXPECT_TRUE(same("http://h/", "http://h/x"));
  EXPECT_TRUE(same("http://h/", "https://h/x"));
  EXPECT_FALSE(same("https://h/", "http://h/x"));
  EXPECT_FALSE(same("http://h/", "http://h:81/"));
  EXPECT_FALSE(same("http://h:8080/", "https://h:8443/"));
  EXPECT_FALSE(same("http://h/", "http://www.h/"));
  ConnectOptions options;
  options.user = "u";
  options.password = "p";
  options.client_certificate = options.client_key = "pem";
  options.proxy = "http://proxy";
  options.proxy_password = "q";
  options.ca_certificates = test::kAuthority;
  options.headers = {{"Authorization", "x"}, {"X-Anything", "y"}, {"Accept", "z"}};
  const auto stranger = options_for_stranger(options);
  EXPECT_FALSE(stranger->has_credentials());
  EXPECT_EQ(stranger->headers, (std::vector<Header>{{"Accept", "z"}}));
  EXPECT_EQ(stranger->proxy_password, "q");
  EXPECT_EQ(stranger->ca_certificates, test::kAuthority);
}

TEST(RequestRules, TakeCredentialsFromTheUrl) {
  const auto options = options_for(*parse_url("http://u:p@h/"), nullptr);
  EXPECT_EQ(options->user, "u");
  EXPECT_EQ(options->password, "p");
  EXPECT_TRUE(options->has_credentials());
  auto given = std::make_shared<ConnectOptions>();
  given->proxy = "http://proxy";
  EXPECT_EQ(options_for(*parse_url("http://h/"), given), given);
  const auto both = options_for(*parse_url("http://u:p@h/"), given);
  EXPECT_EQ(both->user + both->password + both->proxy, "uphttp://proxy");
  EXPECT_EQ(given->user, "") << "what others use too stays as it is";
  given->user = "mine";
  EXPECT_EQ(options_for(*parse_url("http://u:p@h/"), given), given) << "the job's own come first";
  EXPECT_FALSE(options_for(*parse_url("http://h/"), nullptr)->has_credentials());
}

}  // namespace
}  // namespace larder::origin
