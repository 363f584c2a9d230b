#include "base/process/state_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

namespace larder {
namespace {

std::string read_process(int fd) {
  std::array<char, 32> text{};
  const ssize_t size = ::pread(fd, text.data(), text.size() - 1, 0);
  std::string process(text.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  return process.substr(0, process.find('\n'));
}

}  // namespace

Result<StateLock> StateLock::acquire(const std::string& state_directory, const std::string& program) {
  const std::string doing = "use the state directory " + state_directory;
  std::error_code error;
  std::filesystem::create_directories(state_directory, error);  // the umask makes it 0700
  if (error)
    return fail(ErrorCode::permission_denied, doing,
                fmt::format("{}; run {} as the user it belongs to, or name another", error.message(), program));
  struct stat info {};
  if (::stat(state_directory.c_str(), &info) == 0 && (info.st_mode & 022) != 0)
    return fail(ErrorCode::permission_denied, doing, "others may write there; chmod 700 it");
  const std::string path = state_directory + "/lock";
  UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) return fail(ErrorCode::permission_denied, doing, fmt::format("{}: {}", path, std::strerror(errno)));
  const int fd = file.get();
  StateLock lock(std::move(file), state_directory);
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return fail(ErrorCode::disk_error, doing, std::strerror(errno));
    return fail(ErrorCode::busy, doing,
                fmt::format("another {}, process {}, uses it; stop that one first", program, read_process(fd)));
  }
  const std::string process = fmt::format("{}\n", ::getpid());
  // Only for the error above; the lock decides.
  if (::ftruncate(fd, 0) != 0 || ::pwrite(fd, process.data(), process.size(), 0) < 0)
    return fail(errno == ENOSPC ? ErrorCode::disk_full : ErrorCode::disk_error, doing,
                fmt::format("{}: {}", path, std::strerror(errno)));
  return lock;
}

Status StateLock::record_socket(const std::string& socket) const {
  const std::string path = directory_ + "/socket", hidden = path + ".new";
  const auto failed = [&] {
    return fail(errno == ENOSPC ? ErrorCode::disk_full : ErrorCode::disk_error, "write " + path, std::strerror(errno));
  };
  const std::string text = std::filesystem::absolute(socket).string() + "\n";
  UniqueFd file(::open(hidden.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) return failed();
  const bool written = ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
  if (::close(file.release()) != 0 || !written) return failed();  // close() reports errors too
  return ::rename(hidden.c_str(), path.c_str()) == 0 ? Status{} : failed();
}

}  // namespace larder
