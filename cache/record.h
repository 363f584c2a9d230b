// What the cache knows of a content. Plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/digest.h"
#include "base/units.h"
#include "cache/version.h"

namespace larder::cache {

using ContentId = std::string;  // 32 hex digits, random; names the file on disk

// Where bytes came from.
enum class Source { origin, peer, cache };

struct SegmentInfo {
  std::uint64_t index = 0;
  ByteRange range;
  Digest root{};
  Source source = Source::origin;
  std::string fetched_for;  // the id of the file (agent/jobs) on whose account it was fetched
};

enum class ContentState {
  partial,    // some segments committed
  complete,   // all bytes there, root known
  set_aside,  // judged bad: kept for inspection only, never found, never served
};

struct ContentInfo {
  ContentId id;
  ContentState state = ContentState::partial;
  std::optional<std::uint64_t> size;
  std::optional<Digest> root;    // once complete
  std::optional<Digest> sha256;  // of all bytes, where somebody asked for it
  bool validated = false;        // a verdict of valid, explicit or implicit
  bool pinned = false;
  bool shareable = false;  // validator present, not private, no credentials
  std::uint64_t bytes_held = 0;
  WallTime created{};
  WallTime last_used{};
  std::uint64_t uses = 0;
  std::vector<Version> versions;
};

}  // namespace larder::cache
