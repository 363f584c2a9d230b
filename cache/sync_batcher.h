// Makes written files durable, on a thread of its own so that hashing never waits for the disk. Requests that come
// while a sync runs are served together by the next one: many small files by one syncfs, few by fdatasync each plus
// their directories once.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "base/clock.h"
#include "base/file_system.h"
#include "base/result.h"
#include "base/worker_pool.h"
#include "cache/content_file.h"

namespace larder::cache {

class SyncBatcher {
 public:
  // From this many files on, one syncfs: it also waits for other programs' data, so not for a few.
  static constexpr std::size_t kManyFiles = 8;
  using SyncDone = UniqueFunction<void(Result<FileStat>)>;

  SyncBatcher(Executor& loop, std::shared_ptr<PrefixDirectories> directories);
  ~SyncBatcher();

  // All that was written to the file before this call, and its entry in the directory, is durable when `done` is
  // called on the loop with how the file was left. Loop thread. Whoever may go before must guard `done` itself.
  void request(std::shared_ptr<ContentFile> file, SyncDone done);

 private:
  struct Waiting {
    std::shared_ptr<ContentFile> file;
    SyncDone done;
  };
  void work();
  std::vector<Result<FileStat>> sync(const std::vector<std::shared_ptr<ContentFile>>& files);
  Status sync_directories(const std::vector<std::shared_ptr<ContentFile>>& files);

  Executor& loop_;
  const std::shared_ptr<PrefixDirectories> directories_;
  std::mutex mutex_;
  std::vector<Waiting> waiting_;  // guarded by mutex_
  bool running_ = false;          // guarded by mutex_
  WorkerPool thread_;             // last: it ends before what it uses
};

}  // namespace larder::cache
