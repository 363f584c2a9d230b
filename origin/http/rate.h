// Rates: a bucket that delays, and a watch for transfers that are too slow. Pure.
//
// The bucket may go into debt: bytes arrive in lumps that cannot be refused half way, so they are spent when they
// arrive, and the next ones wait until the debt is paid. TokenBucket of peer/common follows another rule: it refuses.
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
  // Returns the time until the debt is paid; zero: none is left.
  [[nodiscard]] Duration wait(SteadyTime now) const;
  // Returns how many bytes are best spent at once, where that can be chosen: a lump much larger than that is followed
  // by a silence which the other side may take for a stall.
  [[nodiscard]] std::uint64_t lump() const;

 private:
  [[nodiscard]] double credit_at(SteadyTime now) const;

  std::uint64_t rate_ = 0;
  double credit_ = 0;  // bytes; negative is debt
  SteadyTime as_of_{};
};

// Watches whether bytes come at less than a least rate over kSpan. It is polled: the answer is about the last span
// between two calls, which is kSpan or longer, and stays until the next span is complete.
class SlownessWatch {
 public:
  static constexpr Duration kSpan = std::chrono::minutes(1);

  void begin(SteadyTime now);
  // `received`: total bytes since begin(). `least_rate`: bytes/s; 0: no rate is too slow.
  [[nodiscard]] bool is_slow(std::uint64_t received, std::uint64_t least_rate, SteadyTime now);

 private:
  SteadyTime from_{};
  std::uint64_t received_ = 0;
  bool slow_ = false;
};

}  // namespace larder::origin
