// Threads for work that blocks or computes: disk, hashing, hooks. The work itself posts its results back.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "base/unique_function.h"

namespace larder {

class WorkerPool {
 public:
  // `threads` workers named `name`; at most `bound` tasks may wait.
  WorkerPool(std::string name, std::size_t threads, std::size_t bound);
  ~WorkerPool();  // runs all queued tasks, then joins
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // Queues a task. Any thread. False if the queue is at its bound: nothing was queued, and the caller must hold back
  // (back-pressure).
  [[nodiscard]] bool submit(Task task);
  [[nodiscard]] std::size_t waiting() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace larder
