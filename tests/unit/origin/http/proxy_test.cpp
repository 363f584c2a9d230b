#include "origin/http/proxy.h"

#include <gtest/gtest.h>

#include <map>

namespace larder::origin {
namespace {

TEST(Proxy, IsChosenAsConfiguredOrFromTheEnvironment) {
  std::map<std::string, std::string> variables = {{"http_proxy", "http://p:1"},
                                                  {"HTTP_PROXY", "http://evil"},
                                                  {"HTTPS_PROXY", "http://s:2"},
                                                  {"no_proxy", "localhost,.corp, 10.0.0.0/8 ,[::1]"}};
  const Environment environment = [&](const char* name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  };
  const auto choose = [&](const char* configured, const char* url) {
    return choose_proxy(configured, *parse_url(url), environment);
  };
  EXPECT_EQ(choose("", "http://example.com/"), "http://p:1");
  EXPECT_EQ(choose("", "https://example.com/"), "http://s:2");
  EXPECT_EQ(choose("none", "http://example.com/"), "");
  EXPECT_EQ(choose("http://mine:3", "http://localhost/"), "http://mine:3");
  EXPECT_EQ(choose("", "http://localhost/"), "");
  EXPECT_EQ(choose("", "http://a.corp/"), "");
  EXPECT_EQ(choose("", "http://corp/"), "");
  EXPECT_EQ(choose("", "http://acorp/"), "http://p:1");
  EXPECT_EQ(choose("", "http://10.200.3.4/"), "");
  EXPECT_EQ(choose("", "http://11.0.0.1/"), "http://p:1");
  EXPECT_EQ(choose("", "http://[::1]/"), "");
  variables["no_proxy"] = "bücher.example";
  EXPECT_EQ(choose("", "http://xn--bcher-kva.example/"), "");
  EXPECT_EQ(choose("", "http://a.bücher.example/"), "");
  variables["no_proxy"] = "\xff";
  EXPECT_EQ(choose("", "http://example.com/"), "http://p:1");
  variables["no_proxy"] = "*";
  EXPECT_EQ(choose("", "http://example.com/"), "");
  variables = {{"HTTP_PROXY", "http://evil"}};
  EXPECT_EQ(choose("", "http://example.com/"), "") << "a CGI's request field";
  variables = {{"all_proxy", "socks5://q"}};
  EXPECT_EQ(choose("", "http://example.com/"), "socks5://q");
}

}  // namespace
}  // namespace larder::origin
