// What the way to an answer says of who may have it: redirects, addresses, several questions about one file.
#include <gtest/gtest.h>

#include "origin/origin.h"
#include "tests/support/virtual_loop.h"
#include "tests/unit/origin/scripted_http.h"

namespace larder::origin {
namespace {

const Header kTag = {"etag", "\"a\""};
const Header kLength = {"content-length", "1000"};

class OriginPrivacy : public ::testing::Test {
 protected:
  void ask() {
    probed.reset();
    Target target = {*parse_url(url), std::make_shared<ConnectOptions>(options), std::make_shared<UrlPolicy>(policy)};
    origin->probe(target, [this](Result<Edition> edition) { probed = std::move(edition); });
    loop.run_ready();
  }
  void redirect(const std::string& to, std::vector<Header> more = {}, const std::string& address = "") {
    more.emplace_back("location", to);
    http.address = address;
    http.head(302, std::move(more));
    http.done();
    loop.run_ready();
  }
  // What the answer to the latest question, and all before it, make of the file.
  std::string_view answered(std::vector<Header> more = {}, const std::string& address = "") {
    more.push_back(kTag);
    more.push_back(kLength);
    http.address = address;
    http.answer(200, std::move(more));
    loop.run_ready();
    EXPECT_TRUE(probed && *probed);
    return probed && *probed ? privacy_info((*probed)->privacy).code : "no answer";
  }

  test::VirtualLoop loop;
  ScriptedHttp http{loop};
  std::unique_ptr<Origin> origin = make_origin(http, loop.runtime());
  std::string url = "http://h.example/x";
  ConnectOptions options;
  UrlPolicy policy;
  std::optional<Result<Edition>> probed;
};

TEST_F(OriginPrivacy, CookiesAndNoStoreOfARedirectSayNothingOfTheFile) {
  ask();
  redirect("https://cdn.example/y?sig=1&se=2", {{"set-cookie", "a=b"}, {"cache-control", "no-store, private"}});
  EXPECT_EQ(answered(), "shareable") << "nor does it matter that the target is signed";
}

TEST_F(OriginPrivacy, WhatARedirectVariesByDecidesWhereItLeads) {
  options.headers = {{"Accept-Language", "de"}};
  ask();
  redirect("/de/x", {{"vary", "Accept-Language"}});
  EXPECT_EQ(answered(), "varies");
  options.headers.clear();
  ask();
  redirect("/en/x", {{"vary", "Accept-Language"}});
  EXPECT_EQ(answered(), "shareable") << "nobody's header chose it";
  ask();
  redirect("/y", {{"vary", "*"}});
  EXPECT_EQ(answered(), "varies_by_everything");
}

TEST_F(OriginPrivacy, TheAddressDecides) {
  struct Row {
    const char* address;
    const char* code;
  };
  for (const Row& row :
       {Row{"127.0.0.1", "loopback_answer"}, Row{"127.3.2.1", "loopback_answer"}, Row{"::1", "loopback_answer"},
        Row{"::ffff:127.0.0.1", "loopback_answer"}, Row{"::ffff:169.254.1.1", "loopback_answer"},
        Row{"169.254.169.254", "loopback_answer"}, Row{"fe80::1", "loopback_answer"},
        Row{"fe80::1%eth0", "loopback_answer"}, Row{"0.0.0.0", "loopback_answer"},
        Row{"64:ff9b::7f00:1", "loopback_answer"}, Row{"10.1.2.3", "shareable"}, Row{"192.168.1.1", "shareable"},
        Row{"172.16.0.1", "shareable"}, Row{"fd00::1", "shareable"}, Row{"192.0.2.1", "shareable"},
        Row{"2001:db8::1", "shareable"}, Row{"", "shareable"}}) {
    ask();
    EXPECT_EQ(answered({}, row.address), row.code) << row.address;
  }
  policy.sharing.share_loopback = true;
  ask();
  EXPECT_EQ(answered({}, "127.0.0.1"), "shareable");
}

TEST_F(OriginPrivacy, OverAProxyTheUrlsHostDecides) {
  options.proxy = "http://127.0.0.1:3128";  // its address is not told
  ask();
  EXPECT_EQ(answered(), "shareable");
  url = "http://127.0.0.1:8000/x";
  ask();
  EXPECT_EQ(answered(), "loopback_answer");
}

TEST_F(OriginPrivacy, ARedirectThroughThisMachineLeavesItsMark) {
  ask();
  redirect("/z", {}, "127.0.0.1");
  EXPECT_EQ(answered({}, "192.0.2.1"), "loopback_answer");
  policy.redirect_to_loopback = policy.sharing.callers_redirect = true;
  ask();
  redirect("http://localhost/z", {}, "192.0.2.1");
  EXPECT_EQ(answered({}, "127.0.0.1"), "callers_redirect");
  policy.sharing.callers_redirect = false;
  ask();
  redirect("http://localhost/z", {}, "192.0.2.1");
  EXPECT_EQ(answered({}, "127.0.0.1"), "loopback_answer") << "the configuration follows it for everybody";
}

TEST_F(OriginPrivacy, HostsThatTheConfigurationKeepsPrivate) {
  policy.sharing.private_hosts = {"*.intern.example"};
  ask();
  EXPECT_EQ(answered(), "shareable");
  ask();
  redirect("http://files.intern.example/y");
  EXPECT_EQ(answered(), "private_host") << "it answered";
  ask();
  redirect("http://files.intern.example/y");
  redirect("http://cdn.example/y");
  EXPECT_EQ(answered(), "private_host") << "it sent on";
  url = "http://a.intern.example/x";
  ask();
  EXPECT_EQ(answered(), "private_host");
}

}  // namespace
}  // namespace larder::origin
