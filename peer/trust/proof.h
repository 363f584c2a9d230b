// What is proven of one version: puts together what several holders say, and believes a segment's root only because
// of its attestations, the root of the whole only because it folds from believed roots. Pure; `now` is an argument.
//
// Whatever the holders send, no more is kept than kMaxAttestations for each segment that a content of this size has.
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

  struct Told {
    bool complete = false;             // its root of the whole is the believed one
    std::set<std::uint64_t> segments;  // whose roots are the believed ones
  };
  // bad_response where it is of another edition, or no such content can be.
  [[nodiscard]] Status add(const Manifest& manifest, const Trust& trust, const Refused& refused, WallTime now);
  // What of it agrees with what is believed now.
  [[nodiscard]] Told told(const Manifest& manifest) const;

  [[nodiscard]] const cache::SegmentLayout& layout() const { return layout_; }
  // Nothing where nobody believed attests it, or those who do contradict each other.
  [[nodiscard]] std::optional<Digest> root(std::uint64_t segment) const;
  [[nodiscard]] std::optional<Digest> whole() const { return whole_; }
  [[nodiscard]] std::vector<std::byte> attestation(std::uint64_t segment) const;  // encoded
  // Two that are heard contradict each other: found since the last call, once for the version.
  [[nodiscard]] std::optional<Evidence> take_contradiction() { return std::exchange(contradiction_, std::nullopt); }
  // Whose attestations were taken up for the first time since the last call.
  [[nodiscard]] std::vector<AgentId> take_new_attesters() { return std::exchange(new_attesters_, {}); }

 private:
  struct Segment {
    std::vector<Attestation> attestations;
    std::optional<Digest> believed;
  };
  [[nodiscard]] Status check_edition(const Manifest& manifest) const;
  bool take(const ManifestSegment& offered, const Refused& refused);
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
  bool contradicted_ = false;  // told already
};

}  // namespace larder::peer
