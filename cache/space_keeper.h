// Keeps the accounts of SpaceLedger up to date, and evicts when they are overdrawn. Loop thread only.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/io/file_system.h"
#include "base/runtime/alive.h"
#include "base/runtime/clock.h"
#include "cache/cache.h"
#include "cache/index/index.h"
#include "cache/space.h"
#include "cache/write/disk_queue.h"

namespace larder::cache {

class SpaceKeeper {
 public:
  struct Hooks {
    std::function<std::vector<ContentId>()> busy;  // contents being written or read: not to be evicted
    // Removes the contents that are still evictable, record and file.
    std::function<void(std::vector<ContentId>, UniqueFunction<void(Result<std::vector<index::Removed>>)>)> evict;
  };

  SpaceKeeper(Runtime runtime, DiskQueue& disk, Database& database, FileSystem& files, std::string directory,
              const CacheSettings& settings, DiskSpace disk_space, Hooks hooks);

  void apply(const CacheSettings& settings);
  [[nodiscard]] SpaceLedger& ledger() { return ledger_; }
  [[nodiscard]] std::uint64_t evicted() const { return evicted_; }

  // Calls `done` within the call if the facts are fresh (kFresh), else after reading them.
  void measure(UniqueFunction<void(Status)> done);
  void invalidate() { measured_at_.reset(); }
  [[nodiscard]] const index::Totals& totals() const { return totals_; }  // as measured

  // Reserves the rest of `size` for content `id`, evicting as far as needed. Error: disk_full, which says what is
  // missing. `done` may be called within the call.
  void reserve(const ContentId& id, std::uint64_t size, std::uint64_t held, bool bounded,
               UniqueFunction<void(Status)> done);
  // Evicts for a write of `id` that failed because the disk is full. Error: disk_full if nothing was freed.
  void make_room(const ContentId& id, std::uint64_t bytes, UniqueFunction<void(Status)> done);
  // Evicts in the background while the accounts are overdrawn.
  void evict_overdrawn();

 private:
  struct Evictor {
    bool running = false;
    std::uint64_t wanted = 0;  // least bytes to free, even if the accounts need fewer
    std::uint64_t freed = 0;   // by this run
    std::vector<UniqueFunction<void(std::uint64_t freed)>> waiters;
  };
  void read_totals(DiskSpace disk);
  void measured(Status status);
  void evict(std::uint64_t wanted, UniqueFunction<void(std::uint64_t freed)> done);
  void evict_step(std::optional<index::Candidate> after);
  void evict_chosen(std::vector<index::Candidate> candidates);
  void evicted_some(const index::Candidate& last, const Result<std::vector<index::Removed>>& removed);
  void evict_end();
  void decide(const ContentId& id, UniqueFunction<void(Status)> done);
  void refuse(const ContentId& id, UniqueFunction<void(Status)> done);
  void evict_for(const ContentId& id, std::uint64_t bytes, UniqueFunction<void(Status)> done);
  void refuse_full(const ContentId& id, UniqueFunction<void(Status)> done);
  [[nodiscard]] bool is_fresh() const;
  [[nodiscard]] std::uint64_t to_free() const;

  Runtime runtime_;
  DiskQueue& disk_;
  Database& database_;
  FileSystem& files_;
  const std::string directory_;
  CacheSettings settings_;
  Hooks hooks_;
  SpaceLedger ledger_;
  index::Totals totals_;
  std::optional<SteadyTime> measured_at_;
  bool measuring_ = false;
  std::vector<UniqueFunction<void(Status)>> measure_waiters_;
  Evictor evictor_;
  std::uint64_t evicted_ = 0;
  Alive alive_;
};

}  // namespace larder::cache
