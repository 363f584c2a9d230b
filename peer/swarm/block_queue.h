// Proven blocks on their way from the network thread to the loop, gathered into runs: a busy loop gets longer ones.
// Thread-safe. How much may lie here is bounded by who appends (swarm_window.h).
#pragma once

#include <cstdint>
#include <mutex>
#include <vector>

#include "base/hash/buffer.h"
#include "peer/group/keys.h"

namespace larder::peer {

class BlockQueue {
 public:
  struct Run {
    std::uint64_t offset = 0;
    Buffer bytes;
    AgentId from{};
  };

  void append(std::uint64_t offset, Bytes block, const AgentId& from);
  [[nodiscard]] std::vector<Run> take();

 private:
  static constexpr std::size_t kMinRun = 16 * 1024;
  static constexpr std::size_t kMaxRun = 256 * 1024;

  // Several senders take turns: so many of the last runs may be the one that a block continues.
  static constexpr std::size_t kOpenRuns = 16;

  [[nodiscard]] Run* continued(std::uint64_t offset, Bytes block, const AgentId& from);

  std::mutex mutex_;
  std::vector<Run> runs_;
  std::size_t next_capacity_ = kMinRun;  // follows the longest of late, so that lone blocks hold no large buffers
};

}  // namespace larder::peer
