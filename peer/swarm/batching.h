// When what lies ready is handed from one thread to another. Each hand-over wakes a thread, which costs more than the
// block of 16 KiB that it is about: many go together, unless somebody waits for this one. Pure.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/runtime/clock.h"
#include "base/text/units.h"

namespace larder::peer {

// Nothing waits longer than this for company; also what asks for the next look.
inline constexpr Duration kBatchPause = std::chrono::milliseconds(2);

// Blocks that arrived, on their way to the loop: told when they are enough, or when nothing more is to come.
class ArrivalBatch {
 public:
  static constexpr std::uint64_t kEnough = 256 * kKiB;

  void wanted(std::uint64_t blocks) { missing_ += blocks; }
  void unwanted(std::uint64_t blocks) { missing_ -= std::min(missing_, blocks); }
  // Whether to tell now.
  [[nodiscard]] bool arrived(std::uint64_t bytes, bool wanted) {
    untold_ += bytes;
    if (wanted) unwanted(1);
    return untold_ >= kEnough || missing_ == 0;
  }
  void told() { untold_ = 0; }
  [[nodiscard]] bool waits() const { return untold_ > 0; }

 private:
  std::uint64_t missing_ = 0;  // blocks that are wanted and did not arrive
  std::uint64_t untold_ = 0;
};

// Reads on their way to the threads that do them: the first after a pause goes at once.
class ReadBatch {
 public:
  static constexpr std::size_t kEnough = 16;

  [[nodiscard]] bool due(std::size_t waiting, SteadyTime now) const {
    return waiting >= kEnough || (waiting > 0 && now - last_ >= kBatchPause);
  }
  void gone(SteadyTime now) { last_ = now; }

 private:
  SteadyTime last_{};
};

}  // namespace larder::peer
