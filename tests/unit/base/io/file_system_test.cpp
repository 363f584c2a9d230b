#include "base/io/file_system.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <set>

#include "tests/support/temp_directory.h"

namespace larder {
namespace {

constexpr std::size_t kFailed = ~std::size_t{0};

class PosixFileSystem : public testing::Test {
 protected:
  std::unique_ptr<File> create(const std::string& path, std::string_view text = "") {
    auto file = fs_->open(path, OpenMode::create);
    if (!file) {
      ADD_FAILURE() << file.error().text();
      return nullptr;
    }
    EXPECT_TRUE((*file)->write_at(0, as_bytes(text)));
    return std::move(*file);
  }

  test::TempDirectory directory_;
  std::unique_ptr<FileSystem> fs_ = make_posix_file_system();
};

TEST_F(PosixFileSystem, WritesAndReadsAtOffsets) {
  const auto file = create(directory_ / "f", "0123456789");
  ASSERT_TRUE(file->write_at(100, as_bytes("end")));
  std::vector<std::byte> buffer(200);
  EXPECT_EQ(file->read_at(0, buffer).value_or(kFailed), 103U);
  EXPECT_EQ(file->read_at(100, std::span(buffer).first(2)).value_or(kFailed), 2U);
  EXPECT_EQ(buffer[0], std::byte{'e'});
  EXPECT_EQ(file->read_at(103, buffer).value_or(kFailed), 0U);
  EXPECT_EQ(file->read_at(5000, buffer).value_or(kFailed), 0U);
  EXPECT_EQ(file->stat()->size, 103U);
  ASSERT_TRUE(file->truncate(4));
  ASSERT_TRUE(file->sync());
  EXPECT_EQ(test::read_file(directory_ / "f"), "0123");
}

TEST_F(PosixFileSystem, SparseFilesTakeNoRoom) {
  const auto file = create(directory_ / "f");
  ASSERT_TRUE(file->truncate(kGiB));
  const auto facts = file->stat();
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->size, kGiB);
  EXPECT_LT(facts->allocated, kMiB);
  file->start_writeback({0, kMiB});
}

TEST_F(PosixFileSystem, CreateIsExclusiveAndPrivate) {
  const auto file = create(directory_ / "f", "kept");
  struct stat facts {};
  ASSERT_EQ(::stat((directory_ / "f").c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777U, 0600U);
  EXPECT_NE(::fcntl(file->descriptor(), F_GETFD) & FD_CLOEXEC, 0);
  const auto again = fs_->open(directory_ / "f", OpenMode::create);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::disk_error);
  EXPECT_EQ(again.error().text(), "cannot create " + directory_ / "f" + ": File exists");
  EXPECT_EQ(test::read_file(directory_ / "f"), "kept");
}

TEST_F(PosixFileSystem, OpenWantsTheFile) {
  for (const OpenMode mode : {OpenMode::read, OpenMode::write}) {
    const auto missing = fs_->open(directory_ / "none", mode);
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().code, ErrorCode::not_found);
    EXPECT_EQ(missing.error().text(), "cannot open " + directory_ / "none" + ": No such file or directory");
  }
}

TEST_F(PosixFileSystem, ReadOnlyCannotWrite) {
  create(directory_ / "f", "x");
  const auto file = fs_->open(directory_ / "f", OpenMode::read);
  ASSERT_TRUE(file);
  const Status written = (*file)->write_at(7, as_bytes("abc"));
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, ErrorCode::disk_error);
  EXPECT_EQ(written.error().text(), "cannot write 3 bytes to " + directory_ / "f" + " at 7: Bad file descriptor");
  EXPECT_FALSE((*file)->truncate(0));
}

// A content must never be reached through a link that somebody else placed.
TEST_F(PosixFileSystem, DoesNotFollowLinks) {
  create(directory_ / "f", "x");
  ASSERT_EQ(::symlink((directory_ / "f").c_str(), (directory_ / "link").c_str()), 0);
  const auto opened = fs_->open(directory_ / "link", OpenMode::read);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::disk_error);
  EXPECT_FALSE(fs_->open(directory_ / "link", OpenMode::create));
  EXPECT_TRUE(fs_->remove(directory_ / "link"));
  EXPECT_EQ(test::read_file(directory_ / "f"), "x");
}

TEST_F(PosixFileSystem, NoRoomIsDiskFull) {
  if (::access("/dev/full", W_OK) != 0) GTEST_SKIP() << "no /dev/full here";
  const auto full = fs_->open("/dev/full", OpenMode::write);
  ASSERT_TRUE(full);
  const Status written = (*full)->write_at(0, as_bytes("x"));
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, ErrorCode::disk_full);
  EXPECT_EQ(written.error().text(), "cannot write 1 bytes to /dev/full at 0: No space left on device");
}

