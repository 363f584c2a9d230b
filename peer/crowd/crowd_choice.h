// Chooses the segment that a fetcher claims next (docs/decisions/0019-crowd.md, rule 3). Pure.
//
// A fetcher starts at its own stripe, while that is free. Then it claims the segment after its last one, so that one
// GET goes on. Otherwise it takes the largest run of free segments: from the run's beginning, or from its middle where
// another fetcher works towards the run. So fetchers do not meet before the end.
#pragma once

#include <cstdint>
#include <optional>

#include "peer/common/segment_bits.h"

namespace larder::peer {

struct ChoiceInput {
  const SegmentBits& free;            // segments to choose from
  const SegmentBits& claimed;         // claimed by others
  std::optional<std::uint64_t> last;  // this agent's last claim
  std::uint64_t stripe = 0;           // segment at which it begins
};
// Returns nullopt where no segment is free.

[[nodiscard]] std::optional<std::uint64_t> choose_segment(const ChoiceInput& input);

}  // namespace larder::peer
