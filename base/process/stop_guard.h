// The last resort when a stop does not complete: a thread that only waits for that, so that neither a stuck loop, nor a
// thread that cannot be joined, nor a full pipe keeps the process alive. SIGTERM, SIGINT and SIGHUP are delivered to
// that thread alone: its creator blocks them for itself and for all threads that it creates afterwards, and leaves them
// blocked. (Children of the agent start with no signal blocked.) Committed segments are safe: the state is that after
// kill -9, and the next start continues from there.
#pragma once

#include <memory>

#include "base/runtime/clock.h"

namespace larder {

class StopGuard {
 public:
  static constexpr int kExitStatus = 1;  // of a process that the guard ended

  // One at a time in a process. The process ends unless this object is destroyed within `within` of begin().
  explicit StopGuard(Duration within);
  ~StopGuard();
  StopGuard(const StopGuard&) = delete;
  StopGuard& operator=(const StopGuard&) = delete;

  // Starts the time. Any thread, and signal handlers. Later calls do nothing.
  static void begin() noexcept;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace larder
