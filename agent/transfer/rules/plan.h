// Which window to fetch next, from which source. Pure: the doing is fill.h.
//
// A window is a run of the content. Never two sources for one segment: windows start where something is missing and end
// at a segment's end, at what is held, or at the end of the content. Cheapest source first: a cached copy, then peers
// (segment by segment), then the origin. The origin is asked for one stream as long as possible, since requests cost
// round trips, but not for what peers can give: that is left to them as long as they are trusted to deliver. When they
// deliver too little (`helping`, decided by peer_pace.h) the origin takes segments first, one at a time. In a crowd the
// origin "has" only what the crowd leaves to this agent.
//
// What is under way is changed by revise.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "base/text/units.h"
#include "cache/record/segments.h"

namespace larder::agent {

inline constexpr std::uint64_t kUnknownEnd = std::numeric_limits<std::uint64_t>::max();

enum class SourceKind { cache, peer, origin };  // in the order in which they are asked

struct SourceState {
  SourceKind kind = SourceKind::origin;
  bool usable = true;              // neither failed nor given up
  bool windows = true;             // any window can be asked for; false: one stream at a time
  unsigned max_streams = 1;        // at once
  std::vector<ByteRange> active;   // what it is delivering now
  bool has_all = true;             // false: only `has`
  std::vector<std::uint64_t> has;  // segments that it can deliver, or that the crowd leaves to it; ascending
  // In which of them are best taken; empty: ascending. Where it is given, what is not in it is not taken.
  std::vector<std::uint64_t> order;
  // Peers that have disappointed get the last missing segment to show that they can, while the origin goes on.
  bool on_probation = false;
};

struct PlanInput {
  std::optional<cache::SegmentLayout> layout;  // none while the size is unknown
  std::vector<ByteRange> missing;              // neither held nor being delivered, ascending
  std::vector<SourceState> sources;
  bool helping = false;  // the origin helps peers that deliver too little
};

// Small holes are fetched again rather than asked around: a request costs more than so many bytes.
inline constexpr std::uint64_t kBridge = 256 * kKiB;

struct Window {
  std::size_t source = 0;  // index into PlanInput::sources
  ByteRange range;
  friend bool operator==(const Window&, const Window&) = default;
};

// Nothing: all is held or under way, or no source is free.
[[nodiscard]] std::optional<Window> next_window(const PlanInput& input);

// Of the plan and its revision.
[[nodiscard]] bool is_free(const SourceState& source);
[[nodiscard]] bool has_segment(const SourceState& source, std::uint64_t index);
// Anything of the segment is being delivered.
[[nodiscard]] bool is_taken(const PlanInput& input, std::uint64_t index);
// Peers that are trusted to deliver can give the segment.
[[nodiscard]] bool left_to_peers(const PlanInput& input, std::uint64_t index);

}  // namespace larder::agent
