#include "base/io/standard_streams.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <functional>
#include <string>

namespace larder {
namespace {

// In a process of its own, whose descriptors and signals may be spoiled; its exit status, or 128 and the signal.
int in_child(const std::function<int()>& work) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(work());
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

TEST(StandardStreams, AreHeldWhereTheyAreClosed) {
  EXPECT_EQ(in_child([] {
              for (int fd = 0; fd <= 2; ++fd) ::close(fd);
              hold_standard_descriptors();
              char byte = 'x';
              if (::read(0, &byte, 1) >= 0 || ::write(1, &byte, 1) >= 0 || ::write(2, &byte, 1) >= 0) return 1;
              return ::open("/dev/null", O_RDWR | O_CLOEXEC) > 2 ? 0 : 2;
            }),
            0);
}

TEST(StandardStreams, AreLeftWhereTheyAreOpen) {
  EXPECT_EQ(in_child([] {
              ::close(0);
              int ends[2] = {-1, -1};
              if (::pipe(ends) != 0 || ::dup2(ends[1], 2) != 2) return 1;
              hold_standard_descriptors();
              char byte = 0;
              return say("y") && ::read(ends[0], &byte, 1) == 1 && byte == 'y' ? 0 : 2;
            }),
            0);
}

TEST(Say, LosesWhatNobodyTakes) {
  EXPECT_EQ(in_child([] {
              ignore_write_signals();
              int ends[2] = {-1, -1};
              if (::pipe(ends) != 0 || ::dup2(ends[1], 2) != 2) return 1;
              const int size = ::fcntl(2, F_GETPIPE_SZ);
              if (!say(std::string(static_cast<std::size_t>(size), 'x'), std::chrono::seconds(5))) return 2;
              if (say("more", std::chrono::milliseconds(1))) return 3;  // full, and nobody reads
              ::close(ends[0]);
              if (say("more")) return 4;  // nobody can read any more
              if (::dup2(::open("/dev/full", O_WRONLY | O_CLOEXEC), 2) != 2 || say("more")) return 5;
              ::close(2);
              return say("more") ? 6 : 0;
            }),
            0);
}

TEST(WriteSignals, AreAsBeforeWhereAProgramIsStarted) {
  EXPECT_EQ(in_child([] {
              ignore_write_signals();
              restore_write_signals();
              std::raise(SIGXFSZ);
              return 0;
            }),
            128 + SIGXFSZ);
  EXPECT_EQ(in_child([] {
              std::signal(SIGXFSZ, SIG_IGN);  // by whoever started us
              ignore_write_signals();
              restore_write_signals();
              std::raise(SIGXFSZ);
              return 7;
            }),
            7);
  EXPECT_EQ(in_child([] {
              ignore_write_signals();
              return end_by_broken_pipe();
            }),
            128 + SIGPIPE);
  EXPECT_EQ(in_child([] {
              std::signal(SIGPIPE, SIG_IGN);
              ignore_write_signals();
              return end_by_broken_pipe() == 128 + SIGPIPE ? 9 : 1;
            }),
            9);
}

}  // namespace
}  // namespace larder
