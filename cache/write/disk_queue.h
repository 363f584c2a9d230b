// Work of the cache for the disk threads. Each piece of work runs there and returns a continuation for the loop.
//
// Back-pressure: holds work back while the pool's queue is full, and goes on when one of its own pieces returns. After
// the DiskQueue is destroyed no continuation runs, so a continuation may refer to its owner. Loop thread only.
#pragma once

#include <deque>
#include <memory>

#include "base/runtime/clock.h"
#include "base/runtime/in_flight.h"
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

  void submit(Work work);

 private:
  struct Shared;
  void pump();
  void retry_later();

  Runtime runtime_;
  WorkerPool& pool_;
  std::deque<std::shared_ptr<Work>> held_back_;
  InFlight running_;
  TimerId retry_ = 0;
  std::shared_ptr<Shared> shared_;
};

}  // namespace larder::cache
