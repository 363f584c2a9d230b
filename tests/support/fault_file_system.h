// A FileSystem that fails as a test says: the n-th call, a budget of bytes, short writes; and that forgets at a crash
// what was never synced (after leveldb's fault_injection_test). Wraps the real one. Thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/io/file_system.h"
#include "base/runtime/clock.h"

namespace larder::test {

enum class DiskCall {
  open,
  read,
  write,
  truncate,
  sync,
  stat,
  rename,
  remove,
  make_directories,
  list,
  sync_directory,
  sync_all,
  space
};

class FaultFileSystem final : public FileSystem {
 public:
  // `graveyard`: a directory on the same file system outside what is tested, for removed files that a crash brings
  // back.
  FaultFileSystem(FileSystem& real, std::string graveyard);
  ~FaultFileSystem() override;

  // The n-th call from now (0 = the next) fails with `code`; of any kind, or of one.
  void fail_nth(std::uint64_t n, ErrorCode code, std::optional<DiskCall> kind = std::nullopt);
  void fail_all(ErrorCode code, DiskCall kind);  // every call of that kind, until heal()
  void heal();                                   // no more failures, no budget, no dead disk
  [[nodiscard]] bool failed() const;             // a failure asked for has happened
  void short_writes(bool on);                    // a write that fails has written half of its bytes
  void set_budget(std::uint64_t bytes);          // writes beyond it: disk_full
  void set_space(std::optional<DiskSpace> space);
  [[nodiscard]] std::uint64_t calls(DiskCall kind) const;

  void forget();  // what is unsynced now: the directory was made anew

  // From now on every call fails: the program is dead, only its threads do not know yet.
  void die();
  void die_nth(std::uint64_t n);  // with the n-th call from now (0 = the next), and for good
  // What was not synced is lost: each write, new name, renaming and removal since the last sync by the throw of a coin
  // (or all, without `random`). Call after every File is closed and before the directory is used again; heals.
  void crash(Random* random);

  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override;
  Status rename(const std::string& from, const std::string& to) override;
  Status remove(const std::string& path) override;
  Status make_directories(const std::string& path) override;
  Result<FileStat> stat(const std::string& path) override;
  Status list(const std::string& path, const std::function<bool(const std::string& name)>& each) override;
  Status sync_directory(const std::string& path) override;
  Status sync_all(const std::string& path) override;
  Result<DiskSpace> space(const std::string& path) override;

 private:
  friend class FaultFile;
  struct Undo {  // one change of a file since its last sync
    std::uint64_t offset = 0;
    std::vector<std::byte> old_bytes;
    std::uint64_t old_size = 0;
  };
  struct Tracked {
    std::vector<Undo> unsynced;
    bool new_name = false;  // its directory was not synced since it was made
  };
  struct Buried {
    std::string path;
    std::string grave;
  };
  struct Renamed {  // and the directory of `to` not synced since
    std::string from;
    std::string to;
    std::string replaced;  // the grave of what had the name; empty: nothing had it
  };
  // Counts the call; the failure that it shall have.
  std::optional<Error> check(DiskCall kind, const std::string& what, std::uint64_t bytes = 0);
  void before_change(File& file, const std::string& path, std::uint64_t offset, std::uint64_t length);
  std::size_t unsynced(const std::string& path);
  void synced(const std::string& path, std::size_t changes);
  void directory_synced(const std::string& path);

  FileSystem& real_;
  const std::string graveyard_;
  mutable std::mutex mutex_;
  std::map<DiskCall, std::uint64_t> calls_;
  std::optional<std::uint64_t> countdown_;
  std::optional<DiskCall> countdown_kind_;
  std::map<DiskCall, ErrorCode> broken_;
  ErrorCode code_ = ErrorCode::disk_error;
  bool failed_ = false;
  bool short_writes_ = false;
  bool dead_ = false;
  std::optional<std::uint64_t> lives_for_;  // calls
  std::optional<std::uint64_t> budget_;
  std::optional<DiskSpace> space_;
  std::map<std::string, Tracked> files_;
  std::vector<Buried> buried_;
  std::vector<Renamed> renamed_;
  std::uint64_t graves_ = 0;
};

}  // namespace larder::test
