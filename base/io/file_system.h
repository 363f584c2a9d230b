// The seam to the disk. Adapters are thin: exact errno-based errors, no retries except EINTR, no hidden sync.
// make_posix_file_system() is the real one; tests/support/fault_file_system.h wraps any with faults.
// Every call may block: worker threads only; a caller on another thread says why. Thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/hash/digest.h"
#include "base/result.h"
#include "base/runtime/clock.h"
#include "base/text/units.h"

namespace larder {

struct FileStat {
  std::uint64_t size = 0;
  std::uint64_t allocated = 0;  // bytes on disk
  std::uint64_t inode = 0;
  std::int64_t modified_ns = 0;
  bool directory = false;
};

struct DiskSpace {
  std::uint64_t total = 0;
  std::uint64_t available = 0;  // to this user
};

class File {
 public:
  virtual ~File() = default;  // closes
  // Reads until `buffer` is full or the file ends. Returns the number of bytes read.
  virtual Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> buffer) = 0;
  virtual Status write_at(std::uint64_t offset, Bytes bytes) = 0;  // all or an error
  virtual Status truncate(std::uint64_t size) = 0;
  virtual Status sync() = 0;  // fdatasync: data and the metadata needed to read it back
  // Starts writing back without waiting (sync_file_range); a hint.
  virtual void start_writeback(ByteRange range) = 0;
  virtual Result<FileStat> stat() = 0;
  [[nodiscard]] virtual int descriptor() const = 0;  // -1: none; owned by the File
};

enum class OpenMode { read, write, create };  // create: read-write, exclusive, 0600; write: read-write, must exist

class FileSystem {
 public:
  virtual ~FileSystem() = default;
  virtual Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) = 0;
  virtual Status rename(const std::string& from, const std::string& to) = 0;
  virtual Status remove(const std::string& path) = 0;            // a missing file is success
  virtual Status make_directories(const std::string& path) = 0;  // 0700
  virtual Result<FileStat> stat(const std::string& path) = 0;    // not_found if missing
  // Calls `each` with every name in `path` (not . and ..); stops early when it returns false.
  virtual Status list(const std::string& path, const std::function<bool(const std::string& name)>& each) = 0;
  virtual Status sync_directory(const std::string& path) = 0;
  virtual Status sync_all(const std::string& path) = 0;  // syncfs of the file system that holds path
  virtual Result<DiskSpace> space(const std::string& path) = 0;
};

[[nodiscard]] std::unique_ptr<FileSystem> make_posix_file_system();

}  // namespace larder
