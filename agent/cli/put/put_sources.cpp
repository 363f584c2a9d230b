#include "agent/cli/put/put_sources.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

#include "agent/cli/place/write_error.h"
#include "base/hash/digest.h"
#include "base/io/write_all.h"
#include "base/text/units.h"

namespace larder::agent {
namespace {

constexpr std::size_t kSpooledAtOnce = 1 * kMiB;
constexpr const char* kSpoolPlaces[] = {"/var/tmp", "/tmp"};

ErrorCode code_of_open(int number) {
  if (number == ENOENT || number == ENOTDIR) return ErrorCode::not_found;
  if (number == EACCES || number == EPERM) return ErrorCode::permission_denied;
  return number == EMFILE || number == ENFILE ? ErrorCode::limit_exceeded : ErrorCode::disk_error;
}

std::string kind_of(mode_t mode) {
  if (S_ISDIR(mode)) return "it is a directory; put its files, or an archive of it: tar c DIRECTORY | larder put - URL";
  if (S_ISFIFO(mode)) return "it is a pipe; `larder put - URL < PIPE` copies what comes out of it first";
  return "it is no regular file; `larder put - URL < FILE` copies what can be read of it first";
}

std::string times_of(const struct stat& facts) {
  return fmt::format("{}.{} {}.{}", facts.st_mtim.tv_sec, facts.st_mtim.tv_nsec, facts.st_ctim.tv_sec,
                     facts.st_ctim.tv_nsec);
}

Result<UniqueFd> make_nameless(const std::string& directory) {
  UniqueFd fd(::open(directory.c_str(), O_TMPFILE | O_EXCL | O_RDWR | O_CLOEXEC, 0600));
  if (fd) return fd;
  const int number = errno;
  // EISDIR: by a file system, or a kernel, that does not know of such files.
  const bool unknown = number == EOPNOTSUPP || number == EISDIR || number == EINVAL;
  return fail(number == ENOSPC || number == EDQUOT ? ErrorCode::disk_full : code_of_open(number),
              "copy standard input to " + directory,
              fmt::format("{}; TMPDIR names another place",
                          unknown ? "its file system has no files without a name" : std::strerror(number)));
}

Result<UniqueFd> make_spool(std::string& directory) {
  if (!directory.empty()) return make_nameless(directory);
  Result<UniqueFd> made = fail(ErrorCode::internal, "", "");
  for (const char* place : kSpoolPlaces) {
    directory = place;
    made = make_nameless(directory);
    if (made) break;
  }
  return made;
}

Error spool_error(int number, const std::string& directory) {
  Error error = error_of_write(number, "copy standard input to " + directory);
  error.detail += "; TMPDIR names another place";
  return error;
}

// Returns false if the copying is to end.
Result<bool> copy_input(int input, int spool, const std::string& directory, const WaitForInput& wait,
                        const SpoolProgress& progress) {
  const std::unique_ptr<char[]> buffer(new char[kSpooledAtOnce]);
  for (std::uint64_t bytes = 0;;) {
    if (!wait(input)) return false;
    const ssize_t got = ::read(input, buffer.get(), kSpooledAtOnce);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got < 0)
      return fail(errno == EISDIR ? ErrorCode::invalid_argument : ErrorCode::disk_error, "read standard input",
                  std::strerror(errno));
    if (got == 0) return true;
    const std::string_view piece(buffer.get(), static_cast<std::size_t>(got));
    if (const int error = write_all(spool, as_bytes(piece)); error != 0)
      return tl::unexpected(spool_error(error, directory));
    bytes += static_cast<std::uint64_t>(got);
    progress(bytes);
  }
}

}  // namespace

Result<PutSource> PutSource::open(const std::string& path) {
  const std::string doing = "put " + path;
  // Opening a device may do something to it, and a pipe would be waited for: neither is opened, or not for long.
  struct stat before {};
  if (::stat(path.c_str(), &before) == 0 && !S_ISREG(before.st_mode))
    return fail(ErrorCode::invalid_argument, doing, kind_of(before.st_mode));
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!fd) return fail(code_of_open(errno), doing, std::strerror(errno));
  return adopt(std::move(fd), path);
}

Result<PutSource> PutSource::adopt(UniqueFd descriptor, const std::string& name) {
  struct stat facts {};
  if (::fstat(descriptor.get(), &facts) != 0) return fail(ErrorCode::disk_error, "put " + name, std::strerror(errno));
  if (!S_ISREG(facts.st_mode)) return fail(ErrorCode::invalid_argument, "put " + name, kind_of(facts.st_mode));
  return PutSource(std::move(descriptor), name, facts);
}

Status PutSource::check_unchanged() const {
  struct stat now {};
  if (::fstat(fd_.get(), &now) != 0) return fail(ErrorCode::disk_error, "put " + name_, std::strerror(errno));
  if (now.st_size == facts_.st_size && times_of(now) == times_of(facts_)) return {};
  return fail(ErrorCode::source_changed, "put " + name_,
              "it was written to meanwhile; run the command again once it is as it shall be");
}

std::string key_of(const std::vector<PutSource>& sources, const std::string& others) {
  std::string text = others;
  for (const PutSource& source : sources) {
    const struct stat& facts = source.facts();
    text += fmt::format("\n{} {} {} {}", facts.st_dev, facts.st_ino, facts.st_size, times_of(facts));
  }
  return "put-" + to_hex(blake2b256(as_bytes(text))).substr(0, 16);
}

Result<std::optional<PutSource>> spool_input(int input, const std::string& directory, const WaitForInput& wait,
                                             const SpoolProgress& progress) {
  std::string place = directory;
  auto spool = make_spool(place);
  if (!spool) return tl::unexpected(spool.error());
  const auto copied = copy_input(input, spool->get(), place, wait, progress);
  if (!copied) return tl::unexpected(copied.error());
  if (!*copied) return std::optional<PutSource>();
  // The agent takes no descriptor that can write.
  UniqueFd readable(::open(fmt::format("/proc/self/fd/{}", spool->get()).c_str(), O_RDONLY | O_CLOEXEC));
  if (!readable)
    return fail(ErrorCode::disk_error, "copy standard input to " + place,
                fmt::format("it cannot be opened for reading: {}", std::strerror(errno)));
  spool->reset();
  auto source = PutSource::adopt(std::move(readable), "standard input");
  if (!source) return tl::unexpected(source.error());
  return std::optional<PutSource>(std::move(*source));
}

}  // namespace larder::agent
