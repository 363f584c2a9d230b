// A copy of a caller's file that is the agent's own: cloned (FICLONE) where the file system can, else copied where that
// is wished for. Any thread; blocks on the disk.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "agent/uploads/source_file.h"
#include "base/result.h"

namespace larder::agent {

// Left free on the disk of the snapshots, beside what is copied.
inline constexpr std::uint64_t kKeepFree = 1ULL << 30;

struct KeptSource {
  std::shared_ptr<const origin::UploadSource> file;
  origin::SourceIdentity identity;  // to be compared with from now on
  bool snapshot = false;
};

struct SnapshotWish {
  std::shared_ptr<const SourceFile> from;
  origin::SourceIdentity expected;
  std::string path;
  bool copy = false;
  std::shared_ptr<const std::atomic<bool>> stop;  // set: a copy ends between two pieces, as cancelled
};

// Opens one that was made before. Error: not_found; source_changed, of another size.
[[nodiscard]] Result<KeptSource> open_snapshot(const std::string& path, std::uint64_t size);
// Makes the snapshot under its name, or gives the caller's file. What is there of a crash is written over. Two calls
// for one path run one after the other. Error: source_changed, while it was copied; disk_full; disk_error; cancelled.
[[nodiscard]] Result<KeptSource> take_snapshot(const SnapshotWish& wish);
// A page that a mapping has dirtied already can be changed again without any time of the file changing. Once its
// writing back has begun the next store changes the time of modification. Only a hint: the digests prove.
void write_back(int file);

}  // namespace larder::agent
