#include "peer/claim_record.h"

#include <algorithm>

namespace larder::peer {

void ClaimRecord::broke(const AgentId& agent, SteadyTime now) {
  auto at = broken_.find(agent);
  if (at == broken_.end()) {
    // Full: who broke something longest ago makes room, so that a flood of names cannot keep new liars out.
    if (broken_.size() >= kMaxAgents) {
      broken_.erase(std::min_element(broken_.begin(), broken_.end(), [](const auto& left, const auto& right) {
        return left.second.last < right.second.last;
      }));
    }
    at = broken_.emplace(agent, Broken{}).first;
  }
  Broken& record = at->second;
  if (record.strikes > 0 && now - record.last > kForgive) record.strikes = 0;
  record.strikes = std::min(record.strikes + 1, 32U);
  record.last = now;
  if (record.strikes < kStrikes) return;
  Duration rest = kFirstRest;
  for (unsigned i = kStrikes; i < record.strikes && rest < kLongestRest; ++i) rest *= 2;
  record.until = now + std::min(rest, kLongestRest);
}

void ClaimRecord::kept(const AgentId& agent) {
  broken_.erase(agent);
}

bool ClaimRecord::waits_for(const AgentId& agent, SteadyTime now) const {
  const auto at = broken_.find(agent);
  return at == broken_.end() || at->second.until <= now;
}

}  // namespace larder::peer
