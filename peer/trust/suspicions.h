// Attestations that are in doubt, since their content was judged not valid or another attestation contradicts them.
// This agent's own fetch from the origin settles them. Pure; bounded; loop thread.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <tuple>
#include <vector>

#include "base/hash/digest.h"
#include "base/index.h"
#include "peer/messages/attestation.h"

namespace larder::peer {

class Suspicions {
 public:
  static constexpr std::size_t kMax = 4096;  // the oldest goes

  // Adds an attestation. False: it is there already. `gone`: the one that made room.
  bool add(const Attestation& attestation, std::optional<Attestation>& gone);
  // Removes and returns all attestations of this segment.
  std::vector<Attestation> take_segment(const Digest& version, std::uint64_t size, SegmentIndex segment);
  std::vector<Attestation> take_version(const Digest& version);
  [[nodiscard]] bool any_of(const Digest& version) const;
  [[nodiscard]] bool empty() const { return all_.empty(); }
  [[nodiscard]] std::size_t size() const { return all_.size(); }
  void forget_all();

 private:
  using Key = std::tuple<Digest, std::uint64_t, std::uint64_t>;  // version, size, segment
  using List = std::list<Attestation>;
  static Key key_of(const Attestation& one) { return {one.version, one.size, one.segment}; }
  void unlink(List::iterator what);

  List all_;  // the oldest first
  std::map<Key, std::vector<List::iterator>> by_segment_;
};

}  // namespace larder::peer
