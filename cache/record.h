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
  Source source = Source::origin;  // of the run that completed it
  std::string fetched_for;         // the id of the file (agent/jobs) on whose account it was fetched
  std::uint64_t peer_bytes = 0;    // of it that came from peers; the rest came from the origin
  // What vouched for the root when blocks of it came from peers: opaque here, as received; empty: nothing.
  std::vector<std::byte> attestation;
};

// Of one content, the newest first; where there are so many, the oldest are not among them.
inline constexpr std::size_t kMaxVersionsTold = 100;

enum class ContentState {
  partial,    // some segments committed
  complete,   // all bytes there, root known
  set_aside,  // judged bad: kept for inspection only, never found, never served
};

// The origin's answer with which a content was begun, as far as a later answer is held against it: what comes from
// another host, is of another type and names no edition need not be the origin's at all.
struct FirstAnswer {
  std::string host;        // that answered, after redirects; empty: not known, or no origin was asked
  std::string media_type;  // lower case, without parameters; empty: unsaid
  friend bool operator==(const FirstAnswer&, const FirstAnswer&) = default;
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
  bool offered = true;     // other agents may be told of it and given it
  std::uint64_t bytes_held = 0;
  WallTime created{};
  WallTime last_used{};
  std::uint64_t uses = 0;
  std::vector<Version> versions;  // the newest first; the last one is what it was fetched as
  FirstAnswer first_answer;
};

// Why a content is kept: somebody's, for the end of whom more may be said of it.
struct Reference {
  ContentId content;
  std::string holder;
  bool validated = false;
};

// What of a content may be offered to others.
struct Offerable {
  ContentInfo info;
  std::vector<std::uint64_t> segments;  // ascending; none: complete and validated, offered whole
};

}  // namespace larder::cache
