#include "peer/trust/attesters.h"

#include <algorithm>
#include <functional>
#include <map>
#include <utility>

#include "base/io/log.h"

namespace larder::peer {

std::vector<AgentId> attesters_of(const std::vector<ManifestSegment>& segments) {
  std::map<AgentId, std::size_t> counts;
  for (const ManifestSegment& segment : segments) {
    // An attestation begins with its agent's id (docs/formats/attestation.md); nothing else of it is read.
    const Bytes bytes = segment.attestations;
    for (std::size_t at = 0; at + kAttestationSize <= bytes.size(); at += kAttestationSize) {
      AgentId agent{};
      std::ranges::copy(bytes.subspan(at, agent.size()), agent.begin());
      ++counts[agent];
    }
  }
  std::vector<std::pair<std::size_t, AgentId>> ranked;
  ranked.reserve(counts.size());
  for (const auto& [agent, count] : counts) ranked.emplace_back(count, agent);
  std::ranges::sort(ranked, std::greater());
  std::vector<AgentId> out;
  for (const auto& [count, agent] : ranked) {
    if (out.size() >= kMaxManifestCertificates) break;
    out.push_back(agent);
  }
  return out;
}

std::vector<AttesterCertificate> certificates_of(const std::vector<AgentId>& agents, MemberBook& members,
                                                 WallTime now) {
  std::vector<AttesterCertificate> out;
  for (const AgentId& agent : agents) {
    const auto* certificate = members.certificate(agent, now);
    if (certificate != nullptr && certificate->size() <= kMaxManifestCertificate) out.push_back({agent, *certificate});
  }
  return out;
}

void take_certificates(const std::vector<AttesterCertificate>& offered, MemberBook& members, WallTime now) {
  std::size_t bad = 0;
  for (const AttesterCertificate& one : offered) {
    if (members.is_known(one.agent, now)) continue;
    const Status taken = members.remember(one.agent, one.certificate, now);
    if (taken) continue;
    log::debug("certificate of an attester is not taken agent={} error=\"{}\"", agent_name(one.agent),
               taken.error().text());
    if (++bad >= kMaxBadCertificates) return;
  }
}

}  // namespace larder::peer
