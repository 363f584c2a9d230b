// Decides when blocks and reads are handed from one thread to another. Each hand-over wakes a thread, which costs more
// than the handling of one block of 16 KiB: so many go together, unless one is waited for. Pure.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/runtime/clock.h"
#include "base/text/units.h"

namespace larder::peer {

// The longest wait for further blocks or reads to go along.
inline constexpr Duration kBatchPause = std::chrono::milliseconds(2);

// Blocks that arrived and are to be reported to the loop: once there are enough, or once no wanted block is missing.
class ArrivalBatch {
 public:
  static constexpr std::uint64_t kEnough = 256 * kKiB;

  void wanted(std::uint64_t blocks) { missing_ += blocks; }
  void unwanted(std::uint64_t blocks) { missing_ -= std::min(missing_, blocks); }
  // Counts an arrived block. True: report now.
  [[nodiscard]] bool on_arrived(std::uint64_t bytes, bool wanted) {
    unreported_ += bytes;
    if (wanted) unwanted(1);
    return unreported_ >= kEnough || missing_ == 0;
  }
  void on_reported() { unreported_ = 0; }
  [[nodiscard]] bool waits() const { return unreported_ > 0; }

 private:
  std::uint64_t missing_ = 0;  // wanted blocks that have not arrived
  std::uint64_t unreported_ = 0;
};

// Reads that are to be handed to the reader threads. The first one after a pause is due at once.
class ReadBatch {
 public:
  static constexpr std::size_t kEnough = 16;

  [[nodiscard]] bool due(std::size_t waiting, SteadyTime now) const {
    return waiting >= kEnough || (waiting > 0 && now - last_handed_over_at_ >= kBatchPause);
  }
  void on_handed_over(SteadyTime now) { last_handed_over_at_ = now; }

 private:
  SteadyTime last_handed_over_at_{};
};

}  // namespace larder::peer
