// Attestations (docs/design.md, Trust): "I fetched segment i of this version from the origin myself, and its root is
// r", signed by the agent that did. A root is believed because of them, whoever carries the bytes. Plain values; pure;
// any thread.
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
  AgentId agent{};            // who fetched it
  Digest version{};           // version_digest()
  std::uint64_t size = 0;     // of the whole content, bytes
  std::uint64_t segment = 0;  // index
  Digest root{};              // of the segment
  Transport transport = Transport::http;
  std::uint64_t at_s = 0;  // seconds since 1970
  Signature signature{};   // by `agent` over the fields above and the group's digest
  friend bool operator==(const Attestation&, const Attestation&) = default;
};

// Of attestations kept or sent for one segment.
inline constexpr std::size_t kMaxAttestations = 8;
inline constexpr std::size_t kAttestationSize = 185;  // bytes of one, encoded

// Names a version in what is signed. Unlike a version key it outlives the group key; it is shown to members only.
[[nodiscard]] Digest version_digest(const cache::Version& version);
// What binds signatures to one group.
[[nodiscard]] Digest group_digest(const std::string& authority_pem);

// Fills in agent and signature.
void sign(Attestation& attestation, const AgentKey& key, const Digest& group);
[[nodiscard]] bool check(const Attestation& attestation, const Digest& group);

// Exactly kAttestationSize bytes; the signature is not checked.
[[nodiscard]] std::vector<std::byte> encode_attestation(const Attestation& attestation);
[[nodiscard]] Result<Attestation> decode_attestation(Bytes bytes);
[[nodiscard]] std::vector<std::byte> encode_attestations(const std::vector<Attestation>& attestations);
// None is valid too. bad_response for anything but a whole number of them, at most kMaxAttestations.
[[nodiscard]] Result<std::vector<Attestation>> decode_attestations(Bytes bytes);

}  // namespace larder::peer
