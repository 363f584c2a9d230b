#include <gtest/gtest.h>

#include "origin/url/address.h"
#include "origin/url/url.h"

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
      {"169.254.0.1", link_local},
      {"169.254.169.254", link_local},
      {"2852039166", link_local},
      {"100.100.100.200", link_local},
      {"168.63.129.16", link_local},
      {"168.63.129.17", global},
      {"192.0.0.192", link_local},
      {"100.64.0.1", private_network},
      {"100.128.0.1", global},
      {"224.0.0.1", no_host},
      {"240.0.0.1", no_host},
      {"255.255.255.255", no_host},
      {"0.1.2.3", loopback},
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
      {"::ffff:0:127.0.0.1", loopback},
      {"::ffff:169.254.169.254", link_local},
      {"::169.254.169.254", link_local},
      {"::ffff:0:a9fe:a9fe", link_local},
      {"64:ff9b::169.254.169.254", link_local},
      {"64:ff9b::10.0.0.1", private_network},
      {"64:ff9b:1::10.0.0.1", private_network},
      {"2002:a9fe:a9fe::1", link_local},
      {"2002:a00:1::", private_network},
      {"::ffff:255.255.255.255", no_host},
      {"fe80::1", link_local},
      {"fe80::1%eth0", link_local},
      {"febf::1", link_local},
      {"fec0::1", private_network},
      {"fd00::1", private_network},
      {"fc00::1", private_network},
      {"fd00:ec2::254", link_local},
      {"fd00:ec2::253", private_network},
      {"fd20:ce::254", link_local},
      {"fd00:42::42", link_local},
      {"ff02::1", no_host},
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
      {"http://localhost/", "http://[::1]/", true},       {"http://a.example/", "http://10.0.0.1/", false},
      {"http://8.8.8.8/", "http://[fd00::1]/", false},    {"http://10.0.0.2/", "http://10.0.0.1/", true},
      {"http://127.0.0.1/", "http://10.0.0.1/", true},    {"http://10.0.0.1/", "http://b.example/", true},
      {"http://10.0.0.1/", "http://127.0.0.1/", false},   {"http://10.0.0.1/", "http://169.254.169.254/", false},
      {"http://127.0.0.1/", "http://[fe80::1]/", false},  {"http://a.example/", "http://[ff02::1]/", false},
  };
  for (const Row& row : rows) {
    const Status ok = check_redirect(policy, url(row.from), url(row.to));
    EXPECT_EQ(ok.has_value(), row.allowed) << row.from << " -> " << row.to;
    if (!ok) {
      EXPECT_EQ(ok.error().code, ErrorCode::redirect_forbidden);
    }
  }
}

TEST(UrlPolicy, ANameIsOutsideWhereItsAddressWas) {
  const UrlPolicy policy;
  const Url name = url("http://repo.corp.example/"), inside = url("http://10.0.0.1/");
  EXPECT_FALSE(check_redirect(policy, name, inside)) << "not known";
  EXPECT_FALSE(check_redirect(policy, name, inside, true));
  EXPECT_TRUE(check_redirect(policy, name, inside, false));
  EXPECT_FALSE(check_redirect(policy, url("http://10.0.0.2/"), inside, true)) << "an earlier host was outside";
}

