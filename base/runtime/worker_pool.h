// Threads for work that blocks or computes: disk, hashing, hooks. Results are posted back by the work itself.
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
  ~WorkerPool();  // runs what is queued, then joins
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // Any thread. False when the queue is at its bound: the caller must hold back (back-pressure), nothing was queued.
  [[nodiscard]] bool submit(Task task);
  [[nodiscard]] std::size_t waiting() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace larder
