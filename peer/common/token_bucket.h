// A bound on the rate of events: `rate` a second on average, `burst` at once. Pure.
//
// take_token() refuses an event for which there is no token. DebtBucket of origin/http/rate.h is another rule: the
// bytes of an answer have come already and cannot be refused, so it counts all of them and the next read waits; it
// begins empty, and saves up next to nothing.
#pragma once

#include <algorithm>

#include "base/runtime/clock.h"
#include "peer/common/seconds.h"

namespace larder::peer {

class TokenBucket {
 public:
  TokenBucket(double rate, double burst) : rate_(rate), burst_(burst), tokens_(burst) {}

  bool take_token(SteadyTime now) {
    fill(now);
    if (tokens_ < 1) return false;
    tokens_ -= 1;
    return true;
  }
  void fill(SteadyTime now) {
    if (filled_ == SteadyTime{}) filled_ = now;
    tokens_ = std::min(burst_, tokens_ + std::max(0.0, seconds(now - filled_)) * rate_);
    filled_ = now;
  }
  // Returns when take_token() succeeds again, by the tokens at the last take_token() or fill(); SteadyTime{}: one was
  // left then.
  [[nodiscard]] SteadyTime free_at() const {
    if (tokens_ >= 1) return {};
    const std::chrono::duration<double> wait((1 - tokens_) / rate_);
    return filled_ + std::chrono::duration_cast<Duration>(wait) + std::chrono::microseconds(1);  // rounded up
  }

 private:
  double rate_;
  double burst_;
  double tokens_;
  SteadyTime filled_{};
};

}  // namespace larder::peer