TEST(UrlPolicy, IsSetByTheAdmin) {
  UrlPolicy policy;
  EXPECT_FALSE(check_redirect(policy, url("http://a.example/"), url("http://192.168.0.1/")));
  policy.redirect_to_private = true;
  EXPECT_TRUE(check_redirect(policy, url("http://a.example/"), url("http://192.168.0.1/")));
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

TEST(UrlPolicy, AnAddressIsDeniedHoweverItIsWritten) {
  UrlPolicy policy;
  policy.deny_hosts = {"10.1.2.3", "2001:DB8::0:1"};
  for (const char* denied :
       {"http://10.1.2.3/", "http://10.66051/", "http://[::ffff:10.1.2.3]/", "http://[::ffff:a01:203]/",
        "http://[0:0:0:0:0:FFFF:0a01:0203]/", "http://[2001:db8::1]/"}) {
    EXPECT_FALSE(check_url(policy, url(denied))) << denied;
  }
  EXPECT_TRUE(check_url(policy, url("http://[::ffff:10.1.2.4]/")));
  policy.deny_hosts = {"::ffff:10.1.2.3"};
  EXPECT_FALSE(check_url(policy, url("http://10.1.2.3/"))) << "nor however the rule is written";
  EXPECT_NE(matching_host({"10.1.2.3"}, "::ffff:10.1.2.3"), nullptr) << "origin.private_hosts goes by the same";
}

// A URL's host, the address that it resolves to, and what a URL asked for and one that a host outside sent may do
// there.
TEST(UrlPolicy, ChecksResolvedAddresses) {
  struct Case {
    const char* url;
    const char* address;
    bool asked;
    bool redirected;
  };
  const Case cases[] = {
      {"http://a.example/", "8.8.8.8", true, true},
      {"http://a.example/", "2001:db8::1", true, true},
      {"http://a.example/", "10.0.0.1", true, false},
      {"http://a.example/", "192.168.3.4", true, false},
      {"http://a.example/", "100.64.0.1", true, false},
      {"http://a.example/", "fd12::1", true, false},
      {"http://a.example/", "::ffff:10.0.0.1", true, false},
      {"http://a.example/", "127.0.0.1", false, false},
      {"http://a.example/", "127.0.1.1", false, false},
      {"http://a.example/", "::1", false, false},
      {"http://a.example/", "::ffff:127.0.0.1", false, false},
      {"http://a.example/", "::127.0.0.1", false, false},
      {"http://a.example/", "64:ff9b::127.0.0.1", false, false},
      {"http://a.example/", "2002:7f00:1::", false, false},
      {"http://a.example/", "0.0.0.0", false, false},
      {"http://a.example/", "::", false, false},
      {"http://localhost.example/", "127.0.0.1", false, false},
      {"http://notlocalhost/", "127.0.0.1", false, false},
      {"http://10.0.0.1/", "127.0.0.1", false, false},
      {"http://127.0.0.1/", "127.0.0.1", true, false},
      {"http://127.9.9.9/", "127.9.9.9", true, false},
      {"http://[::1]/", "::1", true, false},
      {"http://[::ffff:127.0.0.1]/", "::ffff:127.0.0.1", true, false},
      {"http://0.0.0.0/", "127.0.0.1", true, false},
      {"http://localhost/", "127.0.0.1", true, false},
      {"http://localhost./", "::1", true, false},
      {"http://a.localhost/", "127.0.0.1", true, false},
      {"http://a.example/", "169.254.169.254", false, false},
      {"http://a.example/", "::ffff:169.254.169.254", false, false},
      {"http://a.example/", "64:ff9b::a9fe:a9fe", false, false},
      {"http://a.example/", "fd00:ec2::254", false, false},
      {"http://a.example/", "fe80::1", false, false},
      {"http://a.example/", "fe80::1%eth0", false, false},
      {"http://169.254.169.254/", "169.254.169.254", false, false},
      {"http://localhost/", "169.254.169.254", false, false},
      {"http://a.example/", "255.255.255.255", false, false},
      {"http://a.example/", "224.0.0.1", false, false},
      {"http://a.example/", "ff02::1", false, false},
  };
  const UrlPolicy policy;
  for (const Case& row : cases) {
    const Status asked = check_address(policy, url(row.url), row.address, false);
    EXPECT_EQ(asked.has_value(), row.asked) << row.url << " at " << row.address;
    if (!asked) {
      EXPECT_EQ(asked.error().code, ErrorCode::forbidden_url);
    }
    const Status redirected = check_address(policy, url(row.url), row.address, true);
    EXPECT_EQ(redirected.has_value(), row.redirected) << row.url << " at " << row.address;
    if (!redirected) {
      EXPECT_EQ(redirected.error().code, ErrorCode::redirect_forbidden);
    }
  }
}

TEST(UrlPolicy, LooksAtAddressesAsTheAdminSays) {
  const Url name = url("http://rebinding.example/"), here = url("http://localhost/");
  UrlPolicy policy;
  policy.redirect_to_private = true;
  EXPECT_TRUE(check_address(policy, name, "10.0.0.1", true));
  policy.redirect_to_loopback = true;
  EXPECT_TRUE(check_address(policy, here, "127.0.0.1", true));
  EXPECT_FALSE(check_address(policy, name, "127.0.0.1", true)) << "no name leads there, whoever sent it";
  policy.allow_loopback = false;
  EXPECT_EQ(check_address(policy, here, "::ffff:127.0.0.1", false).error().code, ErrorCode::forbidden_url);
  policy.allow_private = false;
  EXPECT_FALSE(check_address(policy, name, "10.0.0.1", false));
}

TEST(UrlPolicy, LetsNamedHostsBeLinkLocal) {
  UrlPolicy policy;
  policy.allow_link_local = {"Printer.local", "*.link.example", "169.254.169.254"};
  EXPECT_TRUE(check_address(policy, url("http://printer.local/"), "fe80::7", false));
  EXPECT_TRUE(check_address(policy, url("http://a.link.example/"), "169.254.3.4", false));
  EXPECT_TRUE(check_url(policy, url("http://169.254.169.254/latest/")));
  EXPECT_FALSE(check_address(policy, url("http://other.local/"), "fe80::7", false));
  EXPECT_FALSE(check_url(policy, url("http://169.254.169.253/")));
  EXPECT_FALSE(check_address(policy, url("http://printer.local/"), "fe80::7", true)) << "sent by a host outside";
  EXPECT_FALSE(check_redirect(policy, url("http://a.example/"), url("http://169.254.169.254/")));
  EXPECT_FALSE(check_address(policy, url("http://printer.local/"), "127.0.0.1", false)) << "that is this machine";
  const Status refused = check_url(UrlPolicy{}, url("http://169.254.169.254/"));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().detail.find("origin.allow_link_local"), std::string::npos) << refused.error().detail;
}

TEST(UrlPolicy, LooksAtProxies) {
  UrlPolicy policy;
  EXPECT_TRUE(check_proxy_address(policy, "127.0.0.1", "127.0.0.1"));
  EXPECT_TRUE(check_proxy_address(policy, "proxy.corp.example", "10.0.0.1"));
  EXPECT_FALSE(check_proxy_address(policy, "169.254.169.254", "169.254.169.254"));
  EXPECT_FALSE(check_proxy_address(policy, "proxy.example", "::ffff:169.254.169.254"));
  policy.allow_link_local = {"proxy.example"};
  EXPECT_TRUE(check_proxy_address(policy, "proxy.example", "fe80::1"));
}

}  // namespace
}  // namespace larder::origin
