// Agents that attest, for tests of whom to believe.
#pragma once

#include <string_view>

#include "peer/messages/attestation.h"

namespace larder::peer {

class Witness {
 public:
  Witness(std::uint8_t seed, const Digest& group) : key_(key_of(seed)), group_(group) {}
  [[nodiscard]] const AgentId& id() const { return key_.id(); }
  // "Segment `segment` of this version has the root that `root` stands for."
  [[nodiscard]] Attestation says(const cache::Version& version, std::uint64_t segment, std::string_view root,
                                 std::uint64_t at_s = 1'790'000'000, Transport transport = Transport::https) const {
    Attestation attestation;
    attestation.version = version_digest(version);
    attestation.size = version.size.value_or(0);
    attestation.segment = segment;
    attestation.root = sha256(as_bytes(root));
    attestation.transport = transport;
    attestation.at_s = at_s;
    sign(attestation, key_, group_);
    return attestation;
  }

 private:
  static AgentKey key_of(std::uint8_t seed) {
    SecretSeed bytes;
    bytes.fill(std::byte{seed});
    return AgentKey::from_seed(bytes);
  }
  AgentKey key_;
  Digest group_;
};

}  // namespace larder::peer
