// A bound on how often something may happen: `rate` a second on average, `burst` at once. Pure.
#pragma once

#include <algorithm>

#include "base/runtime/clock.h"

namespace larder::peer {

class TokenBucket {
 public:
  TokenBucket(double rate, double burst) : rate_(rate), burst_(burst), tokens_(burst) {}

  bool take(SteadyTime now) {
    if (filled_ == SteadyTime{}) filled_ = now;
    const double passed = std::chrono::duration<double>(now - filled_).count();
    tokens_ = std::min(burst_, tokens_ + std::max(0.0, passed) * rate_);
    filled_ = now;
    if (tokens_ < 1) return false;
    tokens_ -= 1;
    return true;
  }

 private:
  double rate_;
  double burst_;
  double tokens_;
  SteadyTime filled_{};
};

}  // namespace larder::peer
