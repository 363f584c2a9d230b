// Decides what to change in the deliveries in flight when peers come, go, or deliver too little. Pure; the plan
// (plan.h) then hands out the ranges that became free.
//
// 1. Peers join while the origin streams: the stream is cut before the first segment that they can give, or given up if
//    nothing of it arrived yet. The same where the crowd gives the segment to another agent, even after it has begun.
// 2. Peers deliver too little and every segment is theirs: the origin takes one that has not begun. When all have
//    begun, it races for the one with the most bytes left.
// 3. Peers have nothing left to do while the origin delivers a segment that they have: they race for its rest.
// Only a race has two sources for one segment; bytes that arrive twice are wasted.
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
  ByteRange left;      // from the first to the last missing byte; empty: nothing is missing
  bool begun = false;  // some bytes of it arrived
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

// Peers do not race for fewer bytes: these arrive before the race has begun.
inline constexpr std::uint64_t kRaceWorth = 512 * kKiB;

// Returns the next change, if any. Call again after making it, and after the plan has handed out what became free.
[[nodiscard]] std::optional<Revision> revise(const PlanInput& input, const std::vector<Delivery>& deliveries);

}  // namespace larder::agent
