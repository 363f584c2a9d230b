// Second opinions in a crowd: a segment whose root one member's manifest proved waits for a second manifest before any
// byte of it is taken. Where two members are known to hold a segment, two manifests must have named it. Where one alone
// holds it, usually because it has just fetched it, nothing is waited for. A decided segment stays decided. Pure; `now`
// is an argument. The look-up feeds it, the supply obeys it. Bounded by the segments and their holders.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>

#include "base/index.h"
#include "base/runtime/clock.h"
#include "peer/common/segment_bits.h"
#include "peer/group/keys.h"

namespace larder::peer {

class Opinions {
 public:
  static constexpr std::size_t kWanted = 2;                     // manifests that name the segment
  static constexpr Duration kWithin = std::chrono::seconds(3);  // longest wait; then one manifest is enough

  explicit Opinions(std::uint64_t segments) : decided_(segments) {}

  // Judges a segment whose root is believed. `named`: manifests that name the root; `others`: known holders whose
  // manifest could still be heard. True: the segment waited and does so no more.
  bool judge(SegmentIndex segment, std::size_t named, std::size_t others, SteadyTime now);
  // Records that the agent was asked and did not name the segment. Ignored unless the segment waits.
  void note_without_answer(std::uint64_t segment, const AgentId& agent);
  // Stops waiting for a segment whose root is not believed: its holders contradict each other.
  void contradicted(std::uint64_t segment) { waiting_.erase(segment); }

  [[nodiscard]] bool is_decided(std::uint64_t segment) const { return decided_.has(segment); }
  [[nodiscard]] bool waits(std::uint64_t segment) const { return waiting_.contains(segment); }
  [[nodiscard]] bool any_waits() const { return !waiting_.empty(); }
  [[nodiscard]] bool was_without_answer(std::uint64_t segment, const AgentId& agent) const;
  // Returns when the first wait ends.
  [[nodiscard]] std::optional<SteadyTime> due() const;

 private:
  struct Waiting {
    SteadyTime until{};
    std::set<AgentId> without_answer;
  };
  SegmentBits decided_;
  std::map<std::uint64_t, Waiting> waiting_;
};

}  // namespace larder::peer
