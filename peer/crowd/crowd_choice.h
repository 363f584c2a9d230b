// Which segment a fetcher claims next (docs/decisions/0019-crowd.md, rule 3). Pure.
//
// The one after its last, so that one GET goes on; otherwise the largest run of free segments: from its beginning, or
// from its middle where somebody is working towards it. So fetchers do not meet before the end. Each starts at its own
// stripe, while that is free.
#pragma once

#include <cstdint>
#include <optional>

#include "peer/common/segment_bits.h"

namespace larder::peer {

struct ChoiceInput {
  const SegmentBits& free;            // neither held nor claimed by anybody
  const SegmentBits& claimed;         // by others
  std::optional<std::uint64_t> last;  // this agent's last claim
  std::uint64_t stripe = 0;           // where it would begin
};

[[nodiscard]] std::optional<std::uint64_t> choose_segment(const ChoiceInput& input);

}  // namespace larder::peer
