#include "peer/swarm/block_queue.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace larder::peer {

BlockQueue::Span* BlockQueue::continued(std::uint64_t offset, Bytes block, const AgentId& from) {
  const std::size_t open = std::min(spans_.size(), kOpenSpans);
  const auto span =
      std::find_if(spans_.rbegin(), spans_.rbegin() + static_cast<std::ptrdiff_t>(open), [&](const Span& one) {
        return one.from == from && one.offset + one.bytes.size() == offset &&
               one.bytes.capacity() - one.bytes.size() >= block.size();
      });
  return span == spans_.rbegin() + static_cast<std::ptrdiff_t>(open) ? nullptr : &*span;
}

void BlockQueue::append(std::uint64_t offset, Bytes block, const AgentId& from) {
  const std::lock_guard lock(mutex_);
  Span* span = continued(offset, block, from);
  if (span == nullptr) {
    const bool filled = !spans_.empty() && spans_.back().bytes.size() == spans_.back().bytes.capacity();
    if (filled) next_capacity_ = std::min(kMaxSpan, next_capacity_ * 2);
    spans_.push_back({offset, Buffer(std::max(next_capacity_, block.size())), from});
    span = &spans_.back();
  }
  span->bytes.append(block);
}

std::vector<BlockQueue::Span> BlockQueue::take_spans() {
  const std::lock_guard lock(mutex_);
  std::size_t fitting = 0;
  for (const Span& span : spans_) {
    const bool filled = span.bytes.size() == span.bytes.capacity();  // a larger buffer might have held more
    fitting = std::max(fitting, std::bit_ceil(span.bytes.size()) * (filled ? 2 : 1));
  }
  if (fitting > 0) next_capacity_ = std::clamp(fitting, kMinSpan, kMaxSpan);
  return std::exchange(spans_, {});
}

}  // namespace larder::peer
