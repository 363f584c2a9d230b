#include "base/io/read_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "tests/support/temp_directory.h"

namespace larder {
namespace {

class ReadSmallFile : public testing::Test {
 protected:
  ErrorCode code(const std::string& path) {
    const auto text = read_small_file(path, 100, "read the settings");
    EXPECT_FALSE(text) << path;
    if (text) return ErrorCode::internal;
    EXPECT_TRUE(text.error().text().starts_with("cannot read the settings: ")) << text.error().text();
    EXPECT_NE(text.error().text().find(path), std::string::npos) << text.error().text();
    return text.error().code;
  }
  test::TempDirectory directory_;
};

TEST_F(ReadSmallFile, UpToItsBound) {
  std::ofstream(directory_ / "good") << std::string(100, 'x');
  const auto text = read_small_file(directory_ / "good", 100, "read the settings");
  ASSERT_TRUE(text) << text.error().text();
  EXPECT_EQ(*text, std::string(100, 'x'));
  std::ofstream(directory_ / "long") << std::string(101, 'x');
  EXPECT_EQ(code(directory_ / "long"), ErrorCode::too_large);
}

// Each of these would stand still, or go on for ever, where it is opened and read without care.
TEST_F(ReadSmallFile, NeverWaitsForWhatIsNoFile) {
  ASSERT_EQ(::mkfifo((directory_ / "fifo").c_str(), 0600), 0);
  EXPECT_EQ(code(directory_ / "fifo"), ErrorCode::invalid_argument);
  EXPECT_EQ(code(directory_.path()), ErrorCode::invalid_argument);
  EXPECT_EQ(code("/dev/zero"), ErrorCode::too_large);
  EXPECT_EQ(code(directory_ / "missing"), ErrorCode::not_found);
  EXPECT_TRUE(read_small_file("/dev/null", 100, "read the settings"));
}

}  // namespace
}  // namespace larder
