#include "peer/discovery/twin_watch.h"

#include <algorithm>

namespace larder::peer {

TwinWatch::Place* TwinWatch::place(const Endpoint& catalogue, SteadyTime now) {
  std::erase_if(places_, [now](const auto& item) { return now - item.second.heard >= kForget; });
  if (!places_.contains(catalogue) && places_.size() >= kMaxPlaces) return nullptr;
  Place& found = places_[catalogue];
  found.twin.at = catalogue;
  found.heard = now;
  return &found;
}

bool TwinWatch::on_datagram(const TwinHeard& what, SteadyTime now) {
  Place* const found = place(what.catalogue, now);
  if (found == nullptr) return false;
  found->twin.name = what.name;
  if (what.proven) {
    found->proven = true;
    found->twin.seen = now;
    later_ = true;
    return false;
  }
  if (found->asked && now - *found->asked < kAskAgain) return false;
  found->asked = now;
  return true;
}

void TwinWatch::answered(const Endpoint& catalogue, SteadyTime now) {
  Place* const found = place(catalogue, now);
  if (found == nullptr) return;
  found->proven = true;
  found->twin.seen = now;
}

std::optional<TwinWatch::Twin> TwinWatch::twin(SteadyTime now) const {
  std::optional<Twin> out;
  for (const auto& [at, one] : places_) {
    if (!one.proven || now - one.twin.seen >= kForget) continue;
    if (!out || out->seen < one.twin.seen) out = one.twin;
  }
  return out;
}

void TwinsAround::heard_earlier(const AgentId& agent, const Endpoint& from, std::uint64_t sequence,
                                SteadyTime known_heard, SteadyTime now) {
  std::erase_if(signs_, [now](const auto& item) { return now - item.second.last >= kWithin; });
  if (!signs_.contains(agent) && signs_.size() >= kMaxAgents) return;
  Sign& sign = signs_[agent];
  if (sign.times == 0 || sign.at.address != from.address) sign = {from, now, now, sequence, 1, false};
  if (sequence > sign.sequence) {
    ++sign.times;
    sign.sequence = sequence;
  }
  sign.last = now;
  sign.both = sign.both || known_heard > sign.first;
}

std::optional<Endpoint> TwinsAround::second_place(const AgentId& agent, SteadyTime now) const {
  const auto found = signs_.find(agent);
  if (found == signs_.end()) return std::nullopt;
  const Sign& sign = found->second;
  if (sign.times < kTimes || !sign.both || now - sign.last >= kWithin) return std::nullopt;
  return sign.at;
}

}  // namespace larder::peer
