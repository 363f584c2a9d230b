// Time and scheduling are inputs: code that decides takes `now` as an argument, or a reference to one of these
// interfaces, so that tests and the simulator can choose them (tests/support/virtual_loop.h).
#pragma once

#include <chrono>
#include <cstdint>

#include "base/unique_function.h"

namespace larder {

using Duration = std::chrono::nanoseconds;
using SteadyTime = std::chrono::time_point<std::chrono::steady_clock, Duration>;  // intervals, time-outs, rates
using WallTime = std::chrono::time_point<std::chrono::system_clock, Duration>;    // display, persistence, HTTP dates

class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual SteadyTime now() const = 0;
  [[nodiscard]] virtual WallTime wall() const = 0;
};

// Runs tasks later on the loop thread, in the order posted. post() may be called from any thread; after the loop has
// ended the task is destroyed without being run.
class Executor {
 public:
  virtual ~Executor() = default;
  virtual void post(Task task) = 0;
};

using TimerId = std::uint64_t;  // 0 is never a timer

// Loop thread only. The task of a cancelled timer never runs, even if it was due already.
class Timers {
 public:
  virtual ~Timers() = default;
  virtual TimerId after(Duration delay, Task task) = 0;
  virtual void cancel(TimerId id) = 0;  // unknown and expired ids are ignored
};

class Random {
 public:
  virtual ~Random() = default;
  virtual std::uint64_t next() = 0;                        // uniform over all 64 bits
  [[nodiscard]] std::uint64_t below(std::uint64_t bound);  // uniform in [0, bound), bound > 0
  [[nodiscard]] double unit();                             // uniform in [0, 1)
};

// The services that a component on the loop thread gets. All referents outlive every component.
struct Runtime {
  Executor& executor;
  Timers& timers;
  Clock& clock;
  Random& random;
};

}  // namespace larder
