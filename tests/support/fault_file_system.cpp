#include "tests/support/fault_file_system.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace larder::test {
namespace {

std::string directory_of(const std::string& path) {
  return path.substr(0, path.rfind('/'));
}

void require(bool good, const char* what) {
  if (good) return;
  std::fprintf(stderr, "fault file system: %s\n", what);
  std::abort();
}

}  // namespace

class FaultFile final : public File {
 public:
  FaultFile(FaultFileSystem& system, std::unique_ptr<File> real, std::string path)
      : system_(system), real_(std::move(real)), path_(std::move(path)) {}

  Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> buffer) override {
    if (auto error = system_.check(DiskCall::read, path_)) return tl::unexpected(*error);
    return real_->read_at(offset, buffer);
  }

  Status write_at(std::uint64_t offset, Bytes bytes) override {
    if (auto error = system_.check(DiskCall::write, path_, bytes.size())) {
      if (system_.short_writes_ && !system_.dead_) {
        system_.before_change(*real_, path_, offset, bytes.size() / 2);
        static_cast<void>(real_->write_at(offset, bytes.first(bytes.size() / 2)));
      }
      return tl::unexpected(*error);
    }
    system_.before_change(*real_, path_, offset, bytes.size());
    return real_->write_at(offset, bytes);
  }

  Status truncate(std::uint64_t size) override {
    if (auto error = system_.check(DiskCall::truncate, path_)) return tl::unexpected(*error);
    system_.before_change(*real_, path_, size, 0);
    return real_->truncate(size);
  }

  Status sync() override {
    if (auto error = system_.check(DiskCall::sync, path_)) return tl::unexpected(*error);
    const std::size_t before = system_.unsynced(path_);
    Status synced = real_->sync();
    if (synced) system_.synced(path_, before);
    return synced;
  }

  void start_writeback(ByteRange range) override { real_->start_writeback(range); }

  Result<FileStat> stat() override {
    if (auto error = system_.check(DiskCall::stat, path_)) return tl::unexpected(*error);
    return real_->stat();
  }

  [[nodiscard]] int descriptor() const override { return real_->descriptor(); }

 private:
  FaultFileSystem& system_;
  std::unique_ptr<File> real_;
  const std::string path_;
};

FaultFileSystem::FaultFileSystem(FileSystem& real, std::string graveyard)
    : real_(real), graveyard_(std::move(graveyard)) {
  require(real_.make_directories(graveyard_).has_value(), "cannot make the graveyard");
}

FaultFileSystem::~FaultFileSystem() = default;

void FaultFileSystem::fail_nth(std::uint64_t n, ErrorCode code, std::optional<DiskCall> kind) {
  const std::lock_guard lock(mutex_);
  countdown_ = n;
  countdown_kind_ = kind;
  code_ = code;
  failed_ = false;
}

void FaultFileSystem::fail_all(ErrorCode code, DiskCall kind) {
  const std::lock_guard lock(mutex_);
  broken_[kind] = code;
  failed_ = false;
}

void FaultFileSystem::heal() {
  const std::lock_guard lock(mutex_);
  countdown_.reset();
  broken_.clear();
  budget_.reset();
  dead_ = false;
  lives_for_.reset();
}

bool FaultFileSystem::failed() const {
  const std::lock_guard lock(mutex_);
  return failed_;
}

void FaultFileSystem::short_writes(bool on) {
  const std::lock_guard lock(mutex_);
  short_writes_ = on;
}

void FaultFileSystem::set_budget(std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  budget_ = bytes;
}

void FaultFileSystem::set_space(std::optional<DiskSpace> space) {
  const std::lock_guard lock(mutex_);
  space_ = space;
}

std::uint64_t FaultFileSystem::calls(DiskCall kind) const {
  const std::lock_guard lock(mutex_);
  const auto found = calls_.find(kind);
  return found == calls_.end() ? 0 : found->second;
}

void FaultFileSystem::forget() {
  const std::lock_guard lock(mutex_);
  for (const Buried& one : buried_) static_cast<void>(real_.remove(one.grave));
  for (const Renamed& one : renamed_) {
    if (!one.replaced.empty()) static_cast<void>(real_.remove(one.replaced));
  }
  buried_.clear();
  renamed_.clear();
  files_.clear();
}

void FaultFileSystem::die() {
  const std::lock_guard lock(mutex_);
  dead_ = true;
}

