// Which window to fetch next, from which source. Pure: the doing is fill.h.
//
// A window is a run of the content. Never two sources for one segment: windows start where something is missing and end
// at a segment's end, at what is held, or at the end of the content. Cheapest source first: a cached copy, then peers
// (segment by segment), then the origin. The origin alone is asked for one stream as long as possible, since requests
// cost round trips; with peers around it is asked for segments, so that they can be shared as they come.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "base/units.h"
#include "cache/segments.h"

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
  std::vector<std::uint64_t> has;  // segments that it can deliver, ascending
};

struct PlanInput {
  std::optional<cache::SegmentLayout> layout;  // none while the size is unknown
  std::vector<ByteRange> missing;              // neither held nor being delivered, ascending
  std::vector<SourceState> sources;
};

struct Window {
  std::size_t source = 0;  // index into PlanInput::sources
  ByteRange range;
  friend bool operator==(const Window&, const Window&) = default;
};

// Nothing: all is held or under way, or no source is free.
[[nodiscard]] std::optional<Window> next_window(const PlanInput& input);

}  // namespace larder::agent
