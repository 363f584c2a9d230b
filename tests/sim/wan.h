// The line to the origin, which all hosts share: every stream gets a fair share of it, up to what its host can take
// (max-min). Streams are few, so that a change costs all of them.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "base/runtime/clock.h"

namespace larder::sim {

class Wan {
 public:
  explicit Wan(double rate) : rate_(rate) {}

  struct Stream {
    std::uint32_t task = 0;
    double size = 0;
    double got = 0;
    double limit = std::numeric_limits<double>::infinity();  // of the host's own line
    SteadyTime from{};                                       // first byte
    double rate = 0;
    bool paused = false;  // the host sleeps
  };

  void open(std::uint32_t task, double size, double limit, SteadyTime from, SteadyTime now);
  // Bytes that came of it.
  double close(std::uint32_t task, SteadyTime now);
  void pause(std::uint32_t task, bool paused, SteadyTime now);
  [[nodiscard]] const Stream* find(std::uint32_t task) const;
  void advance(SteadyTime now);
  // When a stream ends or begins to flow, as it stands.
  [[nodiscard]] std::optional<SteadyTime> next_change() const;
  [[nodiscard]] std::vector<std::uint32_t> finished() const;
  [[nodiscard]] double sent() const { return sent_; }

 private:
  void share();
  double rate_;
  double sent_ = 0;
  SteadyTime now_{};
  std::vector<Stream> streams_;
};

}  // namespace larder::sim