void FaultFileSystem::die_nth(std::uint64_t n) {
  const std::lock_guard lock(mutex_);
  lives_for_ = n;
}

std::optional<Error> FaultFileSystem::check(DiskCall kind, const std::string& what, std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  ++calls_[kind];
  const auto error = [&](ErrorCode code, const char* why) {
    failed_ = true;
    return Error{code, "use " + what, why, std::nullopt};
  };
  if (lives_for_ && (*lives_for_)-- == 0) {
    dead_ = true;
    lives_for_.reset();
  }
  if (dead_) return error(ErrorCode::disk_error, "the disk is dead (injected)");
  if (const auto broken = broken_.find(kind); broken != broken_.end()) return error(broken->second, "injected");
  if (countdown_ && (!countdown_kind_ || *countdown_kind_ == kind)) {
    if (*countdown_ == 0) {
      countdown_.reset();
      return error(code_, "injected");
    }
    --*countdown_;
  }
  if (kind == DiskCall::write && budget_) {
    if (bytes > *budget_) return error(ErrorCode::disk_full, "no space left (injected)");
    *budget_ -= bytes;
  }
  return std::nullopt;
}

void FaultFileSystem::before_change(File& file, const std::string& path, std::uint64_t offset, std::uint64_t length) {
  const auto facts = file.stat();
  require(facts.has_value(), "cannot inspect a file");
  Undo undo;
  undo.offset = offset;
  undo.old_size = facts->size;
  if (offset < facts->size) {
    // A truncation may cut everything behind it off.
    const std::uint64_t end = length == 0 ? facts->size : std::min(facts->size, offset + length);
    undo.old_bytes.resize(end - offset);
    require(file.read_at(offset, undo.old_bytes).has_value(), "cannot read what is overwritten");
  }
  const std::lock_guard lock(mutex_);
  files_[path].unsynced.push_back(std::move(undo));
}

std::size_t FaultFileSystem::unsynced(const std::string& path) {
  const std::lock_guard lock(mutex_);
  return files_[path].unsynced.size();
}

// Only what was there when the sync began: other threads may go on writing.
void FaultFileSystem::synced(const std::string& path, std::size_t changes) {
  const std::lock_guard lock(mutex_);
  auto& unsynced = files_[path].unsynced;
  unsynced.erase(unsynced.begin(), unsynced.begin() + static_cast<std::ptrdiff_t>(std::min(changes, unsynced.size())));
}

void FaultFileSystem::directory_synced(const std::string& path) {
  const std::lock_guard lock(mutex_);
  for (auto& [name, file] : files_) {
    if (directory_of(name) == path) file.new_name = false;
  }
  std::erase_if(renamed_, [&](const Renamed& one) {
    if (directory_of(one.to) != path) return false;
    if (!one.replaced.empty()) static_cast<void>(real_.remove(one.replaced));
    return true;
  });
  std::erase_if(buried_, [&](const Buried& one) {
    if (directory_of(one.path) != path) return false;
    static_cast<void>(real_.remove(one.grave));
    return true;
  });
}

void FaultFileSystem::crash(Random* random) {
  heal();
  const std::lock_guard lock(mutex_);
  const auto lost = [&] { return random == nullptr || random->below(2) == 0; };
  // First the renamings: where one lasts, the file that it named is there under the new name; where it does not, the
  // name may be lost that the file had before.
  for (auto one = renamed_.rbegin(); one != renamed_.rend(); ++one) {
    // A removal or another renaming of it is a change of its own.
    const bool undone = lost() && real_.stat(one->to) && !real_.stat(one->from);
    const auto moved = files_.find(one->to);
    if (undone) {
      require(real_.rename(one->to, one->from).has_value(), "cannot undo a renaming");
      if (moved != files_.end()) {
        files_[one->from] = std::move(moved->second);
        files_.erase(moved);
      }
    } else if (moved != files_.end()) {
      moved->second.new_name = false;
    }
    if (one->replaced.empty()) continue;
    const Status settled = undone ? real_.rename(one->replaced, one->to) : real_.remove(one->replaced);
    require(settled.has_value(), "cannot settle what was replaced");
  }
  for (auto& [path, file] : files_) {
    if (file.new_name && lost()) {
      require(real_.remove(path).has_value(), "cannot lose a new name");
      continue;
    }
    if (file.unsynced.empty()) continue;
    auto opened = real_.open(path, OpenMode::write);
    if (!opened) continue;  // removed
    for (auto undo = file.unsynced.rbegin(); undo != file.unsynced.rend(); ++undo) {
      if (!lost()) continue;
      require((*opened)->write_at(undo->offset, undo->old_bytes).has_value(), "cannot undo a write");
      if (undo->old_size < undo->offset + 1) {
        require((*opened)->truncate(undo->old_size).has_value(), "cannot undo growth");
      }
    }
  }
  for (const Buried& one : buried_) {
    // The name may be taken again by then; what the crash brings back is the older file, which nobody waits for.
    if (lost() && !real_.stat(one.path)) {
      require(real_.rename(one.grave, one.path).has_value(), "cannot bring a file back");
    } else {
      static_cast<void>(real_.remove(one.grave));
    }
  }
  files_.clear();
  buried_.clear();
  renamed_.clear();
}

