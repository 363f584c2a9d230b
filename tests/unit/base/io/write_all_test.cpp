#include "base/io/write_all.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <thread>

#include "base/io/unique_fd.h"
#include "tests/support/temp_directory.h"

namespace larder {
namespace {

TEST(write_all, goes_on_where_a_pipe_took_a_part) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const UniqueFd from(ends[0]);
  UniqueFd to(ends[1]);
  const std::string text(1'000'000, 'x');  // more than a pipe holds
  std::size_t read = 0;
  std::thread reader([&] {
    std::string buffer(10'000, ' ');
    for (ssize_t got = 1; got > 0; read += static_cast<std::size_t>(got))
      got = ::read(from.get(), buffer.data(), buffer.size());
  });
  EXPECT_EQ(write_all(to.get(), as_bytes(text)), 0);
  to.reset();
  reader.join();
  EXPECT_EQ(read, text.size());
}

TEST(write_all, writes_at_an_offset_and_tells_what_failed) {
  const test::TempDirectory directory;
  const UniqueFd file(::open((directory / "f").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  EXPECT_EQ(write_all_at(file.get(), as_bytes("world"), 6), 0);
  EXPECT_EQ(write_all_at(file.get(), as_bytes("hello "), 0), 0);
  std::string text(11, ' ');
  EXPECT_EQ(::pread(file.get(), text.data(), text.size(), 0), 11);
  EXPECT_EQ(text, "hello world");
  EXPECT_EQ(write_all(-1, as_bytes("x")), EBADF);
  EXPECT_EQ(write_all_at(-1, as_bytes("x"), 0), EBADF);
}

}  // namespace
}  // namespace larder
