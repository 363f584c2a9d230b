#include "peer/trust/condemned_versions.h"

#include <algorithm>

namespace larder::peer {
namespace {

bool in_force(const Condemned& condemned, WallTime now) {
  const Duration longest = condemned.own_two_roots ? CondemnedVersions::kForOwn : CondemnedVersions::kFor;
  return now < condemned.until && condemned.until - now <= longest;
}

bool take_out(Condemned& condemned, const AgentId& agent) {
  bool any = false;
  for (AgentId* party : {&condemned.one, &condemned.other}) {
    if (*party != agent) continue;
    *party = {};
    any = true;
  }
  return any;
}

}  // namespace

const Condemned* CondemnedVersions::find_condemned(const Digest& version, WallTime now) const {
  const auto found = versions_.find(version);
  return found != versions_.end() && in_force(found->second, now) ? &found->second : nullptr;
}

bool CondemnedVersions::has(const Digest& version, WallTime now) const {
  return find_condemned(version, now) != nullptr;
}

bool CondemnedVersions::own_two_roots(const Digest& version, WallTime now) const {
  const Condemned* known = find_condemned(version, now);
  return known != nullptr && known->own_two_roots;
}

CondemnedVersions::Change CondemnedVersions::put(const Condemned& condemned, WallTime now) {
  Change change{condemned, find_condemned(condemned.version, now) == nullptr, std::nullopt};
  if (!versions_.contains(condemned.version) && versions_.size() >= kMax) {
    // Versions condemned by own fetches stay longest: members cannot push them out by condemning other versions.
    const auto gone = std::min_element(versions_.begin(), versions_.end(), [](const auto& a, const auto& b) {
      return std::pair(a.second.own_two_roots, a.second.since) < std::pair(b.second.own_two_roots, b.second.since);
    });
    change.gone = gone->first;
    versions_.erase(gone);
  }
  versions_[condemned.version] = condemned;
  return change;
}

CondemnedVersions::Change CondemnedVersions::condemn(const Digest& version, const AgentId& one, const AgentId& other,
                                                     WallTime now) {
  if (const Condemned* known = find_condemned(version, now)) return {*known, false, std::nullopt};
  return put({version, now, now + kFor, one, other, false}, now);
}

CondemnedVersions::Change CondemnedVersions::condemn_own(const Digest& version, WallTime now) {
  return put({version, now, now + kForOwn, {}, {}, true}, now);
}

std::optional<Condemned> CondemnedVersions::clear(const Digest& version, const AgentId& agent) {
  const auto found = versions_.find(version);
  if (found == versions_.end() || !take_out(found->second, agent)) return std::nullopt;
  return found->second;
}

std::size_t CondemnedVersions::by(const AgentId& agent, WallTime now) const {
  return static_cast<std::size_t>(std::count_if(versions_.begin(), versions_.end(), [&](const auto& item) {
    const Condemned& one = item.second;
    return (one.one == agent || one.other == agent) && one.since <= now && now - one.since < kCounted;
  }));
}

std::vector<Condemned> CondemnedVersions::pardon(const AgentId& agent) {
  std::vector<Condemned> changed;
  for (auto& [version, condemned] : versions_) {
    if (take_out(condemned, agent)) changed.push_back(condemned);
  }
  return changed;
}

void CondemnedVersions::restore(const Condemned& condemned, WallTime now) {
  if (in_force(condemned, now) && versions_.size() < kMax) versions_.emplace(condemned.version, condemned);
}

std::vector<Digest> CondemnedVersions::tidy(WallTime now) {
  std::vector<Digest> over;
  std::erase_if(versions_, [&](const auto& item) {
    const bool gone = !in_force(item.second, now);
    if (gone) over.push_back(item.first);
    return gone;
  });
  return over;
}

}  // namespace larder::peer
