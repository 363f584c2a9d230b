#include "peer/trust/own_attestations.h"

#include <algorithm>

namespace larder::peer {

bool self_attestable(const cache::SegmentInfo& segment, const Digest& name) {
  return segment.source == cache::Source::origin && segment.peer_bytes == 0 && segment.fetched_as == name;
}

Attestation attest(const cache::Version& version, const cache::SegmentInfo& segment, const AgentKey& key,
                   const Digest& group, WallTime now) {
  Attestation attestation;
  attestation.version = version_digest(version);
  attestation.size = version.size.value_or(0);
  attestation.segment = segment.index;
  attestation.root = segment.root;
  attestation.transport = segment.transport == cache::Transport::https ? Transport::https : Transport::http;
  attestation.at_s = static_cast<std::uint64_t>(std::max<std::int64_t>(0, to_unix_ns(now) / 1'000'000'000));
  sign(attestation, key, group);
  return attestation;
}

std::vector<Attestation> attest_own(const cache::Version& version, const std::vector<cache::SegmentInfo>& segments,
                                    const AgentKey& key, const Digest& group, WallTime now) {
  const Digest name = cache::version_name(version);
  std::vector<Attestation> out;
  for (const cache::SegmentInfo& segment : segments) {
    if (self_attestable(segment, name)) out.push_back(attest(version, segment, key, group, now));
  }
  return out;
}

std::vector<Attestation> said_of(const Digest& version, const cache::SegmentInfo& segment) {
  if (segment.attestation.empty()) return {};
  auto said = decode_attestations(segment.attestation);
  if (!said) return {};
  std::erase_if(*said, [&](const Attestation& attestation) {
    return attestation.version != version || attestation.segment != segment.index;
  });
  return std::move(*said);
}

bool contradicted(const Digest& version, const cache::SegmentInfo& segment) {
  if (segment.peer_bytes == 0 || segment.peer_bytes >= segment.range.length) return false;
  return !said_of(version, segment).empty() && kept_attestations(version, segment).empty();
}

std::vector<std::byte> add_attestations(const std::vector<Attestation>& more, const cache::SegmentInfo& segment) {
  std::vector<Attestation> all = more;
  const auto before = decode_attestations(segment.attestation);
  for (const Attestation& one : before ? *before : std::vector<Attestation>()) {
    const bool known = std::any_of(more.begin(), more.end(), [&](const Attestation& other) {
      return other.agent == one.agent && other.version == one.version;
    });
    if (!known) all.push_back(one);
  }
  all.resize(std::min(all.size(), kMaxAttestations));
  return encode_attestations(all);
}

std::vector<Attestation> kept_attestations(const Digest& version, const cache::SegmentInfo& segment) {
  auto kept = said_of(version, segment);
  std::erase_if(kept, [&](const Attestation& attestation) { return attestation.root != segment.root; });
  return kept;
}

}  // namespace larder::peer
