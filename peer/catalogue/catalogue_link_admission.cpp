#include "peer/catalogue/catalogue_link_admission.h"

#include <algorithm>

namespace larder::peer {

std::size_t LinkAdmission::count(const Matches& matches) const {
  return static_cast<std::size_t>(
      std::count_if(entries_.begin(), entries_.end(), [&](const auto& entry) { return matches(entry.second); }));
}

std::size_t LinkAdmission::handshakes() const {
  return count([](const Entry& entry) { return entry.phase == Phase::handshake; });
}

std::optional<LinkId> LinkAdmission::oldest(const Matches& matches) const {
  std::optional<LinkId> found;
  std::uint64_t since = 0;
  for (const auto& [id, entry] : entries_) {
    if (!matches(entry) || (found && entry.since >= since)) continue;
    found = id;
    since = entry.since;
  }
  return found;
}

std::optional<LinkId> LinkAdmission::oldest_handshake() const {
  const auto stranger =
      oldest([this](const Entry& entry) { return entry.phase == Phase::handshake && known_.count(entry.from) == 0; });
  if (stranger) return stranger;
  return oldest([](const Entry& entry) { return entry.phase == Phase::handshake; });
}

bool LinkAdmission::cut(Entries& entries, std::optional<LinkId> victim, Decision& decision) {
  if (!victim) return false;
  entries.erase(*victim);
  decision.cut.push_back(*victim);
  return true;
}

bool LinkAdmission::make_room_for_handshake(const Address& from, Decision& decision) {
  const auto mine = [&from](const Entry& entry) { return entry.phase == Phase::handshake && entry.from == from; };
  if (count(mine) >= std::max<std::size_t>(1, limits_.handshakes / 4)) return cut(entries_, oldest(mine), decision);
  if (handshakes() >= limits_.handshakes) return cut(entries_, oldest_handshake(), decision);
  return true;
}

bool LinkAdmission::make_room(const Address& from, Decision& decision) {
  const auto mine = [&from](Phase phase) {
    return [&from, phase](const Entry& entry) { return entry.phase == phase && entry.from == from; };
  };
  const auto idle = [](const Entry& entry) { return entry.phase == Phase::idle; };
  const auto from_there = [&from](const Entry& entry) { return entry.from == from; };
  if (count(from_there) >= limits_.per_address && !cut(entries_, oldest(mine(Phase::handshake)), decision) &&
      !cut(entries_, oldest(mine(Phase::idle)), decision)) {
    return false;
  }
  return entries_.size() < limits_.connections || cut(entries_, oldest_handshake(), decision) ||
         cut(entries_, oldest(idle), decision);
}

LinkAdmission::Decision LinkAdmission::on_arrived(LinkId id, const Endpoint& from, SteadyTime now) {
  Decision decision;
  const auto failures = failures_.find(from.address);
  if (failures != failures_.end() && now < failures->second.turned_away_until) return decision;
  if (!make_room_for_handshake(from.address, decision) || !make_room(from.address, decision)) return decision;
  entries_[id] = Entry{from.address, Phase::handshake, ++order_};
  decision.accepted = true;
  return decision;
}

void LinkAdmission::is_member(LinkId id) {
  const auto found = entries_.find(id);
  if (found == entries_.end()) return;
  found->second.phase = Phase::busy;
  found->second.since = ++order_;
  known_[found->second.from] = order_;
  if (known_.size() <= kMaxAddresses) return;
  known_.erase(std::min_element(known_.begin(), known_.end(),
                                [](const auto& one, const auto& other) { return one.second < other.second; }));
}

void LinkAdmission::set_idle(LinkId id, bool idle) {
  const auto found = entries_.find(id);
  if (found == entries_.end() || found->second.phase == Phase::handshake) return;
  found->second.phase = idle ? Phase::idle : Phase::busy;
  found->second.since = ++order_;
}

void LinkAdmission::on_gone(LinkId id) {
  entries_.erase(id);
}

void LinkAdmission::on_failed(const Endpoint& from, SteadyTime now) {
  // An attacker with more addresses than this is not slowed by remembering them.
  if (failures_.size() >= kMaxAddresses && failures_.count(from.address) == 0) failures_.clear();
  Failures& failures = failures_[from.address];
  if (!failures.allowed.take_token(now)) failures.turned_away_until = now + kTurnedAway;
}

}  // namespace larder::peer
