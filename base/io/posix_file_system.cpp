#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "base/io/file_system.h"
#include "base/io/unique_fd.h"

namespace larder {
namespace {

tl::unexpected<Error> disk_failure(int number, std::string doing) {
  ErrorCode code = ErrorCode::disk_error;
  if (number == ENOSPC || number == EDQUOT) code = ErrorCode::disk_full;
  if (number == ENOENT) code = ErrorCode::not_found;
  if (number == EFBIG)  // freeing space would not help
    return fail(code, std::move(doing), "the file system or a limit (ulimit -f) does not allow a file of this size");
  return fail(code, std::move(doing), std::generic_category().message(number));
}

// Repeats a call that a signal interrupted. Not for close(): there Linux has closed the descriptor already.
template <class Call>
auto uninterrupted(Call call) {
  for (;;) {
    const auto result = call();
    if (result != -1 || errno != EINTR) return result;
  }
}

FileStat stat_of(const struct stat& facts) {
  FileStat result;
  result.size = static_cast<std::uint64_t>(facts.st_size);
  result.allocated = static_cast<std::uint64_t>(facts.st_blocks) * 512;
  result.inode = facts.st_ino;
  result.modified_ns = facts.st_mtim.tv_sec * 1'000'000'000 + facts.st_mtim.tv_nsec;
  result.directory = S_ISDIR(facts.st_mode);
  return result;
}

class PosixFile final : public File {
 public:
  PosixFile(UniqueFd descriptor, std::string path) : descriptor_(std::move(descriptor)), path_(std::move(path)) {}

  Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> buffer) override {
    std::size_t done = 0;
    while (done < buffer.size()) {
      const auto at = static_cast<off_t>(offset + done);
      const ssize_t got =
          uninterrupted([&] { return ::pread(descriptor(), buffer.data() + done, buffer.size() - done, at); });
      if (got < 0) return disk_failure(errno, fmt::format("read {} at {}", path_, offset + done));
      if (got == 0) break;
      done += static_cast<std::size_t>(got);
    }
    return done;
  }

  Status write_at(std::uint64_t offset, Bytes bytes) override {
    std::size_t done = 0;
    while (done < bytes.size()) {
      const auto at = static_cast<off_t>(offset + done);
      const ssize_t put =
          uninterrupted([&] { return ::pwrite(descriptor(), bytes.data() + done, bytes.size() - done, at); });
      // A short write is no error by itself: the next call gives the reason. A write of 0 bytes would loop for ever.
      if (put <= 0) {
        return disk_failure(put < 0 ? errno : EIO,
                            fmt::format("write {} bytes to {} at {}", bytes.size() - done, path_, offset + done));
      }
      done += static_cast<std::size_t>(put);
    }
    return {};
  }

  Status truncate(std::uint64_t size) override {
    if (uninterrupted([&] { return ::ftruncate(descriptor(), static_cast<off_t>(size)); }) == 0) return {};
    return disk_failure(errno, fmt::format("set the size of {} to {} bytes", path_, size));
  }

  Status sync() override {
    if (uninterrupted([&] { return ::fdatasync(descriptor()); }) == 0) return {};
    return disk_failure(errno, fmt::format("sync {}", path_));
  }

  void start_writeback(ByteRange range) override {
    // A hint: if it is not supported, the later sync() does all the work and reports errors.
    ::sync_file_range(descriptor(), static_cast<off64_t>(range.offset), static_cast<off64_t>(range.length),
                      SYNC_FILE_RANGE_WRITE);
  }

  Result<FileStat> stat() override {
    struct stat facts {};
    if (::fstat(descriptor(), &facts) == 0) return stat_of(facts);
    return disk_failure(errno, fmt::format("inspect {}", path_));
  }

  [[nodiscard]] int descriptor() const override { return descriptor_.get(); }

