#include "agent/cli/place/place.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstring>

#include "agent/cli/place/destination.h"
#include "agent/cli/place/place_walk.h"
#include "base/hash/digest.h"

namespace larder::agent {
namespace {

ErrorCode code_of(int number) {
  return number == ENOENT ? ErrorCode::not_found : ErrorCode::permission_denied;
}

bool is_open_for_writing(int fd) {
  const int flags = ::fcntl(fd, F_GETFL);
  return flags >= 0 && (flags & O_PATH) == 0 && (flags & O_ACCMODE) != O_RDONLY;
}

bool is_standard_output(const struct stat& facts) {
  struct stat output {};
  return is_open_for_writing(STDOUT_FILENO) && ::fstat(STDOUT_FILENO, &output) == 0 && output.st_dev == facts.st_dev &&
         output.st_ino == facts.st_ino;
}

Result<Place> descriptor_place(int number, const std::string& doing) {
  Place place;
  place.kind = number == STDOUT_FILENO ? PlaceKind::standard_output : PlaceKind::descriptor;
  place.descriptor = number;
  if (is_open_for_writing(number)) return place;
  return fail(ErrorCode::disk_error, doing, fmt::format("descriptor {} is closed, or not open for writing", number));
}

bool may(int directory, const std::string& name, int what) {
  return ::faccessat(directory, name.c_str(), what, AT_EACCESS) == 0;
}

// As fs.protected_regular and fs.protected_fifos treat files that a program means to create.
bool is_a_trap(const Walked& found) {
  const struct stat& directory = found.directory_facts;
  const uid_t owner = found.object_facts.st_uid;
  const bool for_anybody = (directory.st_mode & (S_ISVTX | S_IWOTH)) == (S_ISVTX | S_IWOTH);
  return for_anybody && owner != ::geteuid() && owner != directory.st_uid;
}

bool is_mount_point(int object) {
  struct statx facts {};
  return ::statx(object, "", AT_EMPTY_PATH, STATX_TYPE, &facts) == 0 &&
         (facts.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

// In a sticky directory only the owner of a file can replace it.
bool is_held_by_sticky_bit(const Walked& found) {
  const uid_t me = ::geteuid();
  return (found.directory_facts.st_mode & S_ISVTX) != 0 && me != 0 && found.object_facts.st_uid != me &&
         found.directory_facts.st_uid != me;
}

Result<PlaceKind> kind_of_existing(const Walked& found, const std::string& doing) {
  const mode_t mode = found.object_facts.st_mode;
  if (S_ISDIR(mode))
    return fail(ErrorCode::already_exists, doing, "it is a directory; -d names a directory to put files into");
  if (S_ISBLK(mode))
    return fail(ErrorCode::already_exists, doing, "it is a block device; `larder get -o - URL > DEVICE` writes to one");
  if (S_ISSOCK(mode)) return fail(ErrorCode::already_exists, doing, "it is a socket, not a file");
  if (!S_ISCHR(mode) && is_a_trap(found))
    return fail(ErrorCode::permission_denied, doing,
                "it belongs to another user, in a directory where anybody may put files; remove it or choose another "
                "name");
  if (!may(found.directory.get(), found.name, W_OK))
    return fail(ErrorCode::permission_denied, doing, std::string("it may not be written: ") + std::strerror(errno));
  if (S_ISCHR(mode) || S_ISFIFO(mode)) return PlaceKind::stream;
  const bool replaceable = !found.magic && may(found.directory.get(), ".", W_OK | X_OK) &&
                           !is_mount_point(found.object.get()) && !is_held_by_sticky_bit(found);
  return replaceable ? PlaceKind::file : PlaceKind::in_place;
}

// Returns the path, without links, of the directory that the descriptor has open; without /proc, "/proc/self/fd/N".
std::string path_of(int descriptor) {
  std::string link = fmt::format("/proc/self/fd/{}", descriptor);
  std::string path(PATH_MAX, '\0');
  const ssize_t size = ::readlink(link.c_str(), path.data(), path.size());
  if (size <= 0) return link;
  path.resize(static_cast<std::size_t>(size));
  return path;
}

}  // namespace

std::string Place::path() const {
  if (!directory) return fmt::format("descriptor {}", descriptor);
  return directory->path.ends_with('/') ? directory->path + name : directory->path + "/" + name;
}

Result<Place> PlaceFinder::find_place(const std::string& destination) {
  const std::string doing = "write " + (destination == kStandardOutput ? "to standard output" : destination);
  if (destination == kStandardOutput || destination == "/dev/stdout") return descriptor_place(STDOUT_FILENO, doing);
  if (destination.ends_with('/')) return fail(ErrorCode::invalid_argument, doing, "it names a directory; see -d");
  auto found = walk_path(destination, doing);
  if (!found) return tl::unexpected(found.error());
  if (found->own_descriptor >= 0) {
    const bool same = found->object && is_standard_output(found->object_facts);
    return descriptor_place(same ? STDOUT_FILENO : found->own_descriptor, doing);
  }
  Place place;
  place.name = found->name;
  if (found->object) {
    if (!S_ISDIR(found->object_facts.st_mode) && is_standard_output(found->object_facts))
      return descriptor_place(STDOUT_FILENO, doing);
    const auto kind = kind_of_existing(*found, doing);
    if (!kind) return tl::unexpected(kind.error());
    place.kind = *kind;
    place.existing = found->object_facts;
  } else if (!may(found->directory.get(), ".", W_OK | X_OK)) {
    return fail(code_of(errno), doing, fmt::format("{}: {}", directory_of(destination), std::strerror(errno)));
  }
  const std::string typed = directory_of(destination);
  if (typed_ == typed && !found->followed_link) place.directory = found_.lock();
  if (place.directory) return place;
  const std::string path = found->followed_link ? path_of(found->directory.get()) : typed;
  place.directory = std::make_shared<const Directory>(Directory{std::move(found->directory), path});
  if (!found->followed_link) {
    typed_ = typed;
    found_ = place.directory;
  }
  return place;
}

Status try_to_create(const Place& place, const std::string& destination) {
  const std::string name = ".larder-" + random_id().substr(0, 16);
  const int directory = place.directory->descriptor.get();
  const UniqueFd made(::openat(directory, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (made) {
    ::unlinkat(directory, name.c_str(), 0);
    return {};
  }
  if (errno == ENOSPC || errno == EDQUOT)
    return fail(ErrorCode::disk_full, "write " + destination, std::strerror(errno));
  return fail(ErrorCode::permission_denied, "write " + destination,
              fmt::format("no file can be made in {}: {}", place.directory->path, std::strerror(errno)));
}

Result<UniqueFd> open_place(const Place& place, const std::string& destination, bool& nobody_reads) {
  nobody_reads = false;
  int flags = O_WRONLY | O_CLOEXEC | O_NOCTTY;
  if (place.existing && S_ISFIFO(place.existing->st_mode)) flags |= O_NONBLOCK;
  // The target of a link in /proc has no other name.
  struct stat facts {};
  const int directory = place.directory->descriptor.get();
  const bool is_link =
      ::fstatat(directory, place.name.c_str(), &facts, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(facts.st_mode);
  if (!is_link) flags |= O_NOFOLLOW;
  UniqueFd opened(::openat(directory, place.name.c_str(), flags));
  if (opened && place.existing && ::fstat(opened.get(), &facts) == 0 &&
      (facts.st_dev != place.existing->st_dev || facts.st_ino != place.existing->st_ino))
    return fail(ErrorCode::already_exists, "write " + destination, "it became another file meanwhile");
  if (opened) {
    if (place.kind == PlaceKind::in_place && ::ftruncate(opened.get(), 0) != 0)
      return fail(ErrorCode::disk_error, "write " + destination, std::strerror(errno));
    return opened;
  }
  nobody_reads = errno == ENXIO && (flags & O_NONBLOCK) != 0;
  return fail(code_of(errno), "write " + destination,
              nobody_reads ? std::string("nobody reads the pipe") : std::string(std::strerror(errno)));
}

}  // namespace larder::agent
