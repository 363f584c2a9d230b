#include "peer/crowd/crowd_memory.h"

#include <algorithm>

namespace larder::peer {
namespace {

bool worth_keeping(const CrowdEntry& entry) {
  return entry.complete || !entry.held.empty() || !entry.claims.empty();
}

}  // namespace

void CrowdMemory::on_entry(const AgentId& agent, const CrowdStamp& stamp, const CrowdEntry& entry, SteadyTime now) {
  auto at = versions_.find(entry.version_key);
  if (at == versions_.end()) {
    if (!worth_keeping(entry)) return;
    if (versions_.size() >= kMaxVersions) {
      versions_.erase(std::min_element(versions_.begin(), versions_.end(), [](const auto& left, const auto& right) {
        return left.second.last < right.second.last;
      }));
    }
    at = versions_.emplace(entry.version_key, Version{}).first;
  }
  Version& version = at->second;
  version.last = now;
  const auto known = std::find_if(version.heard.begin(), version.heard.end(),
                                  [&agent](const Heard& heard) { return heard.agent == agent; });
  if (known != version.heard.end()) {
    if (stamp <= known->stamp) return;
    version.heard.erase(known);
  }
  if (!worth_keeping(entry)) return;
  // Of each agent only the last entry is kept. The other windows of a large bitmap come with its next entries.
  if (version.heard.size() >= kMaxAgents) version.heard.pop_front();
  version.heard.push_back({agent, stamp, entry, now});
}

void CrowdMemory::on_agent_gone(const AgentId& agent) {
  for (auto& [key, version] : versions_) {
    std::erase_if(version.heard, [&agent](const Heard& heard) { return heard.agent == agent; });
  }
}

std::vector<CrowdMemory::Heard> CrowdMemory::take_entries(const Digest& version, SteadyTime now) {
  const auto at = versions_.find(version);
  if (at == versions_.end()) return {};
  std::vector<Heard> fresh;
  for (Heard& heard : at->second.heard) {
    if (now - heard.at <= kFor) fresh.push_back(std::move(heard));
  }
  versions_.erase(at);
  return fresh;
}

}  // namespace larder::peer
