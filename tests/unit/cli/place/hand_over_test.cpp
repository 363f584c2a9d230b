#include "agent/cli/place/hand_over.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "agent/cli/place/destination.h"

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

TEST_F(HandOver, ReplacesNothingWhereANewNameIsWanted) {
  const UniqueFd from = content("new");
  const auto publish_at = [&](const std::string& name) {
    std::vector<StagedFile> staged;
    staged.push_back(std::move(StagedFile::create(path(name), "key").value()));
    staged[0].keep_what_is_there();
    EXPECT_TRUE(staged[0].fill(from.get(), 3, 0));
    return publish(staged);
  };
  ASSERT_TRUE(publish_at("out"));
  EXPECT_EQ(read(path("out")), "new");
  std::ofstream(path("there")) << "old";
  const Status refused = publish_at("there");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::already_exists) << refused.error().text();
  EXPECT_EQ(read(path("there")), "old");
  EXPECT_EQ(names(), 2u) << "a hidden file is left";
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

TEST_F(HandOver, ReplacesWhatALinkLeadsToWhereItLies) {
  std::filesystem::create_directory(path("elsewhere"));
  std::ofstream(path("elsewhere/real")) << "old";
  std::filesystem::create_symlink("elsewhere/real", path("out"));
  std::vector<StagedFile> staged;
  staged.push_back(std::move(StagedFile::create(path("out"), "key").value()));
  EXPECT_EQ(directory_of(staged[0].path()), path("elsewhere"));
  const UniqueFd from = content("new");
  ASSERT_TRUE(staged[0].fill(from.get(), 3, 0));
  ASSERT_TRUE(publish(staged));
  EXPECT_TRUE(std::filesystem::is_symlink(path("out")));
  EXPECT_EQ(read(path("elsewhere/real")), "new");
  EXPECT_EQ(names(), 2u);
}

TEST_F(HandOver, KeepsModeAndAccessOfWhatItReplacesButNoSetuid) {
  std::ofstream(path("out")) << "old";
  ASSERT_EQ(::chmod(path("out").c_str(), 04751), 0);
  std::vector<StagedFile> staged;
  staged.push_back(std::move(StagedFile::create(path("out"), "key").value()));
  struct stat info {};
  ASSERT_EQ(::stat(staged[0].path().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 077, 0u) << "nobody reads it before it has its mode";
  ASSERT_TRUE(publish(staged));
  ASSERT_EQ(::stat(path("out").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0751u);
  EXPECT_NE(staged[0].note().find("setuid"), std::string::npos) << staged[0].note();
}

TEST_F(HandOver, KeepsTheOwnerWhereItMay) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  std::ofstream(path("out")) << "old";
  ASSERT_EQ(::chown(path("out").c_str(), 12345, 23456), 0);
  ASSERT_EQ(::chmod(path("out").c_str(), 0640), 0);
  std::vector<StagedFile> staged;
  staged.push_back(std::move(StagedFile::create(path("out"), "key").value()));
  staged[0].close();
  ASSERT_TRUE(publish(staged));
  struct stat info {};
  ASSERT_EQ(::stat(path("out").c_str(), &info), 0);
  EXPECT_EQ(info.st_uid, 12345u);
  EXPECT_EQ(info.st_gid, 23456u);
  EXPECT_EQ(info.st_mode & 07777, 0640u);
  EXPECT_EQ(staged[0].note(), "");
}

// A file of another user and group in one's own directory: it becomes one's own, which is said, and one's group gets no
// more rights than everybody had.
TEST_F(HandOver, SaysThatAnOwnerCouldNotBeKept) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  std::ofstream(path("out")) << "old";
  ASSERT_EQ(::chown(path("out").c_str(), 12345, 23456), 0);
  ASSERT_EQ(::chmod(path("out").c_str(), 0666), 0);
  ASSERT_EQ(::chmod(path("out").c_str(), 0662), 0);
  ASSERT_EQ(::chown(directory_.c_str(), 65534, 65534), 0);
  ASSERT_EQ(::setegid(65534), 0);
  ASSERT_EQ(::seteuid(65534), 0);
  std::vector<StagedFile> staged;
  auto one = StagedFile::create(path("out"), "key");
  if (one) staged.push_back(std::move(*one));
  const auto published = publish(staged);
  ASSERT_EQ(::seteuid(0), 0);
  ASSERT_EQ(::setegid(0), 0);
  ASSERT_TRUE(one) << one.error().text();
  ASSERT_TRUE(published) << published.error().text();
  struct stat info {};
  ASSERT_EQ(::stat(path("out").c_str(), &info), 0);
  EXPECT_EQ(info.st_uid, 65534u);
  EXPECT_EQ(info.st_mode & 07777, 0622u);
  EXPECT_NE(staged[0].note().find("12345"), std::string::npos) << staged[0].note();
}

