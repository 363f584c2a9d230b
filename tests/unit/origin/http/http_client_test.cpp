#include "origin/http/http_client.h"

#include <gtest/gtest.h>

namespace larder::origin {
namespace {

TEST(ConnectOptions, KnowCredentials) {
  const auto with = [](const char* name) {
    ConnectOptions options;
    options.headers = {{name, "x"}};
    return options.has_credentials();
  };
  for (const char* name : {"Authorization", "COOKIE", "PRIVATE-TOKEN", "X-Api-Key", "X-Session-Id"})
    EXPECT_TRUE(with(name)) << name;
  for (const char* name : {"Accept", "User-Agent", "Referer"}) EXPECT_FALSE(with(name)) << name;
  ConnectOptions proxied;
  proxied.proxy_user = "u";
  EXPECT_FALSE(proxied.has_credentials()) << "the origin does not see them";
}

TEST(ConnectOptions, AreChecked) {
  const auto code = [](std::vector<Header> headers) {
    ConnectOptions options;
    options.headers = std::move(headers);
    const Status ok = check_connect_options(options);
    if (!ok) {
      EXPECT_EQ(ok.error().text().find("secret"), std::string::npos) << "values are not shown";
    }
    return ok.has_value();
  };
  EXPECT_TRUE(code({{"X-A", "b"}, {"Authorization", "Bearer secret"}}));
  EXPECT_TRUE(code({{"X-A", ""}}));
  for (const char* name : {"Range", "if-range", "HOST", "Content-Length", "TE", "Connection", "Accept-Encoding", "a b",
                           "", "a:b", "a\r\nb"}) {
    EXPECT_FALSE(code({{name, "secret"}})) << name;
  }
  EXPECT_FALSE(code({{"X-A", "secret\r\nEvil: 1"}}));
  EXPECT_FALSE(code({{"X-A", std::string(20000, 'x')}}));
  EXPECT_FALSE(code(std::vector<Header>(100, Header{"X", "y"})));
  ConnectOptions options;
  options.client_certificate = "-----BEGIN CERTIFICATE-----";
  EXPECT_FALSE(check_connect_options(options)) << "no key";
  options.client_key = "k";
  EXPECT_TRUE(check_connect_options(options));
}

}  // namespace
}  // namespace larder::origin
