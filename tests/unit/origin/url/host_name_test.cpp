// International host names in URLs: one name has one canonical form, and nothing that is written otherwise gets past
// the rules of hosts.
#include "origin/url/host_name.h"

#include <gtest/gtest.h>

#include "origin/url/url.h"

namespace larder::origin {
namespace {

TEST(HostName, HasOneFormForAllItsSpellings) {
  const std::pair<const char*, const char*> rows[] = {
      {"http://bücher.example/x", "http://xn--bcher-kva.example/x"},
      {"http://BÜCHER.Example/x", "http://xn--bcher-kva.example/x"},
      {"http://bu\xcc\x88"
       "cher.example/x",
       "http://xn--bcher-kva.example/x"},
      {"http://XN--BCHER-KVA.example/x", "http://xn--bcher-kva.example/x"},
      {"http://b%C3%BCcher.example/x", "http://xn--bcher-kva.example/x"},
      {"http://b%c3%bccher%2Eexample/x", "http://xn--bcher-kva.example/x"},
      {"http://b\xc2\xad\xc3\xbc"
       "cher.example/x",
       "http://xn--bcher-kva.example/x"},
      {"https://u:p@bücher.example:444/x?y", "https://xn--bcher-kva.example:444/x?y"},
      {"http://faß.example/", "http://xn--fa-hia.example/"},  // not fass: non-transitional
      {"http://日本語。ＪＰ/", "http://xn--wgv71a119e.jp/"},
      {"http://ｅｘａｍｐｌｅ.com/", "http://example.com/"},
      {"http://bücher.example./", "http://xn--bcher-kva.example./"},
  };
  for (const auto& [text, canonical] : rows) {
    const auto url = parse_url(text);
    ASSERT_TRUE(url) << text << ": " << url.error().text();
    EXPECT_EQ(url->canonical(), canonical) << text;
    EXPECT_EQ(parse_url(url->canonical())->canonical(), canonical) << "not a fixed point";
  }
}

// Characters that become digits, dots or delimiters are what they become.
TEST(HostName, HidesNeitherAnAddressNorADelimiter) {
  for (const char* text :
       {"http://127。0。0。1/", "http://１２７.０.０.１/", "http://①２７.1/", "http://ｌｏｃａｌｈｏｓｔ/"}) {
    const auto url = parse_url(text);
    ASSERT_TRUE(url) << text << ": " << url.error().text();
    UrlPolicy closed;
    closed.allow_loopback = false;
    EXPECT_FALSE(check_url(closed, *url)) << text << " -> " << url->canonical();
    EXPECT_FALSE(check_redirect(UrlPolicy{}, *parse_url("http://example.com/"), *url)) << text;
  }
  UrlPolicy denies;
  denies.deny_hosts = {"*.xn--bcher-kva.example"};
  EXPECT_FALSE(check_url(denies, *parse_url("http://a.bücher.example/")));
}

TEST(HostName, RefusesWhatIsNone) {
  const std::string rows[] = {
      "http://a\xe2\x84\x80"
      "b.example/",      // "a/c"
      "http://ä／b/",    // a slash
      "http://ä＠b/",    // an at sign
      "http://ä：80/",   // a colon
      "http://ä＃b/",    // a hash
      "http://ä？b/",    // a question mark
      "http://ä％41/",   // a per cent sign
      "http://ä%2fb/",   // a slash
      "http://ä%40b/",   // an at sign
      "http://ä%00b/",   // NUL
      "http://ä%2541/",  // encoded twice
      "http://ä%4/",     // half encoded
      "http://b\xfc"
      "cher/",             // Latin-1
      "http://\xc3/",      // half a character
      "http://%ff/",       // no character
      "http://\xc2\xad/",  // stands for nothing
      "http://ä..b/",
      "http://.ä/",
      "http://ä b/",
      "http://１２７.０.０.２５６/",  // looks like an address
      "http://\xcc\x88"
      "a.example/",  // begins with a mark
      "http://ä[::1]/",
  };
  for (const std::string& text : rows) {
    const auto url = parse_url(text);
    ASSERT_FALSE(url) << text << " -> " << url->canonical();
    EXPECT_EQ(url.error().code, ErrorCode::invalid_url) << text;
    EXPECT_FALSE(url.error().detail.empty());
  }
}

TEST(HostName, IsBounded) {
  std::string label, labels;
  for (int i = 0; i < 70; ++i) label += "ä";
  for (int i = 0; i < 200; ++i) labels += "ä.";
  for (const std::string& name : {label, labels, std::string(kMaxUrl - 10, '\xc3')}) {
    const auto url = parse_url("http://" + name + "/");
    ASSERT_FALSE(url);
    EXPECT_EQ(url.error().code, ErrorCode::invalid_url);
  }
}

TEST(HostName, IsTakenInALocation) {
  const Url base = *parse_url("http://example.com/a");
  for (const char* text : {"http://bücher.example/b", "//b%C3%BCcher.example/b", "http://xn--bcher-kva.example/b"}) {
    const auto url = resolve_reference(base, text);
    ASSERT_TRUE(url) << text << ": " << url.error().text();
    EXPECT_EQ(url->canonical(), "http://xn--bcher-kva.example/b");
  }
  EXPECT_EQ(resolve_reference(*parse_url("http://bücher.example/a"), "b")->host, "xn--bcher-kva.example");
}

TEST(HostName, ErrorsNeverShowThePassword) {
  const auto url = parse_url("http://u:hunter2@ä／b/");
  ASSERT_FALSE(url);
  EXPECT_EQ(url.error().text().find("hunter2"), std::string::npos);
}

}  // namespace
}  // namespace larder::origin
