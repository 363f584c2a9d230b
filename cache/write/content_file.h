// The file of one running content: made by the first disk job that needs it, so that create() costs no disk access,
// and never made again once the content was dropped. Thread-safe; blocking calls on disk threads only.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <optional>

#include "base/io/file_system.h"
#include "base/result.h"
#include "cache/record/layout.h"

namespace larder::cache {

// The directories 00 … ff: made on demand, and which of them the disk does not have for certain yet.
class PrefixDirectories {
 public:
  PrefixDirectories(FileSystem& files, const ContentLayout& layout) : files_(files), layout_(layout) {}
  Status make(std::size_t prefix);
  // Makes the entries of all directories made so far durable; does nothing when they are.
  Status sync_entries();
  [[nodiscard]] FileSystem& files() { return files_; }
  [[nodiscard]] const ContentLayout& layout() const { return layout_; }

 private:
  enum class State : unsigned char { unknown, made, durable };
  FileSystem& files_;
  const ContentLayout layout_;
  std::array<std::atomic<State>, kPrefixes> states_{};
  std::atomic<bool> unsynced_{false};
};

class ContentFile {
 public:
  // `size`: the file is made this long (sparse); none while it is unknown. `exists`: made in an earlier run or by an
  // earlier writer.
  ContentFile(std::shared_ptr<PrefixDirectories> directories, ContentId id, std::optional<std::uint64_t> size,
              bool exists);

  [[nodiscard]] const ContentId& id() const { return id_; }
  // Opens or makes it once; the File lives as long as this.
  Result<File*> open();
  // What sync() has to make durable besides the data: the entry in the directory, while it is new.
  [[nodiscard]] bool entry_unsynced() const { return entry_unsynced_; }
  void entry_synced() { entry_unsynced_ = false; }
  // The content goes: a file that a job in flight still makes is removed by that job.
  void mark_dropped() { dropped_ = true; }
  [[nodiscard]] bool dropped() const { return dropped_; }

 private:
  Result<std::unique_ptr<File>> make();

  const std::shared_ptr<PrefixDirectories> directories_;
  const ContentId id_;
  const std::optional<std::uint64_t> size_;
  const bool exists_;
  std::mutex opening_;
  std::unique_ptr<File> file_;       // guarded by opening_ until opened_
  std::atomic<bool> opened_{false};  // then file_ does not change any more
  std::atomic<bool> entry_unsynced_;
  std::atomic<bool> dropped_{false};
};

}  // namespace larder::cache
