#include "peer/trust/proof.h"

#include <fmt/format.h>

#include <algorithm>

namespace larder::peer {

Proof::Proof(const cache::Version& version, const Digest& group)
    : version_(version), version_digest_(version_digest(version)), group_(group), layout_(version.size.value_or(0)) {}

Status Proof::check_edition(const Manifest& manifest) const {
  const auto refuse = [](const std::string& why) {
    return fail(ErrorCode::bad_response, "use a peer's catalogue", why);
  };
  if (manifest.size != layout_.content_size()) {
    return refuse(fmt::format("it has {} bytes, the origin says {}", manifest.size, layout_.content_size()));
  }
  if (manifest.etag != version_.etag || manifest.last_modified != version_.last_modified) {
    return refuse("its validators are not those of the origin");
  }
  if (manifest.complete && (!manifest.root || manifest.segments.size() != layout_.count())) {
    return refuse("it says that it is complete and does not name every segment");
  }
  return {};
}

// Adds a segment's attestations. True: some are new.
bool Proof::add_attestations(const ManifestSegment& offered, const Refused& refused) {
  const auto attestations = decode_attestations(offered.attestations);
  if (!attestations) return false;
  bool news = false;
  Segment& segment = segments_[offered.index];
  for (const Attestation& attestation : *attestations) {
    if (attestation.version != version_digest_ || attestation.segment != offered.index) continue;
    // The first attestation of each agent and root stays: replacing it would let the agent take its statement back.
    const bool known = std::any_of(segment.attestations.begin(), segment.attestations.end(), [&](const auto& other) {
      return other.agent == attestation.agent && other.root == attestation.root;
    });
    if (known || segment.attestations.size() >= kMaxAttestations) continue;
    // A forged attestation, or one of a refused agent, must not take the place of a good one.
    if ((refused && refused(attestation.agent)) || !check(attestation, group_)) continue;
    segment.attestations.push_back(attestation);
    if (attesters_.insert(attestation.agent).second) new_attesters_.push_back(attestation.agent);
    news = true;
  }
  return news;
}

Status Proof::add_manifest(const Manifest& manifest, const Trust& trust, const Refused& refused, WallTime now) {
  if (auto same = check_edition(manifest); !same) return same;
  for (const ManifestSegment& offered : manifest.segments) {
    if (offered.index >= layout_.count()) {
      return fail(ErrorCode::bad_response, "use a peer's catalogue",
                  fmt::format("it names segment {} of {}", offered.index, layout_.count()));
    }
    if (!add_attestations(offered, refused)) continue;
    Segment& segment = segments_[offered.index];
    const Trust::Asked asked{version_digest_, layout_.content_size(), offered.index,
                             version_.url.starts_with("https:")};
    auto believed = trust.believe(segment.attestations, asked, group_, refused, now);
    segment.believed = believed.root;
    if (believed.contradiction && !std::exchange(contradicted_, true)) contradiction_ = *believed.contradiction;
  }
  fold();
  return {};
}

Proof::Agreement Proof::agreement_with(const Manifest& manifest) const {
  Agreement told;
  for (const ManifestSegment& offered : manifest.segments) {
    if (root(offered.index) == offered.root) told.segments.insert(offered.index);
  }
  told.complete = manifest.complete && whole_ && manifest.root == whole_ && told.segments.size() == layout_.count();
  return told;
}

void Proof::fold() {
  whole_.reset();
  std::vector<Digest> roots;
  for (std::uint64_t i = 0; i < layout_.count(); ++i) {
    const auto believed = root(i);
    if (!believed) return;
    roots.push_back(*believed);
  }
  whole_ = fold_segment_roots(roots, layout_.segment_blocks());
}

std::optional<Digest> Proof::root(std::uint64_t segment) const {
  const auto found = segments_.find(segment);
  return found == segments_.end() ? std::nullopt : found->second.believed;
}

std::vector<std::byte> Proof::attestation(std::uint64_t segment) const {
  const auto found = segments_.find(segment);
  if (found == segments_.end() || !found->second.believed) return {};
  std::vector<Attestation> vouching;
  for (const Attestation& attestation : found->second.attestations) {
    if (attestation.root == *found->second.believed) vouching.push_back(attestation);
  }
  return encode_attestations(vouching);
}

}  // namespace larder::peer
