// Work of the cache for the disk threads: each piece runs there and returns what the loop shall do with its result.
//
// Holds back when the pool's queue is at its bound and goes on when a piece of ours returns. After the DiskQueue is
// gone no continuation runs, so these may refer to its owner. Loop thread only.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>

#include "base/runtime/clock.h"
#include "base/runtime/worker_pool.h"
#include "base/unique_function.h"

namespace larder::cache {

class DiskQueue {
 public:
  using Work = UniqueFunction<Task()>;  // runs on a disk thread; the Task then runs on the loop

  DiskQueue(Runtime runtime, WorkerPool& pool);
  ~DiskQueue();
  DiskQueue(const DiskQueue&) = delete;
  DiskQueue& operator=(const DiskQueue&) = delete;

  void run(Work work);

 private:
  struct Shared;
  void pump();
  void retry_later();

  Runtime runtime_;
  WorkerPool& pool_;
  std::deque<std::shared_ptr<Work>> held_back_;
  std::size_t running_ = 0;
  TimerId retry_ = 0;
  std::shared_ptr<Shared> shared_;
};

}  // namespace larder::cache
