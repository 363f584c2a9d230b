// The proof of one version, from the manifests of several holders. It believes a segment's root only by its
// attestations (Trust::believe), and the root of the whole only if that folds from believed roots. Pure; `now` is an
// argument.
//
// Bounded: at most kMaxAttestations for each segment of a content of this size, whatever the holders send.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "cache/record/segments.h"
#include "peer/messages/catalogue_wire.h"
#include "peer/trust/trust.h"

namespace larder::peer {

class Proof {
 public:
  using Refused = std::function<bool(const AgentId&)>;

  // `version` has a size.
  Proof(const cache::Version& version, const Digest& group);

  struct Agreement {
    bool complete = false;             // the holder is complete, and its root of the whole is the believed one
    std::set<std::uint64_t> segments;  // those whose root is the believed one
  };
  // Adds a holder's manifest. Error: bad_response where it is of another edition, or contradicts itself.
  [[nodiscard]] Status add_manifest(const Manifest& manifest, const Trust& trust, const Refused& refused, WallTime now);
  // Returns the parts of a manifest that agree with the roots believed now.
  [[nodiscard]] Agreement agreement_with(const Manifest& manifest) const;

  [[nodiscard]] const cache::SegmentLayout& layout() const { return layout_; }
  // Returns the believed root; nullopt where too few heard agents attest one, or they contradict each other.
  [[nodiscard]] std::optional<Digest> root(std::uint64_t segment) const;
  [[nodiscard]] std::optional<Digest> whole() const { return whole_; }
  [[nodiscard]] std::vector<std::byte> attestation(std::uint64_t segment) const;  // encoded
  // Removes and returns a contradiction between two heard agents; at most one for the version.
  [[nodiscard]] std::optional<Evidence> take_contradiction() { return std::exchange(contradiction_, std::nullopt); }
  // Removes and returns the agents whose first attestation was added since the last call.
  [[nodiscard]] std::vector<AgentId> take_new_attesters() { return std::exchange(new_attesters_, {}); }

 private:
  struct Segment {
    std::vector<Attestation> attestations;
    std::optional<Digest> believed;
  };
  [[nodiscard]] Status check_edition(const Manifest& manifest) const;
  bool add_attestations(const ManifestSegment& offered, const Refused& refused);
  void fold();

  cache::Version version_;
  Digest version_digest_;
  Digest group_;
  cache::SegmentLayout layout_;
  std::map<std::uint64_t, Segment> segments_;
  std::optional<Digest> whole_;
  std::set<AgentId> attesters_;
  std::vector<AgentId> new_attesters_;
  std::optional<Evidence> contradiction_;
  bool contradicted_ = false;  // a contradiction was reported
};

}  // namespace larder::peer
