// Decides which window is fetched next, and from which source. Pure; fill.h acts on it.
//
// A window is a stretch of the content. A segment never comes from two sources: windows start at a missing byte and end
// at a segment's end, at a byte that is held or in flight, or at the end of the content. The cheapest source goes
// first: a cached copy, then peers (segment by segment), then the origin. A stream of the origin is as long as
// possible, since a request costs a round trip, but leaves out segments that trusted peers can give. When peers deliver
// too little (`helping`, decided by peer_pace.h) the origin takes segments first, one at a time. In a crowd the origin
// "has" only what the crowd leaves to this agent.
//
// Deliveries in flight are changed by revise.h.
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
  bool windows = true;             // any window can be asked for; false: one stream of everything
  unsigned max_streams = 1;        // concurrent streams
  std::vector<ByteRange> active;   // windows in flight
  bool has_all = true;             // false: only `has`
  std::vector<std::uint64_t> has;  // segments that it can deliver, or that the crowd leaves to this agent; ascending
  // Order in which to take them; empty: ascending. If not empty, segments outside it are not taken.
  std::vector<std::uint64_t> order;
  // Peers on probation after a stall get the last missing segment, as a test, while the origin goes on.
  bool on_probation = false;
};

struct PlanInput {
  std::optional<cache::SegmentLayout> layout;  // none while the size is unknown
  std::vector<ByteRange> missing;              // neither held nor in flight, ascending
  std::vector<SourceState> sources;
  bool helping = false;  // the origin helps peers that deliver too little
};

// Holes up to this size between missing ranges are fetched again: another request would cost more.
inline constexpr std::uint64_t kBridge = 256 * kKiB;

struct Window {
  std::size_t source = 0;  // index into PlanInput::sources
  ByteRange range;
  friend bool operator==(const Window&, const Window&) = default;
};

// Returns nothing if all bytes are held or in flight, or no source is free.
[[nodiscard]] std::optional<Window> next_window(const PlanInput& input);

// Shared with revise.h.
[[nodiscard]] bool is_free(const SourceState& source);
[[nodiscard]] bool has_segment(const SourceState& source, std::uint64_t index);
// Returns true if any byte of the segment is in flight.
[[nodiscard]] bool is_taken(const PlanInput& input, std::uint64_t index);
// Returns true if trusted peers can give the segment.
[[nodiscard]] bool left_to_peers(const PlanInput& input, std::uint64_t index);

}  // namespace larder::agent
