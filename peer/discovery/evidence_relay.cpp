#include "peer/discovery/evidence_relay.h"

#include <algorithm>

namespace larder::peer {
namespace {

Digest digest_of(const EvidenceMessage& evidence) {
  std::vector<std::byte> all = evidence.bytes;
  all.insert(all.end(), evidence.certificate.begin(), evidence.certificate.end());
  return blake2b256(all);
}

}  // namespace

void EvidenceRelay::send_evidence(EvidenceMessage evidence, SteadyTime now) {
  remember(digest_of(evidence));
  if (telling_.size() >= kMaxTelling) telling_.pop_front();
  telling_.push_back({std::move(evidence), kTimes, now});
}

std::vector<EvidenceMessage> EvidenceRelay::due(SteadyTime now) {
  std::vector<EvidenceMessage> out;
  for (Telling& each : telling_) {
    if (each.at > now) continue;
    out.push_back(each.evidence);
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

bool EvidenceRelay::on_evidence(const AgentId& sender, const EvidenceMessage& evidence, SteadyTime now) {
  const Digest digest = digest_of(evidence);
  if (heard_.contains(digest)) return false;
  if (!senders_.contains(sender) && senders_.size() >= kMaxSenders) senders_.clear();  // all_ still bounds the rate
  if (!senders_.try_emplace(sender, 20, 40).first->second.take_token(now) || !all_.take_token(now)) return false;
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
