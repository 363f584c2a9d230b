#include "agent/uploads/source_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <array>
#include <fstream>

#include "tests/support/temp_directory.h"

namespace larder::agent {
namespace {

class SourceFileTest : public testing::Test {
 protected:
  std::string write(const std::string& text) {
    std::string path = directory_ / "source";
    std::ofstream(path) << text;
    return path;
  }
  larder::test::TempDirectory directory_;
};

TEST_F(SourceFileTest, reads_at_offsets_and_less_at_the_end_alone) {
  const SourceFile file(UniqueFd(::open(write("hello").c_str(), O_RDONLY | O_CLOEXEC)));
  std::array<std::byte, 4> bytes{};
  const auto middle = file.read(1, bytes);
  ASSERT_TRUE(middle);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(bytes.data()), *middle), "ello");
  EXPECT_EQ(file.read(3, bytes).value_or(9), 2U);
  EXPECT_EQ(file.read(5, bytes).value_or(9), 0U);
  EXPECT_EQ(file.read(500, bytes).value_or(9), 0U);
}

TEST_F(SourceFileTest, each_way_to_change_a_file_shows_in_its_identity) {
  const std::string path = write("hello");
  const SourceFile file(UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC)));
  auto before = *file.identity();
  const auto changed = [&] {
    const auto now = *file.identity();
    const bool differs = !(now == before);
    before = now;
    return differs;
  };
  EXPECT_FALSE(changed());
  std::ofstream(path, std::ios::app) << "!";
  EXPECT_TRUE(changed()) << "appended";
  ASSERT_EQ(::truncate(path.c_str(), 3), 0);
  EXPECT_TRUE(changed()) << "truncated";
  // Times have the grain of the kernel's clock: a change in the same tick as the last one shows in nothing.
  const std::array<timespec, 2> times{timespec{1, 0}, timespec{1, 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), times.data(), 0), 0);
  EXPECT_TRUE(changed()) << "touched";
  ASSERT_EQ(::chmod(path.c_str(), 0600), 0);
  const auto now = *file.identity();
  EXPECT_GE(now.changed_ns, before.changed_ns);
  ASSERT_EQ(::unlink(path.c_str()), 0);
  EXPECT_EQ(file.identity()->inode, before.inode) << "the descriptor keeps the old file";
}

TEST_F(SourceFileTest, what_is_no_regular_file_opened_for_reading_alone_is_refused_in_words) {
  const std::string path = write("hello");
  struct Case {
    int descriptor;
    const char* word;
  };
  const UniqueFd both(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  const UniqueFd named(::open(path.c_str(), O_PATH | O_CLOEXEC));
  const UniqueFd folder(::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const UniqueFd memory(::memfd_create("m", MFD_CLOEXEC));
  for (const Case& one : {Case{both.get(), "O_RDONLY"}, Case{named.get(), "O_PATH"}, Case{folder.get(), "regular"},
                          Case{memory.get(), "O_RDONLY"}, Case{-1, "no open file"}}) {
    const auto checked = check_descriptor(one.descriptor);
    ASSERT_FALSE(checked) << one.word;
    EXPECT_EQ(checked.error().code, ErrorCode::invalid_argument);
    EXPECT_NE(checked.error().detail.find(one.word), std::string::npos) << checked.error().detail;
  }
  const UniqueFd good(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(check_descriptor(good.get())->size, 5U);
}

}  // namespace
}  // namespace larder::agent
