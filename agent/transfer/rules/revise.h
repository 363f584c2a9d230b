// What to change in the deliveries under way when peers come, go, or deliver too little. Pure; the plan (plan.h) then
// gives out what became free.
//
// 1. Peers came while the origin streams: its stream is cut before the first segment that they can give, and given up
//    where nothing of it came yet. So it is where the crowd leaves a segment to somebody else, also when it has begun.
// 2. Peers deliver too little and every segment is theirs: the origin takes one that has not begun; when all have
//    begun, it races for the one with the most left.
// 3. Nothing is left for the peers and the origin is still busy with what they have: they race for the rest of it.
// A race is the only case of two sources for one segment; what comes twice is wasted.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "agent/transfer/rules/plan.h"

namespace larder::agent {

struct Delivery {
  std::uint64_t id = 0;
  std::size_t source = 0;  // index into PlanInput::sources
  ByteRange window;
  ByteRange left;      // from the first to the last byte of it that is not there; empty: nothing is
  bool begun = false;  // something of it came
};

struct Revision {
  enum class Kind {
    cut,   // the stream ends at `window.end()`
    end,   // the stream is given up
    race,  // `source` is asked for `window` too
  };
  Kind kind = Kind::end;
  std::uint64_t id = 0;  // of the delivery
  std::size_t source = 0;
  ByteRange window;
  friend bool operator==(const Revision&, const Revision&) = default;
};

// Peers do not race for less: it is there before they have begun.
inline constexpr std::uint64_t kRaceWorth = 512 * kKiB;

// The next change to make, if any; ask again when it is made and the plan has given out what is free.
[[nodiscard]] std::optional<Revision> revise(const PlanInput& input, const std::vector<Delivery>& deliveries);

}  // namespace larder::agent