TEST_F(HandOver, SaysThatOtherNamesKeepTheOldContent) {
  std::ofstream(path("out")) << "old";
  std::filesystem::create_hard_link(path("out"), path("other"));
  std::vector<StagedFile> staged;
  staged.push_back(std::move(StagedFile::create(path("out"), "key").value()));
  ASSERT_TRUE(publish(staged));
  EXPECT_EQ(read(path("other")), "old");
  EXPECT_NE(staged[0].note().find("2 names"), std::string::npos) << staged[0].note();
}

// user::rw- user:1234:r-- group::--- mask::r-- other::---, as the kernel keeps it.
std::string access_list() {
  std::string list("\2\0\0\0", 4);
  const auto add = [&list](std::uint16_t tag, std::uint16_t rights, std::uint32_t id) {
    for (const std::uint64_t part : {std::uint64_t{tag}, std::uint64_t{rights}})
      list += {static_cast<char>(part & 0xFF), static_cast<char>(part >> 8)};
    for (int i = 0; i < 4; ++i) list += static_cast<char>(id >> (8 * i) & 0xFF);
  };
  add(0x01, 6, UINT32_MAX);
  add(0x02, 4, 1234);
  add(0x04, 0, UINT32_MAX);
  add(0x10, 4, UINT32_MAX);
  add(0x20, 0, UINT32_MAX);
  return list;
}

// Without the list, its mask would be rights of the group.
TEST_F(HandOver, KeepsTheAccessListOfWhatItReplaces) {
  const char* name = "system.posix_acl_access";
  const std::string list = access_list();
  std::ofstream(path("out")) << "old";
  if (::setxattr(path("out").c_str(), name, list.data(), list.size(), 0) != 0)
    GTEST_SKIP() << "no access lists in this file system";
  std::vector<StagedFile> staged;
  staged.push_back(std::move(StagedFile::create(path("out"), "key").value()));
  ASSERT_TRUE(publish(staged));
  std::string kept(256, '\0');
  const ssize_t size = ::getxattr(path("out").c_str(), name, kept.data(), kept.size());
  ASSERT_GT(size, 0);
  kept.resize(static_cast<std::size_t>(size));
  EXPECT_EQ(kept, list);
}

// What the directory gives to every new file is not what the old one had.
TEST_F(HandOver, TakesNoAccessListFromTheDirectory) {
  const std::string list = access_list();
  std::ofstream(path("out")) << "old";
  ASSERT_EQ(::chmod(path("out").c_str(), 0640), 0);
  if (::setxattr(directory_.c_str(), "system.posix_acl_default", list.data(), list.size(), 0) != 0)
    GTEST_SKIP() << "no access lists in this file system";
  std::vector<StagedFile> staged;
  staged.push_back(std::move(StagedFile::create(path("out"), "key").value()));
  ASSERT_TRUE(publish(staged));
  EXPECT_LT(::getxattr(path("out").c_str(), "system.posix_acl_access", nullptr, 0), 0);
  struct stat info {};
  ASSERT_EQ(::stat(path("out").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0640u);
}

// Whoever owns the directory could have put another file under the hidden name: it must not be given away.
TEST_F(HandOver, GivesNoRightsToWhatTookTheHiddenFilesPlace) {
  std::ofstream(path("out")) << "old";
  ASSERT_EQ(::chmod(path("out").c_str(), 0666), 0);
  std::ofstream(path("victim")) << "precious";
  ASSERT_EQ(::chmod(path("victim").c_str(), 0600), 0);
  std::vector<StagedFile> staged;
  staged.push_back(std::move(StagedFile::create(path("out"), "key").value()));
  staged[0].close();
  std::filesystem::remove(staged[0].path());
  std::filesystem::create_hard_link(path("victim"), staged[0].path());
  EXPECT_FALSE(publish(staged));
  struct stat info {};
  ASSERT_EQ(::stat(path("victim").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_EQ(read(path("out")), "old");
}

TEST_F(HandOver, RefusesWhatBecameSomethingElseMeanwhile) {
  std::ofstream(path("victim")) << "precious";
  std::vector<StagedFile> staged;
  staged.push_back(std::move(StagedFile::create(path("out"), "key").value()));
  ASSERT_EQ(::mkfifo(path("out").c_str(), 0600), 0);
  const auto published = publish(staged);
  ASSERT_FALSE(published);
  EXPECT_EQ(published.error().code, ErrorCode::already_exists);
  EXPECT_EQ(std::filesystem::status(path("out")).type(), std::filesystem::file_type::fifo);
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
