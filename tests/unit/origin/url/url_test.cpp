#include "origin/url/url.h"

#include <gtest/gtest.h>

namespace larder::origin {
namespace {

struct Normal {
  const char* text;
  const char* canonical;
};

TEST(Url, HasOneNormalForm) {
  const Normal rows[] = {
      {"http://example.com", "http://example.com/"},
      {"HTTP://EXAMPLE.com:80/", "http://example.com/"},
      {"https://example.com:443/a", "https://example.com/a"},
      {"https://example.com:80/a", "https://example.com:80/a"},
      {"http://example.com:/a", "http://example.com/a"},
      {"http://h/a/./b/../c", "http://h/a/c"},
      {"http://h/../../x", "http://h/x"},
      {"http://h/a/..", "http://h/"},
      {"http://h/a/b/.", "http://h/a/b/"},
      {"http://h//a//b", "http://h//a//b"},
      {"http://h/%7euser/%2fx%2F", "http://h/~user/%2Fx%2F"},
      {"http://h/%2e%2e/x", "http://h/x"},
      {"http://h/a%2e%2E/b", "http://h/a../b"},
      {"http://h/a?", "http://h/a?"},
      {"http://h?q=%7e/../x", "http://h/?q=%7e/../x"},
      {"http://h/a#frag?no", "http://h/a"},
      {"http://u:p@h/a", "http://h/a"},
      {"http://h/\xc3\xa4", "http://h/%C3%A4"},
      {"http://h/a?\xc3\xa4=<\">", "http://h/a?%C3%A4=%3C%22%3E"},
      {"http://h/a|b\\c", "http://h/a%7Cb%5Cc"},
      {"http://127.1/", "http://127.0.0.1/"},
      {"http://0x7f000001/", "http://127.0.0.1/"},
      {"http://2130706433/", "http://127.0.0.1/"},
      {"http://0177.0.0.01/", "http://127.0.0.1/"},
      {"http://1.2.3.4./", "http://1.2.3.4/"},
      {"http://[::1]:8080/", "http://[::1]:8080/"},
      {"http://[0:0:0:0:0:0:0:1]/", "http://[::1]/"},
      {"http://[::FFFF:1.2.3.4]/", "http://[::ffff:1.2.3.4]/"},
      {"http://xn--bcher-kva.example/", "http://xn--bcher-kva.example/"},
      {"http://a_b.example./x", "http://a_b.example./x"},
  };
  for (const Normal& row : rows) {
    const auto url = parse_url(row.text);
    ASSERT_TRUE(url) << row.text << ": " << url.error().text();
    EXPECT_EQ(url->canonical(), row.canonical) << row.text;
    EXPECT_EQ(parse_url(url->canonical())->canonical(), row.canonical) << "not a fixed point";
  }
}

TEST(Url, RefusesWhatIsNone) {
  const std::pair<std::string, ErrorCode> rows[] = {
      {"", ErrorCode::invalid_url},
      {"example.com/x", ErrorCode::invalid_url},
      {"//example.com/x", ErrorCode::invalid_url},
      {"http:/x", ErrorCode::invalid_url},
      {"http:x", ErrorCode::invalid_url},
      {"http:///x", ErrorCode::invalid_url},
      {"http://:80/", ErrorCode::invalid_url},
      {"http://@/", ErrorCode::invalid_url},
      {"http://h:0/", ErrorCode::invalid_url},
      {"http://h:65536/", ErrorCode::invalid_url},
      {"http://h:99999999999/", ErrorCode::invalid_url},
      {"http://h:8o/", ErrorCode::invalid_url},
      {"http://h:-1/", ErrorCode::invalid_url},
      {"http://a b/", ErrorCode::invalid_url},
      {"http://h/a b", ErrorCode::invalid_url},
      {"http://h/\r\nHost: x", ErrorCode::invalid_url},
      {"http://h/\t", ErrorCode::invalid_url},
      {std::string("http://h/\0x", 11), ErrorCode::invalid_url},
      {"http://h/\x7f", ErrorCode::invalid_url},
      {"http://h/%", ErrorCode::invalid_url},
      {"http://h/%4", ErrorCode::invalid_url},
      {"http://h/%zz", ErrorCode::invalid_url},
      {"http://a..b/", ErrorCode::invalid_url},
      {"http://.a/", ErrorCode::invalid_url},
      {"http://h%2ex/", ErrorCode::invalid_url},
      {"http://a\\b/", ErrorCode::invalid_url},
      {"http://evil@good@host/", ErrorCode::invalid_url},
      {"http://u%0d%0a@h/", ErrorCode::invalid_url},
      {"http://u%zz@h/", ErrorCode::invalid_url},
      {"http://[::1/", ErrorCode::invalid_url},
      {"http://[::1]x/", ErrorCode::invalid_url},
      {"http://[]/", ErrorCode::invalid_url},
      {"http://[fe80::1%25eth0]/", ErrorCode::invalid_url},
      {"http://[v1.x]/", ErrorCode::invalid_url},
      {"http://1.2.3.256/", ErrorCode::invalid_url},
      {"http://1.2.3.4.5/", ErrorCode::invalid_url},
      {"http://09.1/", ErrorCode::invalid_url},
      {"http://99999999999/", ErrorCode::invalid_url},
      {"http://" + std::string(64, 'a') + "/", ErrorCode::invalid_url},
      {"http://h/" + std::string(kMaxUrl, 'a'), ErrorCode::invalid_url},
      {"http://h/" + std::string(kMaxUrl / 2, '\xc3'), ErrorCode::invalid_url},
      {"ftp://h/", ErrorCode::forbidden_url},
      {"file:///etc/passwd", ErrorCode::forbidden_url},
      {"gopher://h/", ErrorCode::forbidden_url},
      {"javascript:alert(1)", ErrorCode::forbidden_url},
      {"dict://h:11111/", ErrorCode::forbidden_url},
  };
  for (const auto& [text, code] : rows) {
    const auto url = parse_url(text);
    ASSERT_FALSE(url) << text << " -> " << url->canonical();
    EXPECT_EQ(url.error().code, code) << text;
    EXPECT_FALSE(url.error().detail.empty());
  }
}

TEST(Url, KeepsCredentialsApart) {
  const auto url = parse_url("https://us%40er:p%3Aw@h/x");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->user, "us@er");
  EXPECT_EQ(url->password, "p:w");
  EXPECT_TRUE(url->has_credentials());
  EXPECT_EQ(url->canonical().find("us"), std::string::npos);
}

TEST(Url, ErrorsNeverShowThePassword) {
  for (const char* text :
       {"http://u:hunter2@a b/", "http://u:hunter2@h:0/", "http://u:hunter2@", "ftp://u:hunter2@h/"}) {
    const auto url = parse_url(text);
    ASSERT_FALSE(url);
    EXPECT_EQ(url.error().text().find("hunter2"), std::string::npos);
  }
}

TEST(Url, GivesAFileName) {
  const std::pair<const char*, std::string> rows[] = {
      {"http://h/a/b.iso", "b.iso"},   {"http://h/a/b.iso?x=/y", "b.iso"}, {"http://h/", "index"},
      {"http://h/a/", "index"},        {"http://h/a%20b", "a b"},          {"http://h/%2fetc%2fpasswd", "_etc_passwd"},
      {"http://h/a%00b", "a_b"},       {"http://h/%2e%2e%2f", ".._"},      {"http://h/a%5Cb", "a_b"},
      {"http://h/%C3%A4", "\xc3\xa4"},
  };
  for (const auto& [text, name] : rows) EXPECT_EQ(parse_url(text)->file_name(), name) << text;
  const auto longest = parse_url("http://h/" + std::string(254, 'a') + "%C3%A4");
  EXPECT_EQ(longest->file_name(), std::string(254, 'a')) << "cut inside a character";
}

// RFC 3986 §5.4, normal and abnormal examples.
TEST(Url, ResolvesReferences) {
  const Url base = *parse_url("http://u:p@a/b/c/d;p?q");
  const Normal rows[] = {
      {"g", "http://a/b/c/g"},
      {"./g", "http://a/b/c/g"},
      {"g/", "http://a/b/c/g/"},
      {"/g", "http://a/g"},
      {"//g", "http://g/"},
      {"?y", "http://a/b/c/d;p?y"},
      {"g?y", "http://a/b/c/g?y"},
      {"#s", "http://a/b/c/d;p?q"},
      {"g#s", "http://a/b/c/g"},
      {";x", "http://a/b/c/;x"},
      {"g;x?y#s", "http://a/b/c/g;x?y"},
      {"", "http://a/b/c/d;p?q"},
      {".", "http://a/b/c/"},
      {"./", "http://a/b/c/"},
      {"..", "http://a/b/"},
      {"../", "http://a/b/"},
      {"../g", "http://a/b/g"},
      {"../..", "http://a/"},
      {"../../g", "http://a/g"},
      {"../../../g", "http://a/g"},
      {"/./g", "http://a/g"},
      {"/../g", "http://a/g"},
      {"g.", "http://a/b/c/g."},
      {"..g", "http://a/b/c/..g"},
      {"./../g", "http://a/b/g"},
      {"g/../h", "http://a/b/c/h"},
      {"g?y/../x", "http://a/b/c/g?y/../x"},
      {"https://x:444/y", "https://x:444/y"},
      {"a b", "http://a/b/c/a%20b"},
      {"g:h/../i", nullptr},
      {"http:g", nullptr},
      {"file:///etc/passwd", nullptr},
      {"x\r\ny", nullptr},
      {"//h:0/", nullptr},
  };
  for (const Normal& row : rows) {
    const auto url = resolve_reference(base, row.text);
    if (row.canonical == nullptr) {
      EXPECT_FALSE(url) << row.text;
      continue;
    }
    ASSERT_TRUE(url) << row.text << ": " << url.error().text();
    EXPECT_EQ(url->canonical(), row.canonical) << row.text;
  }
  EXPECT_TRUE(resolve_reference(base, "g")->has_credentials());
  EXPECT_FALSE(resolve_reference(base, "//other/g")->has_credentials());
}

// Forms that no standard has, and servers write.
TEST(Url, ResolvesWhatServersWrite) {
  const Url base = *parse_url("http://a/b/c?q");
  const Normal rows[] = {
      {"/100%/a.iso", "http://a/100%/a.iso"},
      {"/save50%", "http://a/save50%"},
      {"/%zz/%4", "http://a/%zz/%4"},
      {"/%%41", "http://a/%%41"},
      {"/%%611", "http://a/%%611"},
      {"/%a%31", "http://a/%a%31"},
      {"/%a%7e%31", "http://a/%a~1"},
      {"/%/../%2e%2e/%41", "http://a/A"},
      {"/%2541%", "http://a/%2541%"},
      {"http://h/100%", "http://h/100%"},
      {"//h/100%?50%", "http://h/100%?50%"},
      {"x%", "http://a/b/x%"},
      {"http:/h/x", "http://h/x"},
      {"http:///h/x", "http://h/x"},
      {"HTTPS:/h", "https://h/"},
      {"http:////h/x", nullptr},
      {"http:h/x", nullptr},
      {"http://h%zz/x", nullptr},
      {"/[x]{y}|z^`\\\"<>", "http://a/%5Bx%5D%7By%7D%7Cz%5E%60%5C%22%3C%3E"},
      {"/\xc3\xa4\xe4", "http://a/%C3%A4%E4"},
      {"/a//b", "http://a/a//b"},
  };
  for (const Normal& row : rows) {
    const auto url = resolve_reference(base, row.text);
    if (row.canonical == nullptr) {
      EXPECT_FALSE(url) << row.text;
      continue;
    }
    ASSERT_TRUE(url) << row.text << ": " << url.error().text();
    EXPECT_EQ(url->canonical(), row.canonical) << row.text;
    EXPECT_EQ(parse_found_url(url->canonical())->canonical(), row.canonical) << "as it is kept";
  }
  EXPECT_EQ(resolve_reference(base, "/d/100%.iso")->file_name(), "100%.iso");
  EXPECT_FALSE(parse_url("http://a/100%")) << "who types it can write it otherwise";
  EXPECT_FALSE(parse_url("http:/h/x"));
  const Url odd = *resolve_reference(base, "/100%/x");
  EXPECT_EQ(resolve_reference(odd, "y")->canonical(), "http://a/100%/y") << "from such a place on";
}

}  // namespace
}  // namespace larder::origin
