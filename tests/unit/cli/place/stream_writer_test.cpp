#include "agent/cli/place/stream_writer.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "base/io/unique_fd.h"

namespace larder::agent {
namespace {

UniqueFd memory(const std::string& bytes) {
  UniqueFd fd(::memfd_create("content", MFD_CLOEXEC));
  EXPECT_EQ(::write(fd.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  return fd;
}

struct Pipe {
  Pipe() {
    int ends[2] = {-1, -1};
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    reader = UniqueFd(ends[0]);
    writer = UniqueFd(ends[1]);
  }
  UniqueFd reader, writer;
};

class StreamWriter : public testing::Test {
 protected:
  StreamWriter() { std::signal(SIGPIPE, SIG_IGN); }
};

TEST_F(StreamWriter, WritesMoreThanAPipeHoldsWithoutMakingItNotWait) {
  const std::string bytes(3 * 1024 * 1024 + 5, 'x');
  const UniqueFd from = memory(bytes);
  Pipe pipe;
  std::string got;
  std::thread reader([&] {
    std::string buffer(65536, '\0');
    for (ssize_t size = 1; size > 0;) {
      size = ::read(pipe.reader.get(), buffer.data(), buffer.size());
      if (size > 0) got.append(buffer.data(), static_cast<std::size_t>(size));
    }
  });
  const auto end = write_stream(from.get(), pipe.writer.get(), bytes.size(), wait_for_room, "a pipe", "x");
  EXPECT_EQ(::fcntl(pipe.writer.get(), F_GETFL) & O_NONBLOCK, 0);
  pipe.writer.reset();
  reader.join();
  EXPECT_EQ(end.value(), StreamEnd::written);
  EXPECT_TRUE(got == bytes);
}

TEST_F(StreamWriter, SeesThatTheReaderHasGone) {
  const UniqueFd from = memory(std::string(1024 * 1024, 'x'));
  Pipe pipe;
  EXPECT_FALSE(reader_is_gone(pipe.writer.get()));
  pipe.reader.reset();
  EXPECT_TRUE(reader_is_gone(pipe.writer.get()));
  EXPECT_EQ(write_stream(from.get(), pipe.writer.get(), 1024 * 1024, wait_for_room, "a pipe", "x").value(),
            StreamEnd::reader_gone);
}

// A full pipe is waited for where a signal can be seen, and not in the write.
TEST_F(StreamWriter, LetsItselfBeInterruptedWhileNobodyReads) {
  const UniqueFd from = memory(std::string(1024 * 1024, 'x'));
  const Pipe pipe;
  int waits = 0;
  const auto wait = [&](int) { return ++waits < 20; };
  EXPECT_EQ(write_stream(from.get(), pipe.writer.get(), 1024 * 1024, wait, "a pipe", "x").value(),
            StreamEnd::interrupted);
}

TEST_F(StreamWriter, TellsAShortContentFromAFailedRead) {
  const UniqueFd from = memory("abc"), to = memory("");
  errno = ENOSPC;  // of whatever came before
  const auto end = write_stream(from.get(), to.get(), 10, wait_for_room, "a file", "x");
  ASSERT_FALSE(end);
  EXPECT_NE(end.error().text().find("shorter than the agent said"), std::string::npos) << end.error().text();
}

TEST_F(StreamWriter, SaysWhatIsFull) {
  const UniqueFd from = memory("abc");
  const UniqueFd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  const auto end = write_stream(from.get(), full.get(), 3, wait_for_room, "/dev/full", "x");
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().code, ErrorCode::disk_full);
  EXPECT_NE(end.error().text().find("/dev/full"), std::string::npos);
}

}  // namespace
}  // namespace larder::agent
