// A queue of proven blocks from the network thread to the loop. Consecutive blocks form runs, so a busy loop gets
// longer runs. Thread-safe. The appending window bounds the bytes in the queue (swarm_window.h).
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

  // Blocks of several peers are interleaved: a block may continue one of so many last runs.
  static constexpr std::size_t kOpenRuns = 16;

  [[nodiscard]] Run* continued(std::uint64_t offset, Bytes block, const AgentId& from);

  std::mutex mutex_;
  std::vector<Run> runs_;
  std::size_t next_capacity_ = kMinRun;  // follows recent run lengths, so that single blocks hold no large buffers
};

}  // namespace larder::peer
