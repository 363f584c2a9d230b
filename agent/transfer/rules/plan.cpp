#include "agent/transfer/rules/plan.h"

#include <algorithm>
#include <array>

namespace larder::agent {
namespace {

using Ranges = std::vector<ByteRange>;

bool is_under_way(const PlanInput& input, ByteRange range) {
  return std::any_of(input.sources.begin(), input.sources.end(), [range](const SourceState& source) {
    return std::any_of(source.active.begin(), source.active.end(), [range](const ByteRange& active) {
      return active.offset < range.end() && range.offset < active.end();
    });
  });
}

// Returns the missing ranges, joined across small holes.
Ranges bridged(const PlanInput& input) {
  Ranges ranges;
  for (const ByteRange& missing : input.missing) {
    if (!ranges.empty()) {
      const ByteRange hole{ranges.back().end(), missing.offset - ranges.back().end()};
      if (hole.length <= kBridge && !is_under_way(input, hole)) {
        ranges.back().length = missing.end() - ranges.back().offset;
        continue;
      }
    }
    ranges.push_back(missing);
  }
  return ranges;
}

bool may_take(const PlanInput& input, const SourceState& source, std::uint64_t index) {
  if (!has_segment(source, index) || is_taken(input, index)) return false;
  return source.kind != SourceKind::origin || input.helping || !left_to_peers(input, index);
}

// Returns the first missing range within a segment.
std::optional<ByteRange> missing_of(const PlanInput& input, const Ranges& ranges, std::uint64_t index) {
  const ByteRange segment = input.layout->range(index);
  for (const ByteRange& missing : ranges) {
    const std::uint64_t begin = std::max(missing.offset, segment.offset);
    const std::uint64_t end = std::min(missing.end(), segment.end());
    if (begin < end) return ByteRange{begin, end - begin};
  }
  return std::nullopt;
}

std::optional<ByteRange> first_in_order(const PlanInput& input, const Ranges& ranges, const SourceState& source) {
  for (const std::uint64_t index : source.order) {
    if (index >= input.layout->count() || !may_take(input, source, index)) continue;
    if (auto found = missing_of(input, ranges, index)) return found;
  }
  return std::nullopt;
}

// Returns the first segment, or rest of one, that is missing, free and available from `source`; on probation the last.
std::optional<ByteRange> one_segment(const PlanInput& input, const Ranges& ranges, const SourceState& source) {
  if (!source.order.empty()) return first_in_order(input, ranges, source);
  std::optional<ByteRange> found;
  for (const ByteRange& missing : ranges) {
    for (std::uint64_t at = missing.offset; at < missing.end();) {
      const std::uint64_t index = input.layout->index_at(at);
      const std::uint64_t end = std::min(missing.end(), input.layout->range(index).end());
      if (may_take(input, source, index)) {
        found = ByteRange{at, end - at};
        if (!source.on_probation) return found;
      }
      at = end;
    }
  }
  return found;
}

// Returns the length of a stream when `streams` of them share all missing bytes: equal parts, in whole segments.
std::uint64_t share_of(const PlanInput& input, const Ranges& ranges, std::uint64_t streams) {
  std::uint64_t total = 0;
  for (const ByteRange& missing : ranges) total += missing.length;
  const std::uint64_t part = (total + streams - 1) / streams;
  const std::uint64_t segment = input.layout->segment_size();
  return (part + segment - 1) / segment * segment;
}

std::optional<ByteRange> longest_stream(const PlanInput& input, const Ranges& ranges, const SourceState& source) {
  const std::optional<ByteRange> first = one_segment(input, ranges, source);
  if (!first) return std::nullopt;
  std::uint64_t end = first->offset;
  for (const ByteRange& missing : ranges) {
    if (missing.offset <= first->offset && first->offset < missing.end()) end = missing.end();
  }
  const std::uint64_t streams = source.windows ? source.max_streams - source.active.size() : 1;
  if (source.windows && source.max_streams > 1 && source.has_all) {
    const std::uint64_t limit = first->offset + share_of(input, ranges, streams);
    // The cut is at a segment's end, even if the stream starts within a segment.
    const std::uint64_t segment = input.layout->segment_size();
    end = std::min(end, (limit + segment - 1) / segment * segment);
  }
  // Stop before a segment that another source is delivering, or shall deliver.
  std::uint64_t last = first->end();
  while (last < end && may_take(input, source, input.layout->index_at(last))) {
    last = std::min(end, input.layout->range(input.layout->index_at(last)).end());
  }
  return ByteRange{first->offset, last - first->offset};
}

std::optional<ByteRange> window_for(const PlanInput& input, const Ranges& ranges, const SourceState& source) {
  if (!input.layout) {
    // Without a size there are no segments: one stream from one source, the origin.
    const bool busy = std::any_of(input.sources.begin(), input.sources.end(),
                                  [](const SourceState& other) { return !other.active.empty(); });
    if (busy || source.kind == SourceKind::peer) return std::nullopt;
    return ranges.front();
  }
  const bool helps = source.kind == SourceKind::origin && input.helping && source.windows;
  if (source.kind == SourceKind::peer || helps) return one_segment(input, ranges, source);
  return longest_stream(input, ranges, source);
}

// A complete cached copy answers alone; other sources are only for what it cannot deliver.
bool is_copying(const PlanInput& input) {
  return std::any_of(input.sources.begin(), input.sources.end(), [](const SourceState& source) {
    return source.kind == SourceKind::cache && source.usable && source.has_all;
  });
}

}  // namespace

bool is_free(const SourceState& source) {
  return source.usable && source.active.size() < (source.windows ? source.max_streams : 1U);
}

bool has_segment(const SourceState& source, std::uint64_t index) {
  return source.has_all || std::binary_search(source.has.begin(), source.has.end(), index);
}

// Two missing ranges of one segment (after a stream broke in its middle) must not go to two sources: a segment of which
// anything is in flight is left to its source.
bool is_taken(const PlanInput& input, std::uint64_t index) {
  return is_under_way(input, input.layout->range(index));
}

bool left_to_peers(const PlanInput& input, std::uint64_t index) {
  return std::any_of(input.sources.begin(), input.sources.end(), [index](const SourceState& source) {
    return source.kind == SourceKind::peer && source.usable && source.max_streams > 0 && !source.on_probation &&
           has_segment(source, index);
  });
}

std::optional<Window> next_window(const PlanInput& input) {
  if (input.missing.empty()) return std::nullopt;
  const Ranges ranges = bridged(input);
  using Order = std::array<SourceKind, 3>;
  const Order order = input.helping ? Order{SourceKind::cache, SourceKind::origin, SourceKind::peer}
                                    : Order{SourceKind::cache, SourceKind::peer, SourceKind::origin};
  for (const SourceKind kind : order) {
    for (std::size_t i = 0; i < input.sources.size(); ++i) {
      const SourceState& source = input.sources[i];
      if (source.kind != kind || !is_free(source)) continue;
      if (const auto range = window_for(input, ranges, source)) return Window{i, *range};
    }
    if (kind == SourceKind::cache && is_copying(input)) return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace larder::agent
