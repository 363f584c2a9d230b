#include "peer/own_attestations.h"

#include <algorithm>

namespace larder::peer {

bool self_attestable(const cache::SegmentInfo& segment) {
  return segment.source == cache::Source::origin && segment.peer_bytes == 0;
}

Attestation attest(const cache::Version& version, const cache::SegmentInfo& segment, const AgentKey& key,
                   const Digest& group, WallTime now) {
  Attestation attestation;
  attestation.version = version_digest(version);
  attestation.size = version.size.value_or(0);
  attestation.segment = segment.index;
  attestation.root = segment.root;
  attestation.transport = version.url.starts_with("https:") ? Transport::https : Transport::http;
  attestation.at_s = static_cast<std::uint64_t>(std::max<std::int64_t>(0, to_unix_ns(now) / 1'000'000'000));
  sign(attestation, key, group);
  return attestation;
}

std::vector<Attestation> attest_own(const cache::Version& version, const std::vector<cache::SegmentInfo>& segments,
                                    const AgentKey& key, const Digest& group, WallTime now) {
  std::vector<Attestation> out;
  for (const cache::SegmentInfo& segment : segments) {
    if (self_attestable(segment)) out.push_back(attest(version, segment, key, group, now));
  }
  return out;
}

std::vector<Attestation> kept_attestations(const Digest& version, const cache::SegmentInfo& segment) {
  if (segment.attestation.empty()) return {};
  auto kept = decode_attestations(segment.attestation);
  if (!kept) return {};
  std::erase_if(*kept, [&](const Attestation& attestation) {
    return attestation.version != version || attestation.segment != segment.index || attestation.root != segment.root;
  });
  return std::move(*kept);
}

}  // namespace larder::peer
