// Evidence: two attestations of one segment of one version with different roots, by two agents. It proves that the two
// got different bytes; it does not prove that one of them lied. Plain values; pure except for the signatures; any
// thread.
#pragma once

#include <cstddef>
#include <vector>

#include "base/hash/digest.h"
#include "base/result.h"
#include "peer/messages/attestation.h"

namespace larder::peer {

// The choice of the accused is the sender's opinion: any agent can send the same two statements the other way round.
// Nothing may depend on it.
struct Evidence {
  Attestation accused;
  Attestation accuser;
  friend bool operator==(const Evidence&, const Evidence&) = default;
};
inline constexpr std::size_t kEvidenceSize = 2 * kAttestationSize;               // bytes, encoded
[[nodiscard]] std::vector<std::byte> encode_evidence(const Evidence& evidence);  // fits a datagram
[[nodiscard]] Result<Evidence> decode_evidence(Bytes bytes);
// Checks that both signatures hold, and that the statements have the same version, size and segment, but different
// roots and agents. Error: bad_response.
[[nodiscard]] Status check_evidence(const Evidence& evidence, const Digest& group);

[[nodiscard]] bool same_segment(const Attestation& a, const Attestation& b);

}  // namespace larder::peer
