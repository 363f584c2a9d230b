// Attestations (docs/design.md, Trust): "I fetched segment i of this version from the origin myself, and its root is
// r", signed by the agent that did. A root is believed because of them, whichever peer sends the bytes. Plain values;
// pure; any thread.
//
// Format byte by byte: docs/formats/attestation.md.
#pragma once

#include <cstdint>
#include <vector>

#include "base/hash/digest.h"
#include "base/result.h"
#include "cache/record/version.h"
#include "peer/group/keys.h"

namespace larder::peer {

enum class Transport : std::uint8_t { http = 0, https = 1 };

struct Attestation {
  AgentId agent{};            // the agent that fetched it
  Digest version{};           // version_digest()
  std::uint64_t size = 0;     // of the whole content, bytes
  std::uint64_t segment = 0;  // index
  Digest root{};              // of the segment
  Transport transport = Transport::http;
  std::uint64_t at_s = 0;  // seconds since 1970
  Signature signature{};   // by `agent` over the fields above and the group's digest
  friend bool operator==(const Attestation&, const Attestation&) = default;
};

// Maximum number of attestations kept or sent for one segment.
inline constexpr std::size_t kMaxAttestations = 8;
inline constexpr std::size_t kAttestationSize = 185;  // bytes of one, encoded

// Returns the name of a version in signed statements. Unlike a version key it outlives the group key; it is sent to
// members only.
[[nodiscard]] Digest version_digest(const cache::Version& version);
// Returns the digest that binds signatures to one group.
[[nodiscard]] Digest group_digest(const std::string& authority_pem);

// Fills in agent and signature.
void sign(Attestation& attestation, const AgentKey& key, const Digest& group);
[[nodiscard]] bool check(const Attestation& attestation, const Digest& group);

// Exactly kAttestationSize bytes; the signature is not checked.
[[nodiscard]] std::vector<std::byte> encode_attestation(const Attestation& attestation);
[[nodiscard]] Result<Attestation> decode_attestation(Bytes bytes);
[[nodiscard]] std::vector<std::byte> encode_attestations(const std::vector<Attestation>& attestations);
// Decodes zero to kMaxAttestations attestations. Error: bad_response for more, or for a partial one.
[[nodiscard]] Result<std::vector<Attestation>> decode_attestations(Bytes bytes);

}  // namespace larder::peer
