#include "agent/cli/command/invitation_text.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>

#include "base/io/unique_fd.h"
#include "base/text/given_text.h"

namespace larder::agent {
namespace {

constexpr std::string_view kPrefix = "larder-invitation:";
constexpr std::size_t kMaxText = 16 * 1024;

Error failure(std::string doing, int number) {
  const ErrorCode code = number == ENOENT                      ? ErrorCode::not_found
                         : number == EACCES || number == EPERM ? ErrorCode::permission_denied
                         : number == EEXIST                    ? ErrorCode::already_exists
                         : number == ENOSPC                    ? ErrorCode::disk_full
                                                               : ErrorCode::disk_error;
  return {code, std::move(doing), std::strerror(number), std::nullopt};  // NOLINT(concurrency-mt-unsafe)
}

Result<std::string> read_all(int fd, const std::string& doing) {
  std::string text(kMaxText + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = ::read(fd, text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return tl::unexpected<Error>(failure(doing, errno));
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  if (size > kMaxText) return fail(ErrorCode::invalid_argument, doing, "it is longer than an invitation can be");
  text.resize(size);
  return text;
}

}  // namespace

Result<std::string> read_invitation(const std::string& source) {
  const std::string_view given = trim_given(source);
  if (given.starts_with(kPrefix)) return std::string(given);
  const bool standard_input = source == "-";
  const std::string what = standard_input ? "the invitation from standard input" : "the invitation " + source;
  UniqueFd file;
  if (!standard_input) {
    file = UniqueFd(::open(source.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) return tl::unexpected<Error>(failure("read " + what, errno));
  }
  auto text = read_all(standard_input ? STDIN_FILENO : file.get(), "read " + what);
  if (!text) return text;
  text = without_byte_order_mark(std::move(*text), what);
  if (!text) return text;
  return std::string(trim_given(*text));
}

Status write_invitation(const std::string& path, const std::string& line) {
  const std::string doing = "write the invitation to " + path;
  const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file) return tl::unexpected<Error>(failure(doing, errno));
  const std::string text = line + "\n";
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t put = ::write(file.get(), text.data() + done, text.size() - done);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) {
      const int number = put < 0 ? errno : EIO;
      (void)::unlink(path.c_str());  // half an invitation is useless; the first error is returned
      return tl::unexpected<Error>(failure(doing, number));
    }
    done += static_cast<std::size_t>(put);
  }
  if (::fsync(file.get()) != 0 && errno != EINVAL) return tl::unexpected<Error>(failure(doing, errno));
  return {};
}

}  // namespace larder::agent
