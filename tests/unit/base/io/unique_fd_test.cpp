#include "base/io/unique_fd.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <utility>

namespace larder {
namespace {

UniqueFd opened() {
  return UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
}
bool is_open(int fd) {
  return ::fcntl(fd, F_GETFD) >= 0;
}

TEST(UniqueFd, ClosesAtItsEnd) {
  int number = -1;
  {
    const UniqueFd fd = opened();
    ASSERT_TRUE(fd);
    EXPECT_TRUE(fd.valid());
    number = fd.get();
    EXPECT_TRUE(is_open(number));
  }
  EXPECT_FALSE(is_open(number));
}

TEST(UniqueFd, HasNothingAtFirstAndAfterAMove) {
  EXPECT_FALSE(UniqueFd());
  EXPECT_FALSE(UniqueFd(-1));
  UniqueFd first = opened();
  const int number = first.get();
  const UniqueFd second = std::move(first);
  EXPECT_EQ(second.get(), number);
  EXPECT_FALSE(first);  // NOLINT(bugprone-use-after-move): what is tested
  EXPECT_TRUE(is_open(number));
}

TEST(UniqueFd, WhatItHadIsClosedWhenItGetsAnother) {
  UniqueFd first = opened(), second = opened();
  const int old = first.get(), number = second.get();
  first = std::move(second);
  EXPECT_FALSE(is_open(old));
  EXPECT_EQ(first.get(), number);
  EXPECT_TRUE(is_open(number));
  first.reset();
  EXPECT_FALSE(is_open(number));
  EXPECT_FALSE(first);
}

TEST(UniqueFd, WhatIsReleasedStaysOpen) {
  UniqueFd fd = opened();
  const int number = fd.release();
  EXPECT_FALSE(fd);
  fd.reset();
  EXPECT_TRUE(is_open(number));
  const UniqueFd again(number);  // and is closed
}

TEST(UniqueFd, LeavesErrnoAlone) {
  UniqueFd fd = opened();
  errno = ENOSPC;
  fd.reset();
  EXPECT_EQ(errno, ENOSPC);
  {
    const UniqueFd bad(1'000'000);  // close() fails
    errno = EIO;
  }
  EXPECT_EQ(errno, EIO);
}

}  // namespace
}  // namespace larder
