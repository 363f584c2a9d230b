// SIGTERM, SIGINT and SIGHUP as tasks on the loop. The first two also start the StopGuard at once, so that even a stuck
// loop ends. One object at a time in a process.
#pragma once

#include <functional>
#include <memory>

#include "base/runtime/loop.h"

namespace larder {

class Signals {
 public:
  Signals(Loop& loop, std::function<void()> on_stop, std::function<void()> on_reload);
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace larder
