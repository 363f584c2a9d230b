#include "origin/http/authorities.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/certificate_text.h"

namespace larder::origin {
namespace {

using test::kAuthority;
using test::kPrivateKey;
using test::kSecondAuthority;
using testing::HasSubstr;

struct Case {
  const char* what;
  std::string text;
  const char* told;  // empty: good
};

class Authorities : public testing::TestWithParam<Case> {};

TEST_P(Authorities, AreCertificatesAlone) {
  const Status status = check_authorities(GetParam().text);
  if (*GetParam().told == '\0') {
    EXPECT_TRUE(status) << GetParam().what << ": " << status.error().text();
    return;
  }
  ASSERT_FALSE(status) << GetParam().what;
  EXPECT_EQ(status.error().code, ErrorCode::invalid_argument);
  EXPECT_THAT(status.error().text(), HasSubstr(GetParam().told)) << GetParam().what;
  EXPECT_EQ(status.error().text().find("MII"), std::string::npos) << "quotes the text";
}

std::string without_lines(std::string text, int lines) {
  for (int i = 0; i < lines; ++i)
    text.erase(text.find('\n') + 1, text.find('\n', text.find('\n') + 1) - text.find('\n'));
  return text;
}

std::string renamed(std::string text, const std::string& from, const std::string& to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

INSTANTIATE_TEST_SUITE_P(
    Texts, Authorities,
    testing::Values(
        Case{"one", kAuthority, ""}, Case{"two", kAuthority + kSecondAuthority, ""},
        Case{"with comments", "# office\n" + kAuthority + "\nthe old one:\n" + kSecondAuthority, ""},
        Case{"with CR LF", renamed(kAuthority, "\n", "\r\n"), ""}, Case{"nothing", "", "no certificate"},
        Case{"a path", "/etc/ssl/certs/ca-certificates.crt", "no certificate"},
        Case{"garbage", std::string(1000, '\x7f'), "no certificate"}, Case{"NUL", kAuthority + '\0', "NUL"},
        Case{"a key alone", kPrivateKey, "private key"},
        Case{"a key among them", kAuthority + kPrivateKey, "private key"},
        Case{"the beginning of a key", kAuthority + "-----BEGIN RSA PRIVATE KEY-----\nMIIab", "private key"},
        Case{"cut off", kAuthority.substr(0, 200), "damaged"},
        Case{"the second cut off", kAuthority + kSecondAuthority.substr(0, 300), "block 2 is damaged"},
        Case{"no certificate inside", without_lines(kAuthority, 2), "can be read"},
        Case{"a key's block under another name", renamed(kPrivateKey, "PRIVATE KEY", "CERTIFICATE"), "can be read"},
        Case{"a request", renamed(kAuthority, "CERTIFICATE", "CERTIFICATE REQUEST"), "no certificate that can be read"},
        Case{"too large", std::string(kMaxAuthorities, '#') + kAuthority, "512 KiB"}));

}  // namespace
}  // namespace larder::origin
