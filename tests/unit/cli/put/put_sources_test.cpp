#include "agent/cli/put/put_sources.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "tests/support/temp_directory.h"

namespace larder::agent {
namespace {

using testing::HasSubstr;

std::string write_file(const std::string& path, const std::string& bytes) {
  test::write_file(path, bytes);
  return path;
}

std::string content_of(int fd) {
  std::string bytes(static_cast<std::size_t>(::lseek(fd, 0, SEEK_END)), '\0');
  EXPECT_EQ(::pread(fd, bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
  return bytes;
}

bool is_read_only(int fd) {
  const int flags = ::fcntl(fd, F_GETFL);
  return flags >= 0 && (flags & O_ACCMODE) == O_RDONLY && (flags & O_PATH) == 0;
}

TEST(PutSource, OpensRegularFilesAndTellsThatTheyChanged) {
  const test::TempDirectory directory;
  const std::string path = write_file(directory / "f", "abc");
  ASSERT_EQ(::symlink("f", (directory / "link").c_str()), 0);
  const auto source = PutSource::open(directory / "link");
  ASSERT_TRUE(source) << source.error().text();
  EXPECT_TRUE(is_read_only(source->descriptor()));
  EXPECT_TRUE(source->check_unchanged());
  write_file(path, "abcd");
  const auto changed = source->check_unchanged();
  ASSERT_FALSE(changed);
  EXPECT_EQ(changed.error().code, ErrorCode::source_changed);
}

TEST(PutSource, TellsThatItWasTouched) {
  const test::TempDirectory directory;
  const std::string path = write_file(directory / "f", "abc");
  const auto source = PutSource::open(path);
  ASSERT_TRUE(source);
  const timespec times[2] = {{1000, 0}, {1000, 1}};
  ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
  EXPECT_FALSE(source->check_unchanged());
}

TEST(PutSource, RefusesWhatIsNoFile) {
  const test::TempDirectory directory;
  ASSERT_EQ(::mkfifo((directory / "pipe").c_str(), 0600), 0);
  const std::vector<std::tuple<std::string, ErrorCode, std::string>> cases = {
      {directory / "none", ErrorCode::not_found, "No such file"},
      {directory / "pipe", ErrorCode::invalid_argument, "larder put - URL < PIPE"},
      {directory.path(), ErrorCode::invalid_argument, "tar c DIRECTORY"},
      {"/dev/null", ErrorCode::invalid_argument, "no regular file"}};
  for (const auto& [path, code, text] : cases) {
    const auto source = PutSource::open(path);
    ASSERT_FALSE(source) << path;
    EXPECT_EQ(source.error().code, code) << path;
    EXPECT_THAT(source.error().text(), HasSubstr(text));
  }
}

TEST(KeyOf, IsTheFilesAndNotTheirNames) {
  const test::TempDirectory directory;
  const std::string path = write_file(directory / "f", "abc");
  std::filesystem::create_hard_link(path, directory / "g");
  write_file(directory / "other", "abc");
  const auto key = [&](const std::string& name, const std::string& others) {
    std::vector<PutSource> sources;
    sources.push_back(PutSource::open(directory / name).value());
    return key_of(sources, others);
  };
  EXPECT_EQ(key("f", "url"), key("g", "url"));
  EXPECT_NE(key("f", "url"), key("other", "url"));
  EXPECT_NE(key("f", "url"), key("f", "url2"));
}

class SpoolInput : public testing::Test {
 protected:
  Result<std::optional<PutSource>> spool(int input) {
    return spool_input(
        input, directory_.path(), [this](int) { return waits_ < 0 || waits_-- > 0; },
        [this](std::uint64_t bytes) { told_ = bytes; });
  }
  [[nodiscard]] bool is_empty() const { return std::filesystem::is_empty(directory_.path()); }

  test::TempDirectory directory_;
  int waits_ = -1;  // so many times more; -1: always
  std::uint64_t told_ = 0;
};

TEST_F(SpoolInput, CopiesToTheEndIntoAFileWithoutAName) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const std::string bytes(3'000'000, 'x');
  std::thread writer([&bytes, end = UniqueFd(ends[1])] {
    for (std::size_t at = 0; at < bytes.size();) {
      const ssize_t written = ::write(end.get(), bytes.data() + at, std::min<std::size_t>(70'001, bytes.size() - at));
      if (written <= 0) break;
      at += static_cast<std::size_t>(written);
    }
  });
  const UniqueFd input(ends[0]);
  const auto source = spool(input.get());
  writer.join();
  ASSERT_TRUE(source) << source.error().text();
  ASSERT_TRUE(*source);
  EXPECT_EQ(content_of((*source)->descriptor()), bytes);
  EXPECT_TRUE(is_read_only((*source)->descriptor()));
  EXPECT_EQ((*source)->facts().st_nlink, 0u);
  EXPECT_EQ(told_, bytes.size());
  EXPECT_TRUE(is_empty());
  EXPECT_TRUE((*source)->check_unchanged());
}

TEST_F(SpoolInput, TakesNothing) {
  const UniqueFd input(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const auto source = spool(input.get());
  ASSERT_TRUE(source && *source);
  EXPECT_EQ((*source)->facts().st_size, 0);
}

TEST_F(SpoolInput, EndsWhereItIsInterrupted) {
  const UniqueFd input(::open("/dev/zero", O_RDONLY | O_CLOEXEC));
  waits_ = 2;
  const auto source = spool(input.get());
  ASSERT_TRUE(source) << source.error().text();
  EXPECT_FALSE(*source);
  EXPECT_TRUE(is_empty());
}

TEST_F(SpoolInput, SaysWhyItCannot) {
  const UniqueFd folder(::open(directory_.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const auto unreadable = spool(folder.get());
  ASSERT_FALSE(unreadable);
  EXPECT_THAT(unreadable.error().text(), HasSubstr("cannot read standard input"));
  const auto nowhere = spool_input(
      0, directory_ / "none", [](int) { return true; }, [](std::uint64_t) {});
  ASSERT_FALSE(nowhere);
  EXPECT_THAT(nowhere.error().text(), HasSubstr("TMPDIR"));
  const auto elsewhere = spool_input(
      0, "/proc", [](int) { return true; }, [](std::uint64_t) {});
  ASSERT_FALSE(elsewhere);
  EXPECT_THAT(elsewhere.error().text(), HasSubstr("TMPDIR"));
}

}  // namespace
}  // namespace larder::agent
