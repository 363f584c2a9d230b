#include "agent/transfer/plan.h"

#include <algorithm>

namespace larder::agent {
namespace {

bool is_free(const SourceState& source) {
  return source.usable && source.active.size() < (source.windows ? source.max_streams : 1U);
}

bool has_segment(const SourceState& source, std::uint64_t index) {
  return source.has_all || std::binary_search(source.has.begin(), source.has.end(), index);
}

// Two missing ranges of one segment (a stream broke in the middle and another part is under way) must not go to two
// sources, so a segment in which anything is being delivered is left to whoever delivers it.
bool is_taken(const PlanInput& input, std::uint64_t index) {
  const ByteRange segment = input.layout->range(index);
  for (const SourceState& source : input.sources) {
    for (const ByteRange& active : source.active) {
      if (active.offset < segment.end() && segment.offset < active.end()) return true;
    }
  }
  return false;
}

// The first segment, or rest of one, that is missing, free and available from `source`.
std::optional<ByteRange> first_segment(const PlanInput& input, const SourceState& source) {
  for (const ByteRange& missing : input.missing) {
    for (std::uint64_t at = missing.offset; at < missing.end();) {
      const std::uint64_t index = input.layout->index_at(at);
      const std::uint64_t end = std::min(missing.end(), input.layout->range(index).end());
      if (has_segment(source, index) && !is_taken(input, index)) return ByteRange{at, end - at};
      at = end;
    }
  }
  return std::nullopt;
}

// How long a stream may be when `streams` more of them shall share all that is missing: equal parts, whole segments.
std::uint64_t share_of(const PlanInput& input, std::uint64_t streams) {
  std::uint64_t total = 0;
  for (const ByteRange& missing : input.missing) total += missing.length;
  const std::uint64_t part = (total + streams - 1) / streams;
  const std::uint64_t segment = input.layout->segment_size();
  return (part + segment - 1) / segment * segment;
}

std::optional<ByteRange> longest_stream(const PlanInput& input, const SourceState& source) {
  const std::optional<ByteRange> first = first_segment(input, source);
  if (!first) return std::nullopt;
  std::uint64_t end = first->offset;
  for (const ByteRange& missing : input.missing) {
    if (missing.offset <= first->offset && first->offset < missing.end()) end = missing.end();
  }
  const std::uint64_t streams = source.windows ? source.max_streams - source.active.size() : 1;
  if (source.windows && source.max_streams > 1) {
    const std::uint64_t limit = first->offset + share_of(input, streams);
    // The cut is at a segment's end, also where the start is in the middle of one.
    const std::uint64_t segment = input.layout->segment_size();
    end = std::min(end, (limit + segment - 1) / segment * segment);
  }
  // Not into a segment that somebody else is delivering.
  std::uint64_t last = first->end();
  while (last < end && !is_taken(input, input.layout->index_at(last))) {
    last = std::min(end, input.layout->range(input.layout->index_at(last)).end());
  }
  return ByteRange{first->offset, last - first->offset};
}

bool peers_usable(const PlanInput& input) {
  return std::any_of(input.sources.begin(), input.sources.end(),
                     [](const SourceState& source) { return source.kind == SourceKind::peer && source.usable; });
}

std::optional<ByteRange> window_for(const PlanInput& input, const SourceState& source) {
  if (!input.layout) {
    // Without a size there are no segments: one stream from one source, the origin.
    const bool busy = std::any_of(input.sources.begin(), input.sources.end(),
                                  [](const SourceState& other) { return !other.active.empty(); });
    if (busy || source.kind == SourceKind::peer) return std::nullopt;
    return input.missing.front();
  }
  if (source.kind == SourceKind::peer) return first_segment(input, source);
  if (source.kind == SourceKind::origin && peers_usable(input)) return first_segment(input, source);
  return longest_stream(input, source);
}

}  // namespace

std::optional<Window> next_window(const PlanInput& input) {
  if (input.missing.empty()) return std::nullopt;
  for (const SourceKind kind : {SourceKind::cache, SourceKind::peer, SourceKind::origin}) {
    for (std::size_t i = 0; i < input.sources.size(); ++i) {
      const SourceState& source = input.sources[i];
      if (source.kind != kind || !is_free(source)) continue;
      if (const auto range = window_for(input, source)) return Window{i, *range};
    }
    // A cached copy of everything answers alone: the others are for what it cannot deliver.
    if (kind == SourceKind::cache) {
      const bool copying = std::any_of(input.sources.begin(), input.sources.end(), [](const SourceState& source) {
        return source.kind == SourceKind::cache && source.usable && source.has_all;
      });
      if (copying) return std::nullopt;
    }
  }
  return std::nullopt;
}

}  // namespace larder::agent
