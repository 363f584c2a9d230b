// The certificates that are sent with attestations: a manifest's sender chooses them, and its receiver checks and keeps
// them. Loop thread except where stated. Checking a chain costs some 0.2 ms, so the number of checks is bounded.
#pragma once

#include <vector>

#include "base/runtime/clock.h"
#include "peer/group/member_book.h"
#include "peer/messages/catalogue_wire.h"

namespace larder::peer {

// After so many certificates that are not of the group, the rest of a manifest's certificates is ignored.
inline constexpr std::size_t kMaxBadCertificates = 8;

// Returns the agents that attest these segments, those that attest most of them first; at most
// kMaxManifestCertificates. Any thread.
[[nodiscard]] std::vector<AgentId> attesters_of(const std::vector<ManifestSegment>& segments);
// Returns the certificates of those agents that are known.
[[nodiscard]] std::vector<AttesterCertificate> certificates_of(const std::vector<AgentId>& agents, MemberBook& members,
                                                               WallTime now);
// Adds agents that the book does not know yet. Certificates that are not of the group are left out.
void take_certificates(const std::vector<AttesterCertificate>& offered, MemberBook& members, WallTime now);

}  // namespace larder::peer
