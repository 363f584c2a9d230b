// The last resort when a stop does not come to its end: a thread that does nothing but wait for that, so that neither a
// loop that stands, nor a thread that cannot be joined, nor a descriptor that nobody reads keeps the process.
// SIGTERM, SIGINT and SIGHUP come to that thread alone: the one that makes it blocks them for itself and for every
// thread that it makes from then on, and leaves them blocked. (Children of the agent are started with no signal
// blocked.) What was committed is safe: it is as after kill -9, and the next start goes on from there.
#pragma once

#include <memory>

#include "base/runtime/clock.h"

namespace larder::agent {

class StopGuard {
 public:
  static constexpr int kExitStatus = 1;  // of a process that had to be ended so

  // One at a time in a process. Within `within` of begin() this must be destroyed, or the process ends.
  explicit StopGuard(Duration within);
  ~StopGuard();
  StopGuard(const StopGuard&) = delete;
  StopGuard& operator=(const StopGuard&) = delete;

  // Any thread, and signal handlers too. The first call counts.
  static void begin() noexcept;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace larder::agent
