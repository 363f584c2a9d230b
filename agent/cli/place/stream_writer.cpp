#include "agent/cli/place/stream_writer.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <memory>

#include "agent/cli/place/write_error.h"
#include "base/io/unique_fd.h"

namespace larder::agent {
namespace {

constexpr std::size_t kPiece = 256 * 1024;

// A descriptor for the bytes, and the most that one write may pass: a blocked write would not see signals.
class Outlet {
 public:
  explicit Outlet(int fd) : fd_(fd) {
    struct stat facts {};
    if (::fstat(fd, &facts) != 0 || S_ISREG(facts.st_mode)) return;
    waits_ = true;
    is_socket_ = S_ISSOCK(facts.st_mode);
    if (is_socket_) return;
    piece_ = PIPE_BUF;
    if (!S_ISFIFO(facts.st_mode)) return;
    // Opens the same pipe anew: O_NONBLOCK must not affect other holders of `fd`.
    own_ = UniqueFd(::open(fmt::format("/proc/self/fd/{}", fd).c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
    if (!own_) return;
    fd_ = own_.get();
    piece_ = kPiece;
  }

  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] bool waits() const { return waits_; }
  ssize_t write(const char* bytes, std::size_t size) const {
    if (is_socket_) return ::send(fd_, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    return ::write(fd_, bytes, std::min(size, piece_));
  }

 private:
  int fd_;
  UniqueFd own_;
  std::size_t piece_ = kPiece;
  bool waits_ = false, is_socket_ = false;
};

Result<std::size_t> read_piece(int from, char* buffer, std::size_t size, std::uint64_t offset,
                               const std::string& what) {
  for (;;) {
    const ssize_t got = ::pread(from, buffer, size, static_cast<off_t>(offset));
    if (got > 0) return static_cast<std::size_t>(got);
    if (got < 0 && errno == EINTR) continue;
    return fail(ErrorCode::disk_error, "read the agent's copy of " + what,
                got == 0 ? "it is shorter than the agent said" : std::strerror(errno));
  }
}

}  // namespace

bool wait_for_room(int fd) {
  pollfd waited{fd, POLLOUT, 0};
  (void)::poll(&waited, 1, fd < 0 ? 100 : -1);  // after an interruption the caller looks again
  return true;
}

bool reader_is_gone(int fd) {
  struct stat facts {};
  if (::fstat(fd, &facts) != 0 || !(S_ISFIFO(facts.st_mode) || S_ISSOCK(facts.st_mode))) return false;
  pollfd looked{fd, POLLOUT, 0};
  return ::poll(&looked, 1, 0) > 0 && (looked.revents & (POLLERR | POLLHUP)) != 0;
}

Result<StreamEnd> write_stream(int from, int to, std::uint64_t size, const WaitForRoom& wait, const std::string& where,
                               const std::string& what) {
  const std::unique_ptr<char[]> buffer(new char[kPiece]);  // not filled with zeros
  const Outlet outlet(to);
  for (std::uint64_t offset = 0; offset < size;) {
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(kPiece, size - offset));
    const auto got = read_piece(from, buffer.get(), wanted, offset, what);
    if (!got) return tl::unexpected(got.error());
    for (std::size_t done = 0; done < *got;) {
      if (outlet.waits() && !wait(outlet.fd())) return StreamEnd::interrupted;
      const ssize_t put = outlet.write(buffer.get() + done, *got - done);
      if (put < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      if (put < 0 && (errno == EPIPE || errno == ECONNRESET)) return StreamEnd::reader_gone;
      if (put < 0) return tl::unexpected(error_of_write(errno, "write to " + where));
      done += static_cast<std::size_t>(put);
    }
    offset += *got;
  }
  return StreamEnd::written;
}

}  // namespace larder::agent
