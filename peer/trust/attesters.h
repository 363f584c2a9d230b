// The certificates that travel with attestations: which of them a manifest hands over, and what its receiver takes
// over. Loop thread; checking a chain costs some 0.2 ms, so what a member can make this agent check is bounded.
#pragma once

#include <vector>

#include "base/runtime/clock.h"
#include "peer/group/member_book.h"
#include "peer/messages/catalogue_wire.h"

namespace larder::peer {

// Beyond so many that are none of the group's the rest of a manifest's certificates is not looked at.
inline constexpr std::size_t kMaxBadCertificates = 8;

// Who attests these segments, whoever attests most of them first; at most kMaxManifestCertificates. Any thread.
[[nodiscard]] std::vector<AgentId> attesters_of(const std::vector<ManifestSegment>& segments);
// Their certificates, of those who are known.
[[nodiscard]] std::vector<AttesterCertificate> certificates_of(const std::vector<AgentId>& agents, MemberBook& members,
                                                               WallTime now);
// Remembers whom the book does not know yet. What is no certificate of the group is left out.
void take_certificates(const std::vector<AttesterCertificate>& offered, MemberBook& members, WallTime now);

}  // namespace larder::peer
