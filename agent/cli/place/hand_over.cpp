#include "agent/cli/place/hand_over.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <memory>
#include <set>

#include "agent/cli/place/attributes.h"
#include "agent/cli/place/destination.h"
#include "agent/cli/place/write_error.h"
#include "base/hash/digest.h"
#include "base/text/http_date.h"

namespace larder::agent {
namespace {

constexpr std::size_t kSyncOneByOne = 8;
constexpr std::uint64_t kSmall = 256 * kKiB;  // up to here a plain read and write is cheaper

int create_exclusive(int directory, const std::string& name, mode_t mode) {
  return ::openat(directory, name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
}

// Returns true for a regular file of this user: left by an earlier command that was killed.
bool is_left_over(int directory, const std::string& name) {
  struct stat info {};
  return ::fstatat(directory, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(info.st_mode) &&
         info.st_uid == ::geteuid();
}

// Copies `range` of `from` to `to`, `shift` bytes further on. Returns the errno of the failed call, 0 on success;
// `read_failed` tells which side.
int copy_by_hand(int from, int to, ByteRange range, std::uint64_t shift, bool& read_failed) {
  const auto size_of_buffer = static_cast<std::size_t>(std::min(range.length, kSmall));
  const std::unique_ptr<char[]> buffer(new char[size_of_buffer]);  // not filled with zeros
  while (range.length > 0) {
    const std::size_t want = static_cast<std::size_t>(std::min<std::uint64_t>(range.length, size_of_buffer));
    const ssize_t got = ::pread(from, buffer.get(), want, static_cast<off_t>(range.offset));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      read_failed = true;
      return got < 0 ? errno : ENODATA;
    }
    for (ssize_t written = 0; written < got;) {
      const ssize_t size = ::pwrite(to, buffer.get() + written, static_cast<std::size_t>(got - written),
                                    static_cast<off_t>(range.offset + shift) + written);
      if (size < 0 && errno == EINTR) continue;
      if (size < 0) return errno;
      written += size;
    }
    range.offset += static_cast<std::uint64_t>(got);
    range.length -= static_cast<std::uint64_t>(got);
  }
  return 0;
}

int copy_in_kernel(int from, int to, ByteRange& range, std::uint64_t shift) {
  while (range.length > 0) {
    auto in = static_cast<off64_t>(range.offset);
    auto out = static_cast<off64_t>(range.offset + shift);
    const ssize_t size = ::copy_file_range(from, &in, to, &out, range.length, 0);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return errno;
    if (size == 0) return ENODATA;
    range.offset += static_cast<std::uint64_t>(size);
    range.length -= static_cast<std::uint64_t>(size);
  }
  return 0;
}

bool needs_other_way(int number) {
  return number == EXDEV || number == EINVAL || number == ENOSYS || number == EOPNOTSUPP || number == EIO ||
         number == EPERM || number == ENODATA;
}

Status sync_directory(const Directory& directory) {
  UniqueFd fd(::openat(directory.descriptor.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd && ::fsync(fd.get()) == 0) return {};
  if (errno == EINVAL) return {};  // file systems without directory sync
  return fail(code_of_write(errno), "sync the directory " + directory.path, std::strerror(errno));
}

}  // namespace

StagedFile::StagedFile(UniqueFd fd, Place place, std::string hidden, std::string destination)
    : fd_(std::move(fd)),
      place_(std::move(place)),
      hidden_(std::move(hidden)),
      path_(place_.directory->path + (place_.directory->path.ends_with('/') ? "" : "/") + hidden_),
      destination_(std::move(destination)) {
  struct stat own {};
  if (::fstat(fd_.get(), &own) == 0) inode_ = own.st_ino;
}

StagedFile::StagedFile(StagedFile&& other) noexcept
    : fd_(std::move(other.fd_)),
      place_(std::move(other.place_)),
      hidden_(std::move(other.hidden_)),
      inode_(other.inode_),
      exclusive_(other.exclusive_),
      path_(std::exchange(other.path_, {})),
      destination_(std::move(other.destination_)),
      note_(std::move(other.note_)) {}

StagedFile::~StagedFile() {
  if (!path_.empty()) ::unlinkat(place_.directory->descriptor.get(), hidden_.c_str(), 0);
}

Result<StagedFile> StagedFile::create(const std::string& destination, const std::string& key) {
  auto place = PlaceFinder().find_place(destination);
  if (!place) return tl::unexpected(place.error());
  return create(std::move(*place), destination, key);
}

Result<StagedFile> StagedFile::create(Place place, const std::string& destination, const std::string& key) {
  if (place.kind != PlaceKind::file)
    return fail(ErrorCode::already_exists, "write " + destination, "it became something that cannot be replaced");
  const int directory = place.directory->descriptor.get();
  // A replacement must not be readable by others before it has the mode of the old file.
  const mode_t mode = place.existing ? 0600 : 0666;
  std::string hidden = name_of(temporary_name(place.name, key));
  int fd = create_exclusive(directory, hidden, mode);
  if (fd < 0 && errno == EEXIST) {
    const bool removed = is_left_over(directory, hidden) && ::unlinkat(directory, hidden.c_str(), 0) == 0;
    if (!removed) hidden = name_of(temporary_name(place.name, random_id().substr(0, 8)));
    fd = create_exclusive(directory, hidden, mode);
  }
  const int number = errno;
  if (fd >= 0) return StagedFile(UniqueFd(fd), std::move(place), std::move(hidden), destination);
  return fail(number == ENOENT ? ErrorCode::not_found : code_of_write(number), "write " + destination,
              fmt::format("{}: {}", place.directory->path, std::strerror(number)));
}

bool StagedFile::reflink(int from) {
  return ::ioctl(fd_.get(), FICLONE, from) == 0;
}

Error StagedFile::write_error(int number, std::uint64_t needed) const {
  Error error = error_of_write(number, "write " + destination_);
  struct statvfs space {};
  if (error.code != ErrorCode::disk_full || number == EFBIG || ::statvfs(place_.directory->path.c_str(), &space) != 0)
    return error;
  const std::uint64_t free = static_cast<std::uint64_t>(space.f_bavail) * space.f_frsize;
  if (number == EDQUOT)
    error.detail = fmt::format("your quota is used up; {} more needed", format_bytes(needed));
  else
    error.detail =
        fmt::format("the file system of {} is full: {} more needed, {} free, so {} missing", place_.directory->path,
                    format_bytes(needed), format_bytes(free), format_bytes(needed > free ? needed - free : needed));
  return error;
}

Status StagedFile::copy(int from, const ByteRange& range) {
  return copy_shifted(from, range, 0, 0);
}

Status StagedFile::place(int from, const ByteRange& range) {
  return copy_shifted(from, {0, range.length}, range.offset, 0);
}

Status StagedFile::copy_shifted(int from, const ByteRange& range, std::uint64_t shift, std::uint64_t after) {
  ByteRange left = range;
  bool read_failed = false;
  int number = range.length <= kSmall ? EXDEV : copy_in_kernel(from, fd_.get(), left, shift);
  if (number != 0 && needs_other_way(number)) number = copy_by_hand(from, fd_.get(), left, shift, read_failed);
  if (number == 0) {
    if (range.length > kSmall)
      ::sync_file_range(fd_.get(), static_cast<off64_t>(range.offset + shift), static_cast<off64_t>(range.length),
                        SYNC_FILE_RANGE_WRITE);
    return {};
  }
  if (read_failed)
    return fail(ErrorCode::disk_error, "read the agent's copy for " + destination_,
                number == ENODATA ? "it is shorter than the agent said" : std::strerror(number));
  return tl::unexpected(write_error(number, left.length + after));
}

Status StagedFile::fill(int from, std::uint64_t size, std::uint64_t done) {
  constexpr std::uint64_t kPiece = 64 * kMiB;
  for (std::uint64_t offset = done; offset < size; offset += kPiece) {
    const ByteRange piece{offset, std::min(kPiece, size - offset)};
    if (auto copied = copy_shifted(from, piece, 0, size - piece.end()); !copied) return copied;
  }
  return {};
}

Status StagedFile::restart() {
  if (::ftruncate(fd_.get(), 0) == 0) return {};
  return tl::unexpected(write_error(errno, 0));
}

void StagedFile::set_modified(const std::string& http_date) {
  const auto time = parse_imf_fixdate(http_date);
  if (!time) return;
  const std::array<timespec, 2> times{timespec{0, UTIME_OMIT},
                                      timespec{std::chrono::system_clock::to_time_t(*time), 0}};
  ::futimens(fd_.get(), times.data());  // a file system without times is no error
}

Status StagedFile::take_over() {
  UniqueFd opened;
  const int directory = place_.directory->descriptor.get();
  if (!fd_) opened = UniqueFd(::openat(directory, hidden_.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  const int fd = fd_ ? fd_.get() : opened.get();
  if (fd < 0) return tl::unexpected(write_error(errno, 0));
  struct stat now {};
  const bool there = ::fstatat(directory, place_.name.c_str(), &now, AT_SYMLINK_NOFOLLOW) == 0;
  if (there && !S_ISREG(now.st_mode) && !S_ISDIR(now.st_mode))  // rename() does not replace a directory
    return fail(ErrorCode::already_exists, "write " + destination_, "it became something else than a file meanwhile");
  if (there && S_ISREG(now.st_mode)) place_.existing = now;
  if (!place_.existing || exclusive_) return {};
  // The directory's owner may have replaced the hidden file by now: only the file created here is given attributes.
  if (struct stat own{}; ::fstat(fd, &own) != 0 || own.st_ino != inode_)
    return fail(ErrorCode::already_exists, "write " + destination_, path_ + " was replaced meanwhile");
  auto told = take_over_attributes(fd, *place_.existing, AttributesOf{directory, place_.name});
  if (!told) return tl::unexpected(write_error(told.error(), 0));
  note_ = std::move(*told);
  return {};
}

Status StagedFile::sync(bool whole_file_system) {
  UniqueFd opened;
  if (!fd_)
    opened = UniqueFd(::openat(place_.directory->descriptor.get(), hidden_.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  const int fd = fd_ ? fd_.get() : opened.get();
  if (fd < 0 || (whole_file_system ? ::syncfs(fd) : ::fdatasync(fd)) != 0) return tl::unexpected(write_error(errno, 0));
  return {};
}

Status StagedFile::rename() {
  const int directory = place_.directory->descriptor.get();
  const char* const from = hidden_.c_str();
  const char* const to = place_.name.c_str();
  int failed = 0;
  if (!exclusive_) {
    failed = ::renameat(directory, from, directory, to);
  } else {
    failed = ::renameat2(directory, from, directory, to, RENAME_NOREPLACE);
    // A file system without it may have hard links; otherwise its error is reported.
    if (failed != 0 && (errno == EINVAL || errno == ENOSYS)) {
      failed = ::linkat(directory, from, directory, to, 0);
      if (failed == 0) ::unlinkat(directory, from, 0);
    }
  }
  if (failed == 0) return {};
  if (exclusive_ && errno == EEXIST)
    return fail(ErrorCode::already_exists, "write " + destination_,
                "something of that name, which the origin gave, appeared meanwhile; move it away, or give --overwrite");
  return tl::unexpected(write_error(errno, 0));
}

Status publish(std::vector<StagedFile>& files) {
  const bool together = files.size() > kSyncOneByOne;
  std::set<dev_t> synced;
  for (StagedFile& file : files)
    if (auto taken = file.take_over(); !taken) return taken;
  for (StagedFile& file : files) {
    struct stat info {};
    if (::fstat(file.place_.directory->descriptor.get(), &info) != 0) return tl::unexpected(file.write_error(errno, 0));
    if (together && !synced.insert(info.st_dev).second) continue;
    if (auto done = file.sync(together); !done) return done;
  }
  Status outcome;
  std::set<std::shared_ptr<const Directory>> directories;
  for (StagedFile& file : files) {
    if (outcome = file.rename(); !outcome) break;
    directories.insert(file.place_.directory);
    file.path_.clear();
    file.fd_.reset();
  }
  // After an error too: files that were renamed are reported as published.
  for (const auto& directory : directories) {
    if (auto status = sync_directory(*directory); !status && outcome) outcome = std::move(status);
  }
  return outcome;
}

}  // namespace larder::agent
