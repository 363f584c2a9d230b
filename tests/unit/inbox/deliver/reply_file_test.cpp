#include "inbox/deliver/reply_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "tests/support/temp_directory.h"

namespace larder::inbox {
namespace {

using testing::HasSubstr;

class ReplyFileTest : public testing::Test {
 protected:
  void write(const std::string& text) { std::ofstream(path_, std::ios::binary) << text; }
  Result<std::optional<std::string>> take(std::size_t most = 100) { return take_reply_file(path_, most); }
  test::TempDirectory directory_;
  const std::string path_ = directory_ / "reply";
};

TEST_F(ReplyFileTest, WhatIsInItIsTheReply) {
  EXPECT_EQ(take().value(), std::nullopt) << "there is none";
  write("");
  EXPECT_EQ(take().value(), std::nullopt) << "nothing is in it";
  write(std::string("a\0b\n", 4));
  EXPECT_EQ(take().value(), std::string("a\0b\n", 4));
  write(std::string(100, 'x'));
  EXPECT_EQ(take().value()->size(), 100U);
  write(std::string(101, 'x'));
  EXPECT_EQ(take().error().code, ErrorCode::too_large);
}

TEST_F(ReplyFileTest, OnlyAPlainFileOfItsOwnIsRead) {
  std::ofstream(directory_ / "secret") << "of another";
  ASSERT_EQ(::symlink((directory_ / "secret").c_str(), path_.c_str()), 0);
  EXPECT_FALSE(take()) << "a link";
  ::unlink(path_.c_str());
  ASSERT_EQ(::link((directory_ / "secret").c_str(), path_.c_str()), 0);
  EXPECT_FALSE(take()) << "another name of a file that may be anything";
  ::unlink(path_.c_str());
  ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
  EXPECT_FALSE(take()) << "a pipe, for which nothing waits";
  ::unlink(path_.c_str());
  ASSERT_EQ(::mkdir(path_.c_str(), 0700), 0);
  EXPECT_FALSE(take()) << "a directory";
}

TEST_F(ReplyFileTest, AReplyThatIsLostIsSaidAndTheFileIsTaken) {
  AttemptEnd end{AttemptEnd::Kind::took, "fine"};
  add_reply(end, std::optional<std::string>("reply"));
  EXPECT_EQ(end.reply, "reply");
  AttemptEnd lost{AttemptEnd::Kind::took, "fine"};
  add_reply(lost, fail(ErrorCode::too_large, "read it", "too much"));
  EXPECT_EQ(lost.kind, AttemptEnd::Kind::took);
  EXPECT_EQ(lost.reply, std::nullopt);
  EXPECT_THAT(lost.result, HasSubstr("fine (its reply is lost: cannot read it: too much"));
}

}  // namespace
}  // namespace larder::inbox