 private:
  UniqueFd descriptor_;
  std::string path_;
};

int flags_of(OpenMode mode) {
  switch (mode) {
    case OpenMode::read:
      return O_RDONLY;
    case OpenMode::write:
      return O_RDWR;
    case OpenMode::create:
      return O_RDWR | O_CREAT | O_EXCL;
  }
  return O_RDONLY;
}

Result<UniqueFd> open_descriptor(const std::string& path, int flags, std::string_view verb) {
  UniqueFd opened(uninterrupted([&] { return ::open(path.c_str(), flags | O_CLOEXEC, 0600); }));
  if (opened.valid()) return opened;
  return disk_failure(errno, fmt::format("{} {}", verb, path));
}

Status make_directory(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) == 0) return {};
  const int number = errno;
  struct stat facts {};
  if (number == EEXIST && ::stat(path.c_str(), &facts) == 0 && S_ISDIR(facts.st_mode)) return {};
  return disk_failure(number == EEXIST ? ENOTDIR : number, fmt::format("make directory {}", path));
}

class PosixFileSystem final : public FileSystem {
 public:
  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override {
    auto opened = open_descriptor(path, flags_of(mode) | O_NOFOLLOW, mode == OpenMode::create ? "create" : "open");
    if (!opened) return tl::unexpected(opened.error());
    return std::make_unique<PosixFile>(std::move(*opened), path);
  }

  Status rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) == 0) return {};
    return disk_failure(errno, fmt::format("rename {} to {}", from, to));
  }

  Status remove(const std::string& path) override {
    if (::unlink(path.c_str()) == 0 || errno == ENOENT) return {};
    return disk_failure(errno, fmt::format("remove {}", path));
  }

  Status make_directories(const std::string& path) override {
    for (std::size_t slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1)) {
      if (Status made = make_directory(path.substr(0, slash)); !made) return made;
    }
    return make_directory(path);
  }

  Result<FileStat> stat(const std::string& path) override {
    struct stat facts {};
    if (::lstat(path.c_str(), &facts) == 0) return stat_of(facts);
    return disk_failure(errno, fmt::format("inspect {}", path));
  }

  Status list(const std::string& path, const std::function<bool(const std::string& name)>& each) override {
    const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(path.c_str()), ::closedir);
    if (!directory) return disk_failure(errno, fmt::format("list {}", path));
    for (;;) {
      errno = 0;
      const dirent* entry = ::readdir(directory.get());  // NOLINT(concurrency-mt-unsafe): the stream is ours alone
      if (entry == nullptr) break;
      const std::string name = entry->d_name;
      if (name != "." && name != ".." && !each(name)) return {};
    }
    if (errno != 0) return disk_failure(errno, fmt::format("list {}", path));
    return {};
  }

  Status sync_directory(const std::string& path) override {
    const auto opened = open_descriptor(path, O_RDONLY | O_DIRECTORY, "open directory");
    if (!opened) return tl::unexpected(opened.error());
    if (uninterrupted([&] { return ::fsync(opened->get()); }) == 0) return {};
    return disk_failure(errno, fmt::format("sync directory {}", path));
  }

  Status sync_all(const std::string& path) override {
    const auto opened = open_descriptor(path, O_RDONLY, "open");
    if (!opened) return tl::unexpected(opened.error());
    if (uninterrupted([&] { return ::syncfs(opened->get()); }) == 0) return {};
    return disk_failure(errno, fmt::format("sync the file system of {}", path));
  }

  Result<DiskSpace> space(const std::string& path) override {
    struct statvfs facts {};
    if (uninterrupted([&] { return ::statvfs(path.c_str(), &facts); }) != 0) {
      return disk_failure(errno, fmt::format("read the free space of {}", path));
    }
    return DiskSpace{facts.f_blocks * facts.f_frsize, facts.f_bavail * facts.f_frsize};
  }
};

}  // namespace

std::unique_ptr<FileSystem> make_posix_file_system() {
  return std::make_unique<PosixFileSystem>();
}

}  // namespace larder
