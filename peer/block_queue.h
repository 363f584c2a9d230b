// Proven blocks on their way from the network thread to the loop, gathered into runs: a busy loop gets longer ones.
// Thread-safe. How much may lie here is bounded by who appends (swarm_window.h).
#pragma once

#include <cstdint>
#include <mutex>
#include <vector>

#include "base/buffer.h"
#include "peer/keys.h"

namespace larder::peer {

class BlockQueue {
 public:
  struct Run {
    std::uint64_t offset = 0;
    Buffer bytes;
    AgentId from{};
  };

  // True when nothing lay here before: the taker has to be told.
  [[nodiscard]] bool append(std::uint64_t offset, Bytes block, const AgentId& from);
  [[nodiscard]] std::vector<Run> take();

 private:
  static constexpr std::size_t kMinRun = 16 * 1024;
  static constexpr std::size_t kMaxRun = 256 * 1024;

  [[nodiscard]] bool continues(std::uint64_t offset, Bytes block, const AgentId& from) const;

  std::mutex mutex_;
  std::vector<Run> runs_;
  std::size_t next_capacity_ = kMinRun;  // doubles while runs fill, so that lone blocks hold no large buffers
};

}  // namespace larder::peer
