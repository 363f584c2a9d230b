#include "agent/api/events/event_ring.h"

#include <algorithm>

namespace larder::agent {
namespace {

std::size_t cost_of(const StoredEvent& event) {
  return sizeof(event) + event.job.size() + event.data.size() + event.brief.size();
}

}  // namespace

std::uint64_t EventRing::first_id_of_run(WallTime start) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(start.time_since_epoch()).count();
  // A run needs a million events per second to reach the ids of a later run.
  return static_cast<std::uint64_t>(std::clamp<std::int64_t>(seconds, 1, (std::int64_t{1} << 33) - 1)) << 20U;
}

void EventRing::add(StoredEvent event) {
  bytes_ += cost_of(event);
  events_.push_back(std::move(event));
  // The newest event stays even if it alone exceeds the bound: watchers have not seen it yet.
  while (events_.size() > max_events_ || (bytes_ > max_bytes_ && events_.size() > 1)) {
    bytes_ -= cost_of(events_.front());
    events_.pop_front();
    ++oldest_;
  }
}

}  // namespace larder::agent
