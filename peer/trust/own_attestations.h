// This agent's own attestations, and those kept with a segment. Pure; any thread. Each signature costs some 30 µs.
#pragma once

#include <vector>

#include "base/runtime/clock.h"
#include "cache/record/record.h"
#include "peer/messages/attestation.h"

namespace larder::peer {

// Returns whether this agent may attest the segment for this version (`name`: cache::version_name()): it fetched every
// byte from the origin as this version. A content may also be known under versions that its bytes were not fetched as.
[[nodiscard]] bool self_attestable(const cache::SegmentInfo& segment, const Digest& name);
// Signs an attestation. It states the transport of the last hop; plain HTTP where that was not recorded.
[[nodiscard]] Attestation attest(const cache::Version& version, const cache::SegmentInfo& segment, const AgentKey& key,
                                 const Digest& group, WallTime now);
// Attests all segments that this agent may attest.
[[nodiscard]] std::vector<Attestation> attest_own(const cache::Version& version,
                                                  const std::vector<cache::SegmentInfo>& segments, const AgentKey& key,
                                                  const Digest& group, WallTime now);
// Returns the attestations kept with the segment that are of this version, whatever root they name.
[[nodiscard]] std::vector<Attestation> said_of(const Digest& version, const cache::SegmentInfo& segment);
// Returns whether a segment with bytes of both peers and the origin has a root that none of its attestations names. The
// bytes of peers were checked block by block, so the origin's bytes differ from those that were attested.
[[nodiscard]] bool contradicted(const Digest& version, const cache::SegmentInfo& segment);
// Returns `more` followed by the attestations kept with the segment, encoded; at most kMaxAttestations, the last go.
[[nodiscard]] std::vector<std::byte> add_attestations(const std::vector<Attestation>& more,
                                                      const cache::SegmentInfo& segment);
// Returns the attestations kept with the segment that are of this version and name its root. Unreadable ones are left
// out.
[[nodiscard]] std::vector<Attestation> kept_attestations(const Digest& version, const cache::SegmentInfo& segment);

}  // namespace larder::peer
