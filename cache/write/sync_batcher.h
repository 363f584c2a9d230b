// Makes written files durable, on a thread of its own, so that hashing never waits for the disk. Requests that arrive
// while a sync runs are served together by the next one: by one syncfs if that is cheaper (sync_choice.h), else by one
// fdatasync per file plus one sync per directory.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

#include "base/io/file_system.h"
#include "base/result.h"
#include "base/runtime/clock.h"
#include "base/runtime/worker_pool.h"
#include "cache/write/content_file.h"
#include "cache/write/sync_choice.h"

namespace larder::cache {

class SyncBatcher {
 public:
  using SyncDone = UniqueFunction<void(Result<FileStat>)>;

  SyncBatcher(Executor& loop, std::shared_ptr<PrefixDirectories> directories);
  ~SyncBatcher();

  // Makes all bytes written to the file before this call, and its directory entry, durable. Then calls `done` on the
  // loop with the file's state. Loop thread. `done` may be called after the SyncBatcher is destroyed: the caller guards
  // it.
  void request(std::shared_ptr<ContentFile> file, SyncDone done);
  // Queues `answer` to be called on the sync thread. False while another one waits there. Loop thread.
  [[nodiscard]] bool ask_thread(Task answer);

 private:
  struct Waiting {
    std::shared_ptr<ContentFile> file;
    SyncDone done;
  };
  static constexpr std::size_t kGatherFrom = 8;  // after a batch of this size, the next one is gathered:
  static constexpr std::size_t kGathered = 128;  // until it has this size, or for kGatherFor
  static constexpr std::chrono::milliseconds kGatherFor{5};
  void work();
  void gather(std::unique_lock<std::mutex>& lock, std::size_t last);
  using Files = std::vector<std::shared_ptr<ContentFile>>;
  using Results = std::vector<Result<FileStat>>;
  Results sync(const Files& files);
  bool sync_together(const Files& files);
  Results sync_singly(const Files& files);
  Status sync_directories(const std::set<std::size_t>& prefixes);

  Executor& loop_;
  const std::shared_ptr<PrefixDirectories> directories_;
  SyncChoice choice_;  // sync thread
  std::mutex mutex_;
  std::vector<Waiting> waiting_;  // guarded by mutex_
  bool running_ = false;          // guarded by mutex_
  bool gathering_ = false;        // guarded by mutex_
  bool asked_ = false;            // guarded by mutex_: an `answer` is queued
  std::condition_variable gathered_;
  WorkerPool thread_;  // last: it ends before the members that it uses
};

}  // namespace larder::cache
