#include "peer/crowd/claim_record.h"

#include <algorithm>

namespace larder::peer {

void ClaimRecord::broke(const AgentId& agent, SteadyTime now) {
  auto at = broken_.find(agent);
  if (at == broken_.end()) {
    // Full: the agent whose last broken claim is oldest makes room, so that a flood of names cannot keep new ones out.
    if (broken_.size() >= kMaxAgents) {
      broken_.erase(std::min_element(broken_.begin(), broken_.end(), [](const auto& left, const auto& right) {
        return left.second.last < right.second.last;
      }));
    }
    at = broken_.emplace(agent, Broken{}).first;
  }
  Broken& record = at->second;
  if (now - record.last > kForgive) record = Broken{};
  record.score += kStrike;
  record.last = now;
  if (record.score < kTooMany) return;
  Duration rest = kFirstRest;
  for (unsigned i = 0; i < record.rests && rest < kLongestRest; ++i) rest *= 2;
  record.until = now + std::min(rest, kLongestRest);
  record.score = kTooMany - kStrike;  // after the rest, one broken claim is enough for the next
  ++record.rests;
}

void ClaimRecord::revived(const AgentId& agent, SteadyTime now) {
  const auto at = broken_.find(agent);
  if (at != broken_.end() && at->second.rests == 0) {
    at->second.score -= kStrike;
    if (at->second.score <= 0) broken_.erase(at);
  }
  stretch_ = std::min(stretch(now) * 2, kMostStretch);
  stretched_ = now;
}

void ClaimRecord::kept(const AgentId& agent) {
  const auto at = broken_.find(agent);
  if (at == broken_.end()) return;
  at->second.score -= 1;
  if (at->second.score <= 0 && at->second.rests == 0) broken_.erase(at);
}

bool ClaimRecord::waits_for(const AgentId& agent, SteadyTime now) const {
  const auto at = broken_.find(agent);
  return at == broken_.end() || at->second.until <= now;
}

bool ClaimRecord::may_try(SteadyTime now) {
  if (tried_ != SteadyTime{} && now - tried_ < kTryEvery) return false;
  tried_ = now;
  return true;
}

unsigned ClaimRecord::stretch(SteadyTime now) const {
  return now - stretched_ > kStretchFor ? 1 : stretch_;
}

}  // namespace larder::peer
