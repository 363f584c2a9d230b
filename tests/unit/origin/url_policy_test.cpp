#include <gtest/gtest.h>

#include "origin/address.h"
#include "origin/url.h"

namespace larder::origin {
namespace {

Url url(const char* text) {
  return *parse_url(text);
}

TEST(Address, KnowsItsScope) {
  using enum AddressScope;
  const std::pair<const char*, std::optional<AddressScope>> rows[] = {
      {"127.0.0.1", loopback},
      {"127.255.255.255", loopback},
      {"127.1", loopback},
      {"0x7f.1", loopback},
      {"0x7f000001", loopback},
      {"2130706433", loopback},
      {"017700000001", loopback},
      {"0.0.0.0", loopback},
      {"0", loopback},
      {"10.1.2.3", private_network},
      {"172.15.0.1", global},
      {"172.16.0.1", private_network},
      {"172.31.255.255", private_network},
      {"172.32.0.1", global},
      {"192.168.1.1", private_network},
      {"192.169.1.1", global},
      {"169.254.169.254", private_network},
      {"100.64.0.1", private_network},
      {"100.128.0.1", global},
      {"224.0.0.1", private_network},
      {"8.8.8.8", global},
      {"::1", loopback},
      {"::", loopback},
      {"::ffff:127.0.0.1", loopback},
      {"::ffff:7f00:1", loopback},
      {"::127.0.0.1", loopback},
      {"::ffff:10.0.0.1", private_network},
      {"64:ff9b::127.0.0.1", loopback},
      {"64:ff9b::8.8.8.8", global},
      {"2002:7f00:1::", loopback},
      {"fe80::1", private_network},
      {"fe80::1%eth0", private_network},
      {"fec0::1", private_network},
      {"fd00::1", private_network},
      {"fc00::1", private_network},
      {"ff02::1", private_network},
      {"2001:4860:4860::8888", global},
      {"example.com", std::nullopt},
      {"", std::nullopt},
      {"1.2.3.4.5", std::nullopt},
  };
  for (const auto& [text, scope] : rows) EXPECT_EQ(address_scope(text), scope) << text;
}

TEST(Address, LocalhostIsLoopback) {
  EXPECT_EQ(host_scope("localhost"), AddressScope::loopback);
  EXPECT_EQ(host_scope("a.localhost."), AddressScope::loopback);
  EXPECT_EQ(host_scope("notlocalhost"), AddressScope::global);
  EXPECT_EQ(host_scope("localhost.example"), AddressScope::global);
}

struct Row {
  const char* from;
  const char* to;
  bool allowed;
};

TEST(UrlPolicy, DecidesWhereRedirectsLead) {
  const UrlPolicy policy;  // the defaults
  const Row rows[] = {
      {"http://a.example/", "http://b.example/", true},   {"http://a.example/", "https://a.example/", true},
      {"https://a.example/", "http://a.example/", false}, {"http://a.example/", "http://127.0.0.1/", false},
      {"http://a.example/", "http://127.1:8080/", false}, {"http://a.example/", "http://[::ffff:127.0.0.1]/", false},
      {"http://a.example/", "http://localhost/", false},  {"http://a.example/", "http://x.localhost/", false},
      {"http://a.example/", "http://0.0.0.0/", false},    {"http://127.0.0.1/", "http://127.0.0.2/", true},
      {"http://localhost/", "http://[::1]/", true},       {"http://a.example/", "http://10.0.0.1/", true},
      {"http://10.0.0.1/", "http://127.0.0.1/", false},
  };
  for (const Row& row : rows) {
    const Status ok = check_redirect(policy, url(row.from), url(row.to));
    EXPECT_EQ(ok.has_value(), row.allowed) << row.from << " -> " << row.to;
    if (!ok) {
      EXPECT_EQ(ok.error().code, ErrorCode::redirect_forbidden);
    }
  }
}

TEST(UrlPolicy, IsSetByTheAdmin) {
  UrlPolicy policy;
  policy.redirect_to_private = false;
  EXPECT_FALSE(check_redirect(policy, url("http://a.example/"), url("http://192.168.0.1/")));
  EXPECT_TRUE(check_redirect(policy, url("http://192.168.0.2/"), url("http://192.168.0.1/")));
  policy.redirect_to_loopback = true;
  EXPECT_TRUE(check_redirect(policy, url("http://a.example/"), url("http://127.0.0.1/")));
  policy.redirect_downgrade = true;
  EXPECT_TRUE(check_redirect(policy, url("https://a.example/"), url("http://a.example/")));
  policy.deny_hosts = {"*.internal", "Bad.example"};
  EXPECT_FALSE(check_url(policy, url("http://x.internal/")));
  EXPECT_FALSE(check_url(policy, url("http://x.y.INTERNAL./")));
  EXPECT_TRUE(check_url(policy, url("http://internal/")));
  EXPECT_FALSE(check_url(policy, url("http://bad.example/")));
  EXPECT_TRUE(check_url(policy, url("http://notbad.example/")));
  EXPECT_EQ(check_redirect(policy, url("http://a.example/"), url("http://bad.example/")).error().code,
            ErrorCode::redirect_forbidden);
  policy.allow_loopback = false;
  EXPECT_EQ(check_url(policy, url("http://localhost:81/")).error().code, ErrorCode::forbidden_url);
  EXPECT_FALSE(check_url(policy, url("http://[::1]/")));
  policy.allow_private = false;
  EXPECT_FALSE(check_url(policy, url("http://10.0.0.1/")));
  EXPECT_TRUE(check_url(policy, url("http://8.8.8.8/")));
}

TEST(UrlPolicy, ChecksResolvedAddresses) {
  UrlPolicy policy;
  const Url name = url("http://rebinding.example/");
  EXPECT_TRUE(check_address(policy, name, "127.0.0.1", false)) << "the caller asked for it";
  EXPECT_EQ(check_address(policy, name, "127.0.0.1", true).error().code, ErrorCode::redirect_forbidden);
  EXPECT_EQ(check_address(policy, name, "::1", true).error().code, ErrorCode::redirect_forbidden);
  EXPECT_TRUE(check_address(policy, name, "10.0.0.1", true));
  policy.redirect_to_private = false;
  EXPECT_FALSE(check_address(policy, name, "10.0.0.1", true));
  EXPECT_TRUE(check_address(policy, name, "8.8.8.8", true));
  policy.allow_loopback = false;
  EXPECT_EQ(check_address(policy, name, "::ffff:127.0.0.1", false).error().code, ErrorCode::forbidden_url);
}

}  // namespace
}  // namespace larder::origin
