// Whether to make a batch of files durable one by one or with one sync of the whole file system. Pure.
//
// One sync for all is much cheaper for many small files, but it also waits for data that other programs have written.
// So both costs are measured in use. The measured cost of a sync for all decays with each batch of single syncs, so
// that it is tried again some time after an expensive one.
#pragma once

#include <cstddef>

#include "base/runtime/clock.h"

namespace larder::cache {

class SyncChoice {
 public:
  // Returns whether to sync the file system. `calls`: single syncs (files and directories) that the batch would need.
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
