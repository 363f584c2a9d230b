#include "agent/cli/hand_over.h"

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

#include "agent/cli/destination.h"
#include "base/digest.h"
#include "base/http_date.h"

namespace larder::agent {
namespace {

constexpr std::size_t kSyncOneByOne = 8;
constexpr std::uint64_t kSmall = 256 * kKiB;  // below that a plain read and write is cheaper than the rest

int create_exclusive(const std::string& path) {
  return ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
}

// Of this user and a plain file: left by an earlier command that was killed.
bool is_left_over(const std::string& path) {
  struct stat info {};
  return ::lstat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) && info.st_uid == ::geteuid();
}

ErrorCode code_of(int number) {
  switch (number) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return ErrorCode::disk_full;
    case EACCES:
    case EPERM:
    case EROFS:
      return ErrorCode::permission_denied;
    default:
      return ErrorCode::disk_error;
  }
}

// `range` of `from` goes `shift` further on in `to`. Number of the failed call, 0 when all was copied; `read_failed`
// tells which side.
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

Status sync_directory(const std::string& directory) {
  UniqueFd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd && ::fsync(fd.get()) == 0) return {};
  if (errno == EINVAL) return {};  // file systems without directory sync
  return fail(code_of(errno), "sync the directory " + directory, std::strerror(errno));
}

}  // namespace

StagedFile::StagedFile(UniqueFd fd, std::string path, std::string destination)
    : fd_(std::move(fd)), path_(std::move(path)), destination_(std::move(destination)) {}

StagedFile::StagedFile(StagedFile&& other) noexcept
    : fd_(std::move(other.fd_)), path_(std::exchange(other.path_, {})), destination_(std::move(other.destination_)) {}

StagedFile::~StagedFile() {
  if (!path_.empty()) ::unlink(path_.c_str());
}

Result<StagedFile> StagedFile::create(const std::string& destination, const std::string& key) {
  std::string path = temporary_name(destination, key);
  int fd = create_exclusive(path);
  if (fd < 0 && errno == EEXIST) {
    if (is_left_over(path) && ::unlink(path.c_str()) == 0) {
      fd = create_exclusive(path);
    } else {
      path = temporary_name(destination, random_id().substr(0, 8));
      fd = create_exclusive(path);
    }
  }
  if (fd >= 0) return StagedFile(UniqueFd(fd), std::move(path), destination);
  const int number = errno;
  return fail(number == ENOENT ? ErrorCode::not_found : code_of(number), "write " + destination,
              fmt::format("{}: {}", directory_of(destination), std::strerror(number)));
}

bool StagedFile::reflink(int from) {
  return ::ioctl(fd_.get(), FICLONE, from) == 0;
}

Error StagedFile::write_error(int number, std::uint64_t needed) const {
  Error error{code_of(number), "write " + destination_, std::strerror(number)};
  struct statvfs space {};
  if (error.code != ErrorCode::disk_full || ::statvfs(directory_of(destination_).c_str(), &space) != 0) return error;
  const std::uint64_t free = static_cast<std::uint64_t>(space.f_bavail) * space.f_frsize;
  if (number == EDQUOT)
    error.detail = fmt::format("your quota is used up; {} more needed", format_bytes(needed));
  else if (number == EFBIG)
    error.detail = fmt::format("the file system or a limit (ulimit -f) does not allow a file of this size");
  else
    error.detail =
        fmt::format("the file system of {} is full: {} more needed, {} free, so {} missing", directory_of(destination_),
                    format_bytes(needed), format_bytes(free), format_bytes(needed > free ? needed - free : needed));
  return error;
}

Status StagedFile::copy(int from, const ByteRange& range) {
  return copy_shifted(from, range, 0);
}

Status StagedFile::place(int from, const ByteRange& range) {
  return copy_shifted(from, {0, range.length}, range.offset);
}

Status StagedFile::copy_shifted(int from, const ByteRange& range, std::uint64_t shift) {
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
  return tl::unexpected(write_error(number, left.length));
}

Status StagedFile::fill(int from, std::uint64_t size, std::uint64_t done) {
  constexpr std::uint64_t kPiece = 64 * kMiB;
  for (std::uint64_t offset = done; offset < size; offset += kPiece) {
    const ByteRange piece{offset, std::min(kPiece, size - offset)};
    auto copied = copy(from, piece);
    if (copied) continue;
    if (copied.error().code == ErrorCode::disk_full) return tl::unexpected(write_error(ENOSPC, size - offset));
    return copied;
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
  ::futimens(fd_.get(), times.data());  // a file system that cannot keep times is no reason to fail
}

Status publish(std::vector<StagedFile>& files) {
  const bool together = files.size() > kSyncOneByOne;
  std::set<dev_t> synced;
  for (StagedFile& file : files) {
    UniqueFd opened;
    if (!file.fd_) opened = UniqueFd(::open(file.path_.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
    const int fd = file.fd_ ? file.fd_.get() : opened.get();
    struct stat info {};
    if (::fstat(fd, &info) != 0) return tl::unexpected(file.write_error(errno, 0));
    if (together && !synced.insert(info.st_dev).second) continue;
    if ((together ? ::syncfs(fd) : ::fdatasync(fd)) != 0) return tl::unexpected(file.write_error(errno, 0));
  }
  Status outcome;
  std::set<std::string> directories;
  for (StagedFile& file : files) {
    if (::rename(file.path_.c_str(), file.destination_.c_str()) != 0) {
      outcome = tl::unexpected(file.write_error(errno, 0));
      break;
    }
    directories.insert(directory_of(file.destination_));
    file.path_.clear();
    file.fd_.reset();
  }
  // After an error too: what is in its place is told as being there.
  for (const std::string& directory : directories) {
    if (auto status = sync_directory(directory); !status && outcome) outcome = std::move(status);
  }
  return outcome;
}

}  // namespace larder::agent