// The size limit cuts a write short first and refuses the rest: both must be handled.
TEST_F(PosixFileSystem, AShortWriteIsContinuedUntilTheCauseIsKnown) {
  const auto file = create(directory_ / "f");
  rlimit old{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old), 0);
  const auto old_action = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{10, old.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const Status written = file->write_at(5, as_bytes("0123456789"));
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &old), 0);
  std::signal(SIGXFSZ, old_action);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, ErrorCode::disk_error);
  EXPECT_EQ(written.error().text(),
            "cannot write 5 bytes to " + directory_ / "f" +
                " at 10: the file system or a limit (ulimit -f) does not allow a file of this size");
}

TEST_F(PosixFileSystem, RenameReplacesAndRemoveForgivesTheMissing) {
  create(directory_ / "a", "new");
  create(directory_ / "b", "old");
  ASSERT_TRUE(fs_->rename(directory_ / "a", directory_ / "b"));
  EXPECT_EQ(test::read_file(directory_ / "b"), "new");
  const Status missing = fs_->rename(directory_ / "a", directory_ / "c");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::not_found);
  EXPECT_TRUE(fs_->remove(directory_ / "b"));
  EXPECT_TRUE(fs_->remove(directory_ / "b"));
  EXPECT_EQ(fs_->stat(directory_ / "b").error().code, ErrorCode::not_found);
  ASSERT_TRUE(fs_->make_directories(directory_ / "d"));
  EXPECT_EQ(fs_->remove(directory_ / "d").error().code, ErrorCode::disk_error);
}

TEST_F(PosixFileSystem, MakesDirectoriesPrivateAndAgain) {
  ASSERT_TRUE(fs_->make_directories(directory_ / "a/b/c"));
  ASSERT_TRUE(fs_->make_directories(directory_ / "a/b/c"));
  ASSERT_TRUE(fs_->make_directories(directory_ / "a//b/d/"));
  EXPECT_TRUE(fs_->stat(directory_ / "a/b/d")->directory);
  struct stat facts {};
  ASSERT_EQ(::stat((directory_ / "a/b").c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777U, 0700U);
  create(directory_ / "file");
  const Status blocked = fs_->make_directories(directory_ / "file/sub");
  ASSERT_FALSE(blocked);
  EXPECT_EQ(blocked.error().text(), "cannot make directory " + directory_ / "file" + ": Not a directory");
}

TEST_F(PosixFileSystem, ListsEveryNameAndStopsWhenTold) {
  for (const char* name : {"a", "b", "c"}) create(directory_ / name);
  std::multiset<std::string> names;
  ASSERT_TRUE(fs_->list(directory_.path(), [&](const std::string& name) {
    names.insert(name);
    return true;
  }));
  EXPECT_EQ(names, (std::multiset<std::string>{"a", "b", "c"}));
  int seen = 0;
  ASSERT_TRUE(fs_->list(directory_.path(), [&](const std::string&) { return ++seen < 2; }));
  EXPECT_EQ(seen, 2);
  EXPECT_EQ(fs_->list(directory_ / "none", [](const std::string&) { return true; }).error().code, ErrorCode::not_found);
}

TEST_F(PosixFileSystem, StatTellsFilesApart) {
  create(directory_ / "a", "abc");
  create(directory_ / "b");
  const auto a = fs_->stat(directory_ / "a");
  const auto b = fs_->stat(directory_ / "b");
  ASSERT_TRUE(a && b);
  EXPECT_EQ(a->size, 3U);
  EXPECT_FALSE(a->directory);
  EXPECT_NE(a->inode, b->inode);
  EXPECT_GT(a->modified_ns, 1'500'000'000'000'000'000);
  EXPECT_TRUE(fs_->stat(directory_.path())->directory);
}

TEST_F(PosixFileSystem, SyncsAndSpaceOfTheFileSystem) {
  EXPECT_TRUE(fs_->sync_directory(directory_.path()));
  EXPECT_EQ(fs_->sync_directory(directory_ / "none").error().code, ErrorCode::not_found);
  EXPECT_TRUE(fs_->sync_all(directory_.path()));
  const auto space = fs_->space(directory_.path());
  ASSERT_TRUE(space);
  EXPECT_GT(space->total, 0U);
  EXPECT_LE(space->available, space->total);
  EXPECT_EQ(fs_->space(directory_ / "none").error().code, ErrorCode::not_found);
}

TEST_F(PosixFileSystem, ClosesItsDescriptor) {
  auto file = create(directory_ / "f");
  const int descriptor = file->descriptor();
  EXPECT_NE(::fcntl(descriptor, F_GETFD), -1);
  file.reset();
  EXPECT_EQ(::fcntl(descriptor, F_GETFD), -1);
}

}  // namespace
}  // namespace larder
