#include "peer/swarm/block_queue.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace larder::peer {

BlockQueue::Run* BlockQueue::continued(std::uint64_t offset, Bytes block, const AgentId& from) {
  const std::size_t open = std::min(runs_.size(), kOpenRuns);
  const auto run =
      std::find_if(runs_.rbegin(), runs_.rbegin() + static_cast<std::ptrdiff_t>(open), [&](const Run& one) {
        return one.from == from && one.offset + one.bytes.size() == offset &&
               one.bytes.capacity() - one.bytes.size() >= block.size();
      });
  return run == runs_.rbegin() + static_cast<std::ptrdiff_t>(open) ? nullptr : &*run;
}

void BlockQueue::append(std::uint64_t offset, Bytes block, const AgentId& from) {
  const std::lock_guard lock(mutex_);
  Run* run = continued(offset, block, from);
  if (run == nullptr) {
    const bool filled = !runs_.empty() && runs_.back().bytes.size() == runs_.back().bytes.capacity();
    if (filled) next_capacity_ = std::min(kMaxRun, next_capacity_ * 2);
    runs_.push_back({offset, Buffer(std::max(next_capacity_, block.size())), from});
    run = &runs_.back();
  }
  run->bytes.append(block);
}

std::vector<BlockQueue::Run> BlockQueue::take() {
  const std::lock_guard lock(mutex_);
  std::size_t fitting = 0;
  for (const Run& run : runs_) {
    const bool filled = run.bytes.size() == run.bytes.capacity();  // a larger buffer might have held more
    fitting = std::max(fitting, std::bit_ceil(run.bytes.size()) * (filled ? 2 : 1));
  }
  if (fitting > 0) next_capacity_ = std::clamp(fitting, kMinRun, kMaxRun);
  return std::exchange(runs_, {});
}

}  // namespace larder::peer
