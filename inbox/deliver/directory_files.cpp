#include "inbox/deliver/directory_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

#include "base/io/log.h"
#include "base/io/unique_fd.h"
#include "base/io/write_all.h"

namespace larder::inbox {
namespace {

constexpr std::array<std::pair<const char*, Place>, 3> kPlaces = {
    {{"ready", Place::ready}, {"done", Place::done}, {"reject", Place::reject}}};
constexpr std::size_t kCopyStep = std::size_t{1} << 20;

tl::unexpected<Error> failed(const std::string& doing, const std::string& path, int error) {
  const ErrorCode code = error == ENOSPC || error == EDQUOT  ? ErrorCode::disk_full
                         : error == EACCES || error == EPERM ? ErrorCode::permission_denied
                                                             : ErrorCode::disk_error;
  return fail(code, doing, fmt::format("{}: {}", path, std::strerror(error)));
}

Status sync_directory(const std::string& path, const std::string& doing) {
  const UniqueFd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory || ::fsync(directory.get()) != 0) return failed(doing, path, errno);
  return {};
}

// The application's user is usually another one: it gets to read by the group of the directory. Called before the file
// has its name there, so that a crash in between leaves none that the application cannot read.
void let_group_read(const std::string& path, const std::string& directory) {
  struct stat above {};
  if (::stat(directory.c_str(), &above) != 0) return;
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  const bool given =
      file && ::fchown(file.get(), static_cast<uid_t>(-1), above.st_gid) == 0 && ::fchmod(file.get(), 0640) == 0;
  if (!given)
    log::warn("the group of {} cannot be given the file {}: {}; make this service's user a member of it", directory,
              path, std::strerror(errno));
}

// By hand: copy_file_range(2) and reflinks do not cross file systems.
Status copy_bytes(int from, int to, const std::string& doing, const std::string& path) {
  std::vector<char> buffer(kCopyStep);
  for (;;) {
    const ssize_t got = ::read(from, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed(doing, path, errno);
    if (got == 0) return {};
    const auto piece = std::span(buffer).first(static_cast<std::size_t>(got));
    if (const int error = write_all(to, std::as_bytes(piece)); error != 0) return failed(doing, path, error);
  }
}

Status copy_aside(const std::string& content, const std::string& aside, const std::string& doing) {
  const UniqueFd from(::open(content.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!from) return failed(doing, content, errno);
  if (::unlink(aside.c_str()) != 0 && errno != ENOENT) return failed(doing, aside, errno);
  const UniqueFd to(::open(aside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!to) return failed(doing, aside, errno);
  if (auto copied = copy_bytes(from.get(), to.get(), doing, aside); !copied) return copied;
  if (::fsync(to.get()) != 0) return failed(doing, aside, errno);
  return {};
}

}  // namespace

Status DirectoryFiles::make_places(std::span<const char* const> names) const {
  const std::string doing = "hand files over by the directory " + directory_;
  struct stat above {};
  if (::stat(directory_.c_str(), &above) != 0 || !S_ISDIR(above.st_mode))
    return fail(ErrorCode::not_found, doing, "there is no such directory; make it, with the application's group");
  for (const char* const name : names) {
    const std::string below = directory_ + "/" + name;
    if (::mkdir(below.c_str(), 0700) == 0) {
      const bool given = ::chown(below.c_str(), static_cast<uid_t>(-1), above.st_gid) == 0 &&
                         ::chmod(below.c_str(), above.st_mode & 07777) == 0;
      if (!given) return failed(doing, below, errno);
    } else if (errno != EEXIST) {
      return failed(doing, below, errno);
    }
    if (::access(below.c_str(), W_OK | X_OK) != 0) return failed(doing, below, errno);
  }
  return sync_directory(directory_, doing);
}

Status DirectoryFiles::prepare() const {
  return make_places(std::array{"ready", "done", "reject"});
}

Status DirectoryFiles::prepare_to_name() const {
  return make_places(std::array{"ready", "reply"});
}

void DirectoryFiles::remove_named(const std::string& name) const {
  for (const std::string& path : {ready_path(name), reply_path(name)})
    if (::unlink(path.c_str()) != 0 && errno != ENOENT)
      log::warn("cannot remove {}: {}; remove it by hand", path, std::strerror(errno));
}

Result<Place> DirectoryFiles::find(const std::string& name) const {
  for (const auto& [below, place] : kPlaces) {
    struct stat info {};
    if (::lstat(path(below, name).c_str(), &info) == 0) return place;
    if (errno != ENOENT) return failed("see what became of the upload " + name, path(below, name), errno);
  }
  return Place::nowhere;
}

Status DirectoryFiles::put(const std::string& content, const std::string& name) const {
  const std::string ready = path("ready", name), above = directory_ + "/ready";
  const std::string doing = "put the upload to " + ready;
  const std::string aside = path("ready", "." + name.substr(0, name.find('.')) + ".new");
  let_group_read(content, above);
  if (::link(content.c_str(), ready.c_str()) == 0 || errno == EEXIST) return sync_directory(above, doing);
  if (errno != EXDEV && errno != EPERM && errno != EMLINK) return failed(doing, ready, errno);
  if (auto copied = copy_aside(content, aside, doing); !copied) return copied;
  let_group_read(aside, above);
  if (::link(aside.c_str(), ready.c_str()) != 0 && errno != EEXIST) return failed(doing, ready, errno);
  ::unlink(aside.c_str());
  return sync_directory(above, doing);
}

}  // namespace larder::inbox
