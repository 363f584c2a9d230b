// What this agent can vouch for itself. Pure; any thread. Each signature costs some 30 µs.
#pragma once

#include <vector>

#include "base/runtime/clock.h"
#include "cache/record/record.h"
#include "peer/messages/attestation.h"

namespace larder::peer {

// Every byte of it came from the origin, to this agent, when it asked for this version (`name`: cache::version_name()).
// That the content is known by a version is not enough: its bytes may have come as another.
[[nodiscard]] bool self_attestable(const cache::SegmentInfo& segment, const Digest& name);
// With the transport of the last hop; of one that is not remembered the weaker is said.
[[nodiscard]] Attestation attest(const cache::Version& version, const cache::SegmentInfo& segment, const AgentKey& key,
                                 const Digest& group, WallTime now);
// Of all that can be attested.
[[nodiscard]] std::vector<Attestation> attest_own(const cache::Version& version,
                                                  const std::vector<cache::SegmentInfo>& segments, const AgentKey& key,
                                                  const Digest& group, WallTime now);
// All that was kept with the segment and speaks of this version, whatever root it names.
[[nodiscard]] std::vector<Attestation> said_of(const Digest& version, const cache::SegmentInfo& segment);
// Bytes of peers and of the origin are in this segment, and its root is none of those that were attested for it. The
// bytes of peers were checked block by block: so the origin's are others than who attested it has told.
[[nodiscard]] bool contradicted(const Digest& version, const cache::SegmentInfo& segment);
// What is kept with the segment, encoded, with `more` before it; at most kMaxAttestations, the oldest go.
[[nodiscard]] std::vector<std::byte> add_attestations(const std::vector<Attestation>& more,
                                                      const cache::SegmentInfo& segment);
// What was kept with the segments and speaks of this version; what cannot be read is left out.
[[nodiscard]] std::vector<Attestation> kept_attestations(const Digest& version, const cache::SegmentInfo& segment);

}  // namespace larder::peer
