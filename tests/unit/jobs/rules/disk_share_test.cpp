#include "agent/jobs/rules/disk_share.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace larder::agent {
namespace {

using testing::HasSubstr;

File file_of(FileState state, std::optional<std::uint64_t> size, std::uint64_t bytes) {
  File file;
  file.state = state;
  file.size = size;
  file.bytes = bytes;
  return file;
}

TEST(disk_share, counts_what_is_there_and_what_running_files_will_come_to) {
  Job job;
  job.files = {file_of(FileState::transferred, 100, 100), file_of(FileState::validating, 50, 50),
               file_of(FileState::active, 1000, 300),     file_of(FileState::active, std::nullopt, 7),
               file_of(FileState::waiting, 5000, 20),     file_of(FileState::failed, 5000, 3)};
  const DiskUse use = disk_use_of(job);
  EXPECT_EQ(use.held, 100U + 50 + 1000 + 7 + 20 + 3);
  EXPECT_EQ(use.present, 100U + 50 + 300 + 7 + 20 + 3);
  EXPECT_EQ(use.outstanding, 700U);
}

TEST(disk_share, one_user_leaves_a_fifth_to_others) {
  EXPECT_FALSE(beyond_share(80, 0, 20));
  EXPECT_FALSE(beyond_share(80, 10, 30));
  EXPECT_TRUE(beyond_share(84, 0, 20));
  EXPECT_TRUE(beyond_share(4, 10, 5)) << "what running files need is not left";
  EXPECT_FALSE(beyond_share(3, 10, 5)) << "next to nothing";
  EXPECT_FALSE(beyond_share(0, 0, 0));
}

TEST(disk_share, says_how_much_and_what_to_do) {
  const auto why = beyond_share(100 * kMiB, 0, 10 * kMiB);
  ASSERT_TRUE(why);
  EXPECT_THAT(*why, HasSubstr("your jobs would hold 100.00 MiB and leave 10.00 MiB for others"));
  EXPECT_THAT(*why, HasSubstr("complete or cancel some"));
}

}  // namespace
}  // namespace larder::agent
