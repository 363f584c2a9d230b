#include "base/io/log.h"

#include <gtest/gtest.h>

namespace larder::log {
namespace {

class LogTest : public testing::Test {
 protected:
  ~LogTest() override { set_level(Level::info); }
};

TEST_F(LogTest, LevelsBelowTheSetOneAreSilent) {
  set_level(Level::warn);
  testing::internal::CaptureStderr();
  info("not shown id={}", 1);
  write(Level::debug, "not shown either");
  warn("shown id={}", 2);
  error("shown too id={}", 3);
  const std::string out = testing::internal::GetCapturedStderr();
  EXPECT_EQ(out.find("not shown"), std::string::npos) << out;
  EXPECT_NE(out.find("warning shown id=2\n"), std::string::npos) << out;
  EXPECT_NE(out.find("error shown too id=3\n"), std::string::npos) << out;
}

TEST_F(LogTest, OffIsOff) {
  set_level(Level::off);
  testing::internal::CaptureStderr();
  error("hidden");
  write(Level::off, "hidden");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST_F(LogTest, ForeignTextCannotForgeLines) {
  testing::internal::CaptureStderr();
  info("got header={}", "a\r\n2026 error forged\x1b[2J{}");
  const std::string out = testing::internal::GetCapturedStderr();
  EXPECT_EQ(std::count(out.begin(), out.end(), '\n'), 1) << out;
  EXPECT_NE(out.find("header=a\\x0d\\x0a2026 error forged\\x1b[2J{}"), std::string::npos) << out;
}

TEST(RedactUrl, KeepsOnlySchemeHostAndPath) {
  const std::pair<const char*, const char*> table[] = {
      {"https://host/path/x.iso", "https://host/path/x.iso"},
      {"https://user:secret@host:8443/p?token=1#f", "https://host:8443/p"},
      {"https://user:se@cret@host/p", "https://host/p"},
      {"https://host?token=1", "https://host"},
      {"https://host#f", "https://host"},
      {"https://host/p@q?x", "https://host/p@q"},
      {"/just/a/path?with=query", "/just/a/path"},
      {"/path?next=https://user:pw@other/", "/path"},
      {"user:pw@host", "user:pw@host"},
      {"", ""},
      {"https://user:pw@", "https://"},
  };
  for (const auto& [url, shown] : table) EXPECT_EQ(redact_url(url), shown) << url;
}

}  // namespace
}  // namespace larder::log
