#include "agent/cli/put/reply_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <set>
#include <utility>

#include "tests/support/temp_directory.h"

namespace larder::agent {
namespace {

using testing::HasSubstr;

using test::read_file;
using test::write_file;

class ReplyFile : public testing::Test {
 protected:
  // Hands over the pieces one by one; fails after them if `fails`.
  Status write(const std::string& path, std::vector<std::string> pieces, bool fails = false) {
    std::size_t next = 0;
    return write_reply_file(path, "key", [&](const ReplySink& sink) -> Result<bool> {
      if (next == pieces.size()) {
        if (fails) return fail(ErrorCode::agent_unreachable, "read the reply", "the agent went away");
        return false;
      }
      if (auto written = sink(pieces[next++]); !written) return tl::unexpected(written.error());
      return true;
    });
  }
  [[nodiscard]] std::set<std::string> names() const {
    std::set<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(directory_.path()))
      found.insert(entry.path().filename());
    return found;
  }

  test::TempDirectory directory_;
  const std::string path_ = directory_ / "reply";
};

TEST_F(ReplyFile, IsWrittenWhole) {
  EXPECT_TRUE(check_reply_file(path_));
  EXPECT_EQ(names(), std::set<std::string>{});
  EXPECT_TRUE(write(path_, {"one ", "", "two"}));
  EXPECT_EQ(read_file(path_), "one two");
  EXPECT_EQ(names(), std::set<std::string>{"reply"});
}

TEST_F(ReplyFile, OfNoBytesIsAFile) {
  EXPECT_TRUE(write(path_, {}));
  EXPECT_EQ(std::filesystem::file_size(path_), 0u);
}

TEST_F(ReplyFile, KeepsTheOldOneUntilItIsWholeAndItsMode) {
  write_file(path_, "old");
  ASSERT_EQ(::chmod(path_.c_str(), 0640), 0);
  EXPECT_FALSE(write(path_, {"half"}, true));
  EXPECT_EQ(read_file(path_), "old");
  EXPECT_EQ(names(), std::set<std::string>{"reply"});
  EXPECT_TRUE(write(path_, {"new"}));
  EXPECT_EQ(read_file(path_), "new");
  EXPECT_EQ(std::filesystem::status(path_).permissions(), std::filesystem::perms(0640));
}

TEST_F(ReplyFile, GoesThroughNoLink) {
  write_file(directory_ / "target", "kept");
  ASSERT_EQ(::symlink("target", path_.c_str()), 0);
  for (const Status& refused : {check_reply_file(path_), write(path_, {"x"})}) {
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().text(), HasSubstr("it is a link"));
  }
  EXPECT_EQ(read_file(directory_ / "target"), "kept");
  EXPECT_EQ(names(), (std::set<std::string>{"reply", "target"}));
}

// A link that appears after the check, while the reply is written.
TEST_F(ReplyFile, GoesThroughNoLinkThatAppearsMeanwhile) {
  write_file(directory_ / "target", "kept");
  bool more = true;
  const Status written = write_reply_file(path_, "key", [&](const ReplySink& sink) -> Result<bool> {
    if (!std::exchange(more, false)) return false;
    EXPECT_EQ(::symlink("target", path_.c_str()), 0);
    EXPECT_TRUE(sink("x"));
    return true;
  });
  EXPECT_FALSE(written);
  EXPECT_EQ(read_file(directory_ / "target"), "kept");
}

TEST_F(ReplyFile, SaysWhyItCannotBeWritten) {
  ASSERT_EQ(::mkfifo((directory_ / "pipe").c_str(), 0600), 0);
  for (const auto& [path, text] :
       std::vector<std::pair<std::string, std::string>>{{directory_ / "none/reply", "No such file"},
                                                        {directory_ / "pipe", "no regular file"},
                                                        {directory_.path(), "no regular file"},
                                                        {directory_ / "sub/..", "names a directory"},
                                                        {directory_.path() + "/", "names a directory"}}) {
    const Status refused = check_reply_file(path);
    ASSERT_FALSE(refused) << path;
    EXPECT_THAT(refused.error().text(), HasSubstr(text));
  }
}

}  // namespace
}  // namespace larder::agent
