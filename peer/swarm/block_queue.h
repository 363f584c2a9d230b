// A queue of proven blocks from the network thread to the loop. Consecutive blocks form spans, so a busy loop gets
// longer spans. Thread-safe. The appending torrent bounds the bytes in the queue (swarm_window.h).
#pragma once

#include <cstdint>
#include <mutex>
#include <vector>

#include "base/hash/buffer.h"
#include "peer/group/keys.h"

namespace larder::peer {

class BlockQueue {
 public:
  struct Span {
    std::uint64_t offset = 0;
    Buffer bytes;
    AgentId from{};
  };

  void append(std::uint64_t offset, Bytes block, const AgentId& from);
  [[nodiscard]] std::vector<Span> take_spans();

 private:
  static constexpr std::size_t kMinSpan = 16 * 1024;
  static constexpr std::size_t kMaxSpan = 256 * 1024;

  // Blocks of several peers are interleaved: a block may continue one of so many last spans.
  static constexpr std::size_t kOpenSpans = 16;

  [[nodiscard]] Span* continued(std::uint64_t offset, Bytes block, const AgentId& from);

  std::mutex mutex_;
  std::vector<Span> spans_;
  std::size_t next_capacity_ = kMinSpan;  // follows recent span lengths, so that single blocks hold no large buffers
};

}  // namespace larder::peer
