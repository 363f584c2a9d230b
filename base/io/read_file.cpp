#include "base/io/read_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include "base/io/unique_fd.h"

namespace larder {
namespace {

tl::unexpected<Error> failed(int number, const std::string& doing, const std::string& path) {
  const ErrorCode code = number == ENOENT || number == ENOTDIR ? ErrorCode::not_found
                         : number == EACCES || number == EPERM ? ErrorCode::permission_denied
                                                               : ErrorCode::disk_error;
  return fail(code, doing, fmt::format("{}: {}", path, std::generic_category().message(number)));
}

}  // namespace

Result<std::string> read_small_file(const std::string& path, std::size_t bound, const std::string& doing) {
  // O_NONBLOCK: otherwise open() of a FIFO waits for a writer. It has no effect on regular files.
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat facts {};
  if (!file || ::fstat(file.get(), &facts) != 0) return failed(errno, doing, path);
  if (!S_ISREG(facts.st_mode) && !S_ISCHR(facts.st_mode))
    return fail(
        ErrorCode::invalid_argument, doing,
        fmt::format("{} is a {}; name a regular file", path, S_ISDIR(facts.st_mode) ? "directory" : "pipe or device"));
  std::string text;
  std::array<char, 16384> buffer{};
  for (;;) {
    const ssize_t size = ::read(file.get(), buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return failed(errno, doing, path);
    if (size == 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(size));
    if (text.size() > bound)
      return fail(ErrorCode::too_large, doing, fmt::format("{} is larger than {} bytes", path, bound));
  }
}

}  // namespace larder
