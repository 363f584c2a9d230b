#include "peer/block_queue.h"

#include <algorithm>
#include <utility>

namespace larder::peer {

bool BlockQueue::continues(std::uint64_t offset, Bytes block, const AgentId& from) const {
  if (runs_.empty()) return false;
  const Run& last = runs_.back();
  return last.from == from && last.offset + last.bytes.size() == offset &&
         last.bytes.capacity() - last.bytes.size() >= block.size();
}

bool BlockQueue::append(std::uint64_t offset, Bytes block, const AgentId& from) {
  const std::lock_guard lock(mutex_);
  const bool was_empty = runs_.empty();
  if (!continues(offset, block, from)) {
    const bool filled = !was_empty && runs_.back().bytes.size() == runs_.back().bytes.capacity();
    next_capacity_ = filled ? std::min(kMaxRun, next_capacity_ * 2) : kMinRun;
    runs_.push_back({offset, Buffer(std::max(next_capacity_, block.size())), from});
  }
  runs_.back().bytes.append(block);
  return was_empty;
}

std::vector<BlockQueue::Run> BlockQueue::take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(runs_, {});
}

}  // namespace larder::peer
