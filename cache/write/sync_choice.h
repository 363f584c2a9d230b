// Whether to make a batch of files durable one by one or with one sync of the whole file system. Pure.
//
// One call for all is much cheaper for many small files; but it also waits for whatever other programs have written. So
// both are measured as they are used, and a dear sync of everything is believed less and less until it is tried again.
#pragma once

#include <cstddef>

#include "base/runtime/clock.h"

namespace larder::cache {

class SyncChoice {
 public:
  // `calls`: how many single syncs (files and directories) the batch would need.
  [[nodiscard]] bool sync_all(std::size_t calls) const {
    return calls >= kFewCalls && static_cast<double>(calls) * single_ > all_;
  }
  void took_all(Duration duration) { all_ = mean(all_, seconds(duration)); }
  void took_single(std::size_t calls, Duration duration) {
    single_ = mean(single_, seconds(duration) / static_cast<double>(calls == 0 ? 1 : calls));
    all_ *= kForget;
  }

 private:
  static constexpr std::size_t kFewCalls = 3;
  static constexpr double kForget = 0.95;
  static double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }
  static double mean(double old, double now) { return old * 0.75 + now * 0.25; }

  double single_ = 0.005;  // seconds for one call; starting values of an ordinary disk
  double all_ = 0.005;
};

}  // namespace larder::cache
