#include "agent/cli/get/early_copy.h"

#include <gtest/gtest.h>

namespace larder::agent {
namespace {

FileView told(const std::string& content, std::uint64_t contiguous, std::optional<std::uint64_t> size = 100 * kMiB,
              unsigned restarts = 0) {
  FileView file;
  file.content = content;
  file.contiguous = contiguous;
  file.size = size;
  file.restarts = restarts;
  return file;
}

TEST(EarlyCopy, WaitsForSomethingCommitted) {
  EarlyCopy copy;
  EXPECT_FALSE(copy.wants_descriptor());
  copy.observe(told("", 0));
  EXPECT_FALSE(copy.wants_descriptor());
  copy.observe(told("a", 0));
  EXPECT_FALSE(copy.wants_descriptor());
  copy.observe(told("a", kMiB));
  EXPECT_TRUE(copy.wants_descriptor());
}

TEST(EarlyCopy, LeavesSmallAndUnsizedFilesAlone) {
  EarlyCopy copy;
  copy.observe(told("a", kMiB, EarlyCopy::kMinSize - 1));
  EXPECT_FALSE(copy.wants_descriptor());
  copy.observe(told("a", kMiB, std::nullopt));
  EXPECT_FALSE(copy.wants_descriptor());
}

TEST(EarlyCopy, CopiesCommittedBytesInOrderAndInSteps) {
  EarlyCopy copy;
  copy.observe(told("a", 6 * kMiB));
  EXPECT_EQ(copy.next(), (ByteRange{0, EarlyCopy::kStep}));
  copy.copied({0, EarlyCopy::kStep});
  EXPECT_EQ(copy.next(), (ByteRange{EarlyCopy::kStep, 6 * kMiB - EarlyCopy::kStep}));
  copy.copied({EarlyCopy::kStep, 6 * kMiB - EarlyCopy::kStep});
  EXPECT_EQ(copy.next(), std::nullopt);
  EXPECT_EQ(copy.done(), 6 * kMiB);
  copy.observe(told("a", 7 * kMiB));
  EXPECT_EQ(copy.next(), (ByteRange{6 * kMiB, kMiB}));
}

TEST(EarlyCopy, NeverCopiesBeyondTheEnd) {
  EarlyCopy copy;
  copy.observe(told("a", 50 * kMiB, 5 * kMiB));
  copy.copied(*copy.next());
  copy.copied(*copy.next());
  EXPECT_EQ(copy.done(), 5 * kMiB);
  EXPECT_EQ(copy.next(), std::nullopt);
}

TEST(EarlyCopy, ThrowsAllAwayWhenTheContentIsAnother) {
  const struct {
    const char* why;
    FileView then;
  } cases[] = {
      {"another content", told("b", 20 * kMiB)},
      {"a restart", told("a", 20 * kMiB, 100 * kMiB, 1)},
      {"another size", told("a", 20 * kMiB, 99 * kMiB)},
      {"less committed than copied", told("a", kMiB)},
      {"no content any more", told("", 0)},
  };
  for (const auto& c : cases) {
    EarlyCopy copy;
    EXPECT_FALSE(copy.observe(told("a", 20 * kMiB)));
    copy.copied(*copy.next());
    ASSERT_GT(copy.done(), 0u);
    EXPECT_TRUE(copy.observe(c.then)) << c.why;
    EXPECT_EQ(copy.done(), 0u) << c.why;
  }
}

TEST(EarlyCopy, SaysNothingIsLostWhenNothingWasCopied) {
  EarlyCopy copy;
  copy.observe(told("a", kMiB));
  EXPECT_FALSE(copy.observe(told("b", kMiB)));
}

TEST(EarlyCopy, StaysGivenUp) {
  EarlyCopy copy;
  copy.observe(told("a", 20 * kMiB));
  copy.copied(*copy.next());
  copy.give_up();
  EXPECT_EQ(copy.done(), 0u);
  copy.observe(told("a", 40 * kMiB));
  EXPECT_FALSE(copy.wants_descriptor());
  EXPECT_EQ(copy.next(), std::nullopt);
}

}  // namespace
}  // namespace larder::agent
