// In a crowd: which segments are believed by the word of one member and wait for another's before anything of them is
// taken. Where two are known to hold a segment, the manifests of two must have named it; where one alone does, as a
// rule because it has just fetched it, there is nobody else to hear, and nothing waits. What was settled stays so.
// Pure; `now` is an argument. The look-up tells it, the supply keeps to it. Bounded by the segments and by who holds
// them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>

#include "base/runtime/clock.h"
#include "peer/common/segment_bits.h"
#include "peer/group/keys.h"

namespace larder::peer {

class Opinions {
 public:
  static constexpr std::size_t kWanted = 2;                     // manifests that name it
  static constexpr Duration kWithin = std::chrono::seconds(3);  // after which one must do

  explicit Opinions(std::uint64_t segments) : settled_(segments) {}

  // The segment is believed; `named` manifests say so, and `others` who are known to hold it could still be heard.
  // True: it waited, and does no more.
  bool judge(std::uint64_t segment, std::size_t named, std::size_t others, SteadyTime now);
  // Asked for it, this one did not name it. Of no matter while nothing waits for its word.
  void in_vain(std::uint64_t segment, const AgentId& agent);
  // It is not believed any more: those who were heard contradict each other.
  void contradicted(std::uint64_t segment) { waiting_.erase(segment); }

  [[nodiscard]] bool settled(std::uint64_t segment) const { return settled_.has(segment); }
  [[nodiscard]] bool waits(std::uint64_t segment) const { return waiting_.contains(segment); }
  [[nodiscard]] bool any_waits() const { return !waiting_.empty(); }
  [[nodiscard]] bool was_in_vain(std::uint64_t segment, const AgentId& agent) const;
  // When the time of one of those that wait is over.
  [[nodiscard]] std::optional<SteadyTime> due() const;

 private:
  struct Waiting {
    SteadyTime until{};
    std::set<AgentId> in_vain;
  };
  SegmentBits settled_;
  std::map<std::uint64_t, Waiting> waiting_;
};

}  // namespace larder::peer
