#include "agent/cli/hand_over.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "agent/cli/destination.h"

namespace larder::agent {
namespace {

class HandOver : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "larder-hand-over-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  [[nodiscard]] std::string path(const std::string& name) const { return directory_ + "/" + name; }
  UniqueFd content(const std::string& bytes) {
    const std::string name = path("content-" + std::to_string(++contents_));
    std::ofstream(name, std::ios::binary) << bytes;
    UniqueFd fd(::open(name.c_str(), O_RDONLY | O_CLOEXEC));
    std::filesystem::remove(name);
    return fd;
  }
  static std::string bytes_of(std::size_t size, char seed) {
    std::string out(size, '\0');
    for (std::size_t i = 0; i < size; ++i)
      out[i] = static_cast<char>((i * 31 + i / 251) ^ static_cast<unsigned char>(seed));
    return out;
  }
  static std::string read(const std::string& name) {
    std::ostringstream out;
    out << std::ifstream(name, std::ios::binary).rdbuf();
    return out.str();
  }
  [[nodiscard]] std::size_t names() const {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(directory_)) ++count;
    return count;
  }
  std::string directory_;
  int contents_ = 0;
};

TEST_F(HandOver, WritesSizesAroundEveryStep) {
  for (const std::size_t size : {0u, 1u, 4096u, 256u * 1024, 256u * 1024 + 1, 3u * 1024 * 1024 + 17}) {
    const std::string bytes = bytes_of(size, 'a');
    const UniqueFd from = content(bytes);
    std::vector<StagedFile> staged;
    staged.push_back(std::move(StagedFile::create(path("out"), "key").value()));
    ASSERT_TRUE(staged[0].fill(from.get(), size, 0));
    ASSERT_TRUE(publish(staged));
    EXPECT_EQ(read(path("out")), bytes) << size;
    EXPECT_EQ(names(), 1u);
  }
}

TEST_F(HandOver, GoesOnFromWhatWasCopiedEarly) {
  const std::string bytes = bytes_of(5 * kMiB, 'b');
  const UniqueFd from = content(bytes);
  std::vector<StagedFile> staged;
  staged.push_back(std::move(StagedFile::create(path("out"), "key").value()));
  ASSERT_TRUE(staged[0].copy(from.get(), {0, 4 * kMiB}));
  ASSERT_TRUE(staged[0].fill(from.get(), 5 * kMiB, 4 * kMiB));
  ASSERT_TRUE(publish(staged));
  EXPECT_EQ(read(path("out")), bytes);
}

TEST_F(HandOver, IsTheOldFileOrTheNewOneAtAnyMoment) {
  std::ofstream(path("out")) << "old";
  {
    auto staged = StagedFile::create(path("out"), "key");
    ASSERT_TRUE(staged);
    const UniqueFd from = content("new");
    ASSERT_TRUE(staged->fill(from.get(), 3, 0));
    EXPECT_EQ(read(path("out")), "old");
  }
  EXPECT_EQ(read(path("out")), "old");
  EXPECT_EQ(names(), 1u) << "the hidden file must be gone";
}

TEST_F(HandOver, SaysWhenTheContentIsShorterThanItShouldBe) {
  const UniqueFd from = content("abc");
  auto staged = StagedFile::create(path("out"), "key");
  ASSERT_TRUE(staged);
  const auto filled = staged->fill(from.get(), 10, 0);
  ASSERT_FALSE(filled);
  EXPECT_EQ(filled.error().code, ErrorCode::disk_error);
}

TEST_F(HandOver, RemovesTheLeftOverOfAKilledCommand) {
  std::ofstream(temporary_name(path("out"), "key")) << "left over";
  auto staged = StagedFile::create(path("out"), "key");
  ASSERT_TRUE(staged);
  EXPECT_EQ(staged->path(), temporary_name(path("out"), "key"));
  EXPECT_EQ(read(staged->path()), "");
}

TEST_F(HandOver, NeverFollowsALink) {
  std::ofstream(path("victim")) << "precious";
  std::filesystem::create_symlink(path("victim"), temporary_name(path("out"), "key"));
  auto staged = StagedFile::create(path("out"), "key");
  ASSERT_TRUE(staged);
  EXPECT_NE(staged->path(), temporary_name(path("out"), "key"));
  const UniqueFd from = content("x");
  ASSERT_TRUE(staged->fill(from.get(), 1, 0));
  EXPECT_EQ(read(path("victim")), "precious");
}

TEST_F(HandOver, ReplacesALinkInsteadOfWritingThroughIt) {
  std::ofstream(path("victim")) << "precious";
  std::filesystem::create_symlink(path("victim"), path("out"));
  std::vector<StagedFile> staged;
  staged.push_back(std::move(StagedFile::create(path("out"), "key").value()));
  const UniqueFd from = content("new");
  ASSERT_TRUE(staged[0].fill(from.get(), 3, 0));
  ASSERT_TRUE(publish(staged));
  EXPECT_EQ(read(path("victim")), "precious");
  EXPECT_EQ(read(path("out")), "new");
}

TEST_F(HandOver, PublishesManyTogether) {
  std::vector<StagedFile> staged;
  for (int i = 0; i < 100; ++i) {
    auto one = StagedFile::create(path("out" + std::to_string(i)), "key");
    ASSERT_TRUE(one);
    const UniqueFd from = content(std::to_string(i));
    ASSERT_TRUE(one->fill(from.get(), std::to_string(i).size(), 0));
    one->close();
    staged.push_back(std::move(*one));
  }
  ASSERT_TRUE(publish(staged));
  EXPECT_EQ(names(), 100u);
  EXPECT_EQ(read(path("out57")), "57");
}

TEST_F(HandOver, KeepsTheUmaskAndTheTimeOfTheOrigin) {
  const mode_t before = ::umask(027);
  std::vector<StagedFile> staged;
  staged.push_back(std::move(StagedFile::create(path("out"), "key").value()));
  ::umask(before);
  staged[0].set_modified("Sun, 06 Nov 1994 08:49:37 GMT");
  ASSERT_TRUE(publish(staged));
  struct stat info {};
  ASSERT_EQ(::stat(path("out").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0640u);
  EXPECT_EQ(info.st_mtime, 784111777);
}

TEST_F(HandOver, ThrowsAnEarlyCopyAway) {
  const UniqueFd first = content(bytes_of(kMiB, 'a')), second = content(bytes_of(kMiB / 2, 'b'));
  std::vector<StagedFile> staged;
  staged.push_back(std::move(StagedFile::create(path("out"), "key").value()));
  ASSERT_TRUE(staged[0].copy(first.get(), {0, kMiB}));
  ASSERT_TRUE(staged[0].restart());
  ASSERT_TRUE(staged[0].fill(second.get(), kMiB / 2, 0));
  ASSERT_TRUE(publish(staged));
  EXPECT_EQ(read(path("out")), bytes_of(kMiB / 2, 'b'));
}

}  // namespace
}  // namespace larder::agent
