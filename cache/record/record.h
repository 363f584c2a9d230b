// What the cache knows of a content. Plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/hash/digest.h"
#include "base/runtime/clock.h"
#include "base/text/units.h"
#include "cache/record/version.h"

namespace larder::cache {

using ContentId = std::string;  // 32 hex digits, random; names the file on disk

// Where bytes came from.
enum class Source { origin, peer, cache };

// Of one content: the users who asked for it, as they are remembered.
inline constexpr std::size_t kMaxAskers = 100;

// Over what the origin's bytes came, at the last hop: after redirects, whatever scheme the URL has. Weakest first.
enum class Transport { unknown, http, https };

struct SegmentInfo {
  std::uint64_t index = 0;
  ByteRange range;
  Digest root{};
  Source source = Source::origin;  // of the run that completed it
  std::string fetched_for;         // the id of the file (agent/jobs) on whose account it was fetched
  std::uint64_t peer_bytes = 0;    // of it that came from peers; the rest came from the origin
  // What vouched for the root when blocks of it came from peers: opaque here, as received; empty: nothing.
  std::vector<std::byte> attestation;
  // Of bytes of the origin: version_name() of the version that was asked for when they came, and over what they came
  // (the weakest, where several answers made the segment). All zero and unknown: no origin was asked, or it was an
  // older agent, which did not remember.
  Digest fetched_as{};
  Transport transport = Transport::unknown;
};

// Of one content. One of equal bytes and yet another version is a record of its own then.
inline constexpr std::size_t kMaxVersions = 64;

enum class ContentState {
  partial,    // some segments committed
  complete,   // all bytes there, root known
  set_aside,  // judged bad: never found, never offered; there for those who hold it, and while it is pinned
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
  // The newest first. One while it is partial: what it is fetched as. Others come with complete contents of equal bytes
  // that were fetched whole by themselves. A private one (not shareable) has several where it went on from another URL.
  std::vector<Version> versions;
  FirstAnswer first_answer;
};

// A user, and the URL that it asked for.
struct Asker {
  std::uint32_t uid = 0;
  std::string url;
};

// Who needs a content: the id of a file (agent/jobs), and for whom, where that is to be remembered with the record.
struct Holder {
  std::string id;
  std::optional<Asker> asker;

  Holder(std::string holder) : id(std::move(holder)) {}  // NOLINT(google-explicit-constructor)
  Holder(const char* holder) : id(holder) {}             // NOLINT(google-explicit-constructor)
  Holder(std::string holder, Asker who) : id(std::move(holder)), asker(std::move(who)) {}
};

// Which records are listed.
struct ListQuery {
  std::string after_id;  // for paging, in order of id
  std::size_t limit = 100;
  std::string url_contains;
  std::optional<std::uint32_t> user;  // only what this user has asked for, and of its versions those of its URLs
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
