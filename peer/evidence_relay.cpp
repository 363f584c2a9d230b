#include "peer/evidence_relay.h"

#include <algorithm>

namespace larder::peer {

void EvidenceRelay::tell(std::vector<std::byte> bytes, SteadyTime now) {
  remember(blake2b256(bytes));
  if (telling_.size() >= kMaxTelling) telling_.pop_front();
  telling_.push_back({std::move(bytes), kTimes, now});
}

std::vector<std::vector<std::byte>> EvidenceRelay::due(SteadyTime now) {
  std::vector<std::vector<std::byte>> out;
  for (Telling& each : telling_) {
    if (each.at > now) continue;
    out.push_back(each.bytes);
    --each.left;
    each.at = now + kApart + std::chrono::duration_cast<Duration>(kApart * random_.unit());
  }
  std::erase_if(telling_, [](const Telling& each) { return each.left == 0; });
  return out;
}

SteadyTime EvidenceRelay::next_wakeup() const {
  SteadyTime next = SteadyTime::max();
  for (const Telling& each : telling_) next = std::min(next, each.at);
  return next;
}

bool EvidenceRelay::hear(const AgentId& sender, const std::vector<std::byte>& bytes, SteadyTime now) {
  const Digest digest = blake2b256(bytes);
  if (heard_.contains(digest)) return false;
  if (!senders_.contains(sender) && senders_.size() >= kMaxSenders) senders_.clear();  // the bound of all still holds
  if (!senders_.try_emplace(sender, 20, 40).first->second.take(now) || !all_.take(now)) return false;
  return remember(digest);
}

bool EvidenceRelay::remember(const Digest& digest) {
  if (!heard_.insert(digest).second) return false;
  heard_order_.push_back(digest);
  if (heard_order_.size() > kMaxHeard) {
    heard_.erase(heard_order_.front());
    heard_order_.pop_front();
  }
  return true;
}

}  // namespace larder::peer
