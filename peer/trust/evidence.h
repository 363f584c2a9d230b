// Evidence: two attestations of one segment of one version with different roots, by two agents. It proves that the two
// got different bytes; it does not prove that one of them lied. Plain values; pure but for the signatures; any thread.
#pragma once

#include <cstddef>
#include <vector>

#include "base/hash/digest.h"
#include "base/result.h"
#include "peer/messages/attestation.h"

namespace larder::peer {

// Which of the two is the accused is the teller's opinion: the same two statements can be told the other way round by
// anybody. Nothing may depend on it.
struct Evidence {
  Attestation accused;
  Attestation accuser;
  friend bool operator==(const Evidence&, const Evidence&) = default;
};
inline constexpr std::size_t kEvidenceSize = 2 * kAttestationSize;               // bytes, encoded
[[nodiscard]] std::vector<std::byte> encode_evidence(const Evidence& evidence);  // fits a datagram
[[nodiscard]] Result<Evidence> decode_evidence(Bytes bytes);
// Both signatures hold, same version, size and segment, different roots, different agents.
[[nodiscard]] Status check_evidence(const Evidence& evidence, const Digest& group);

[[nodiscard]] bool same_segment(const Attestation& a, const Attestation& b);

}  // namespace larder::peer
