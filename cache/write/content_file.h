// The file of one running content. The first disk job that needs it makes it, so that create() costs no disk access. It
// is not made after the content was dropped. Thread-safe; blocking calls on disk threads only.
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

// The directories 00 … ff: made on demand, with a note of those whose entries are not durable yet.
class PrefixDirectories {
 public:
  PrefixDirectories(FileSystem& files, const ContentLayout& layout) : files_(files), layout_(layout) {}
  Status make(std::size_t prefix);
  // Makes the entries of all directories made so far durable; does nothing if they are.
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
  // `size`: the file is made this long (sparse); absent if unknown. `exists`: an earlier run or writer made it.
  ContentFile(std::shared_ptr<PrefixDirectories> directories, ContentId id, std::optional<std::uint64_t> size,
              bool exists);

  [[nodiscard]] const ContentId& id() const { return id_; }
  // Opens or makes the file once; the File lives as long as this object.
  Result<File*> open();
  // True while the entry in the directory is new and not durable: a sync of the data alone does not suffice.
  [[nodiscard]] bool entry_unsynced() const { return entry_unsynced_; }
  void entry_synced() { entry_unsynced_ = false; }
  // Called when the content is dropped: a disk job in flight that still makes the file removes it again.
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
  std::atomic<bool> opened_{false};  // once true, file_ does not change
  std::atomic<bool> entry_unsynced_;
  std::atomic<bool> dropped_{false};
};

}  // namespace larder::cache
