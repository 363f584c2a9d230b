#include "base/io/standard_streams.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <csignal>

namespace larder {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// State at the start of the process; set once, before there are threads.
bool pipe_signal_was_ignored = false;
bool size_signal_was_ignored = false;

bool is_ignored(int signal) {
  struct sigaction now {};
  return ::sigaction(signal, nullptr, &now) == 0 && now.sa_handler == SIG_IGN;
}

// Returns true once a write of PIPE_BUF bytes will not block.
bool wait_for_room(steady_clock::time_point until) {
  for (;;) {
    const auto left = std::chrono::duration_cast<milliseconds>(until - steady_clock::now()).count();
    pollfd waited{STDERR_FILENO, POLLOUT, 0};
    const int ready = ::poll(&waited, 1, static_cast<int>(std::max<long>(left, 0)));
    if (ready > 0) return (waited.revents & POLLOUT) != 0;
    if (ready == 0 || errno != EINTR) return false;
  }
}

}  // namespace

void hold_standard_descriptors() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (::fcntl(fd, F_GETFD) >= 0) continue;
    // open() returns the lowest free number, which is `fd`. Without /dev, a directory refuses reads and writes as well.
    const int flags = fd == STDIN_FILENO ? O_WRONLY : O_RDONLY;
    if (::open("/dev/null", flags) < 0) (void)::open("/", O_RDONLY | O_DIRECTORY);
  }
}

void ignore_write_signals() {
  pipe_signal_was_ignored = is_ignored(SIGPIPE);
  size_signal_was_ignored = is_ignored(SIGXFSZ);
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
}

void restore_write_signals() {
  if (!pipe_signal_was_ignored) std::signal(SIGPIPE, SIG_DFL);
  if (!size_signal_was_ignored) std::signal(SIGXFSZ, SIG_DFL);
}

int end_by_broken_pipe() {
  if (!pipe_signal_was_ignored) {
    std::signal(SIGPIPE, SIG_DFL);
    (void)std::raise(SIGPIPE);
  }
  return 128 + SIGPIPE;
}

bool say(std::string_view text, milliseconds patience) noexcept {
  const auto until = steady_clock::now() + patience;
  while (!text.empty() && wait_for_room(until)) {
    const ssize_t put = ::write(STDERR_FILENO, text.data(), std::min<std::size_t>(text.size(), PIPE_BUF));
    if (put < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (put <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(put));
  }
  return text.empty();
}

}  // namespace larder
