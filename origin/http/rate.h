// Rates: a bucket that holds back, and a watch over what is too slow. Pure.
//
// The bucket may go into debt: bytes arrive in lumps that cannot be refused half way, so they are spent when they have
// come and the next ones wait until the debt is paid. TokenBucket of peer/common is another rule: it refuses.
#pragma once

#include <cstdint>

#include "base/runtime/clock.h"

namespace larder::origin {

class DebtBucket {
 public:
  DebtBucket() = default;  // unlimited
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

// Whether bytes have come at less than a least rate for a minute. Looked at now and then: from one look to the next the
// answer is of the last whole minute, or longer, between two looks.
class SlownessWatch {
 public:
  static constexpr Duration kSpan = std::chrono::minutes(1);

  void begin(SteadyTime now);
  // `received` in all since it began; a least rate of 0: nothing is too slow.
  [[nodiscard]] bool is_slow(std::uint64_t received, std::uint64_t least_rate, SteadyTime now);

 private:
  SteadyTime from_{};
  std::uint64_t received_ = 0;
  bool slow_ = false;
};

}  // namespace larder::origin
