// A token bucket that may go into debt: bytes arrive in lumps that cannot be refused half way, so they are spent when
// they have come and the next ones wait until the debt is paid. Pure.
#pragma once

#include <cstdint>

#include "base/clock.h"

namespace larder::origin {

class TokenBucket {
 public:
  TokenBucket() = default;  // unlimited
  void set_rate(std::uint64_t bytes_per_second, SteadyTime now);
  [[nodiscard]] bool unlimited() const { return rate_ == 0; }
  void spend(std::uint64_t bytes, SteadyTime now);
  // Zero: go on. Otherwise how long until the debt is paid.
  [[nodiscard]] Duration wait(SteadyTime now) const;

 private:
  [[nodiscard]] double credit_at(SteadyTime now) const;

  std::uint64_t rate_ = 0;
  double credit_ = 0;  // bytes; negative is debt
  SteadyTime as_of_{};
};

}  // namespace larder::origin