Result<std::unique_ptr<File>> FaultFileSystem::open(const std::string& path, OpenMode mode) {
  if (auto error = check(DiskCall::open, path)) return tl::unexpected(*error);
  auto file = real_.open(path, mode);
  if (!file) return file;
  if (mode == OpenMode::create) {
    const std::lock_guard lock(mutex_);
    files_[path] = {{}, true};
  }
  return std::make_unique<FaultFile>(*this, std::move(*file), path);
}

Status FaultFileSystem::rename(const std::string& from, const std::string& to) {
  if (auto error = check(DiskCall::rename, from)) return tl::unexpected(*error);
  const std::lock_guard lock(mutex_);
  std::string replaced;
  if (real_.stat(from) && real_.stat(to)) {
    replaced = graveyard_ + "/" + std::to_string(++graves_);
    require(real_.rename(to, replaced).has_value(), "cannot keep what is replaced");
  }
  Status renamed = real_.rename(from, to);
  if (!renamed) return renamed;
  if (const auto moved = files_.extract(from)) {
    files_[to] = moved.mapped();
  } else {
    files_.erase(to);  // it was replaced
  }
  renamed_.push_back({from, to, std::move(replaced)});
  return {};
}

Status FaultFileSystem::remove(const std::string& path) {
  if (auto error = check(DiskCall::remove, path)) return tl::unexpected(*error);
  const std::lock_guard lock(mutex_);
  const std::string grave = graveyard_ + "/" + std::to_string(++graves_);
  const auto found = files_.find(path);
  const bool never_durable = found != files_.end() && found->second.new_name;
  if (found != files_.end()) files_.erase(found);
  if (never_durable) return real_.remove(path);
  Status buried = real_.rename(path, grave);
  if (!buried) return buried.error().code == ErrorCode::not_found ? Status() : buried;
  buried_.push_back({path, grave});
  return {};
}

Status FaultFileSystem::make_directories(const std::string& path) {
  if (auto error = check(DiskCall::make_directories, path)) return tl::unexpected(*error);
  return real_.make_directories(path);
}

Result<FileStat> FaultFileSystem::stat(const std::string& path) {
  if (auto error = check(DiskCall::stat, path)) return tl::unexpected(*error);
  return real_.stat(path);
}

Status FaultFileSystem::list(const std::string& path, const std::function<bool(const std::string& name)>& each) {
  if (auto error = check(DiskCall::list, path)) return tl::unexpected(*error);
  return real_.list(path, each);
}

Status FaultFileSystem::sync_directory(const std::string& path) {
  if (auto error = check(DiskCall::sync_directory, path)) return tl::unexpected(*error);
  directory_synced(path);
  return {};
}

Status FaultFileSystem::sync_all(const std::string& path) {
  if (auto error = check(DiskCall::sync_all, path)) return tl::unexpected(*error);
  std::set<std::string> directories;
  {
    const std::lock_guard lock(mutex_);
    for (auto& [name, file] : files_) {
      file.unsynced.clear();
      directories.insert(directory_of(name));
    }
    for (const Buried& one : buried_) directories.insert(directory_of(one.path));
    for (const Renamed& one : renamed_) directories.insert(directory_of(one.to));
  }
  for (const std::string& directory : directories) directory_synced(directory);
  return {};
}

Result<DiskSpace> FaultFileSystem::space(const std::string& path) {
  if (auto error = check(DiskCall::space, path)) return tl::unexpected(*error);
  const std::lock_guard lock(mutex_);
  if (space_) return *space_;
  return real_.space(path);
}

}  // namespace larder::test
