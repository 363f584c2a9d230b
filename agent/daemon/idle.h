// Decides when a user's own agent has been idle for so long that it ends. Pure.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/runtime/clock.h"

namespace larder::agent {

struct Activity {
  std::uint64_t jobs = 0;  // jobs that go on by themselves, without those that wait for their owner
  std::size_t transfers = 0;
  std::size_t connections = 0;
  SteadyTime last_request{};  // or the start
};

class IdleWatch {
 public:
  explicit IdleWatch(Duration limit = {}) : limit_(limit) {}  // 0: never
  void set_limit(Duration limit) { limit_ = limit; }

  bool is_over(const Activity& now, SteadyTime at) {
    if (now.jobs > 0 || now.transfers > 0 || now.connections > 0) last_busy_ = at;
    if (last_busy_ < now.last_request) last_busy_ = now.last_request;
    return limit_ > Duration{} && at - last_busy_ >= limit_;
  }
  // Returns an interval that is short enough for the limit.
  [[nodiscard]] Duration check_interval(Duration usual) const {
    return limit_ > Duration{} && limit_ / 4 < usual ? limit_ / 4 + std::chrono::milliseconds(1) : usual;
  }

 private:
  Duration limit_;
  SteadyTime last_busy_{};
};

}  // namespace larder::agent
