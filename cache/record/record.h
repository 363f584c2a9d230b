// The record of a content in the cache. Plain values.
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

using ContentId = std::string;  // 32 hex digits (content_ids.h); names the file on disk

// Where the bytes of a segment came from, as the index keeps it: by its number. agent::Source is another thing, the
// part that delivers bytes.
enum class Source { origin, peer, cache };

// Most pairs of user and URL that a record remembers as having asked for the content.
inline constexpr std::size_t kMaxAskers = 100;

// Transport of the origin's bytes at the last hop: after redirects, whatever scheme the URL has. Weakest first.
enum class Transport { unknown, http, https };

struct SegmentInfo {
  std::uint64_t index = 0;
  ByteRange range;
  Digest root{};
  Source source = Source::origin;  // of the stream or block run that completed it
  std::string fetched_for;         // the id of the file (agent/jobs) on whose account it was fetched
  std::uint64_t peer_bytes = 0;    // bytes that came from peers; the rest came from the origin
  // The attestation of the root, if blocks came from peers: opaque here, as received; empty: none.
  std::vector<std::byte> attestation;
  // For bytes of the origin: version_name() of the version asked for, and their transport (the weakest, if several
  // answers made the segment). All zero and unknown: no origin was asked, or an older agent wrote the record.
  Digest fetched_as{};
  Transport transport = Transport::unknown;
};

// Most versions of one record. Equal bytes under yet another version get a record of their own.
inline constexpr std::size_t kMaxVersions = 64;

enum class ContentState {
  partial,    // some segments committed
  complete,   // all bytes committed, root known
  set_aside,  // judged bad: never found, never offered; kept while it is held or pinned
};

// The origin's answer with which a content was begun, for comparison with later answers: one from another host, of
// another type and without a validator may not be the origin's at all.
struct FirstAnswer {
  std::string host;        // the host that answered, after redirects; empty: not known, or no origin was asked
  std::string media_type;  // lower case, without parameters; empty: unsaid
  friend bool operator==(const FirstAnswer&, const FirstAnswer&) = default;
};

struct ContentInfo {
  ContentId id;
  ContentState state = ContentState::partial;
  std::optional<std::uint64_t> size;
  std::optional<Digest> root;    // set once complete
  std::optional<Digest> sha256;  // of all bytes, if it was computed
  bool validated = false;        // a verdict of valid, explicit or implicit
  bool pinned = false;
  bool shareable = false;  // validator present, not private, no credentials
  bool offered = true;     // may be announced and given to neighbours
  std::uint64_t bytes_held = 0;
  WallTime created{};
  WallTime last_used{};
  std::uint64_t uses = 0;
  // The newest first. A partial content has one: the version it is fetched as. Others are added when a complete content
  // of equal bytes is merged into this one. A private content (not shareable) has several if it went on from another
  // URL.
  std::vector<Version> versions;
  FirstAnswer first_answer;
};

// A user, and the URL that it asked for.
struct Asker {
  std::uint32_t uid = 0;
  std::string url;
};

// The holder of a reference: the id of a file (agent/jobs), and the user and URL that the record shall remember, if
// any.
struct Holder {
  std::string id;
  std::optional<Asker> asker;

  Holder(std::string holder) : id(std::move(holder)) {}  // NOLINT(google-explicit-constructor)
  Holder(const char* holder) : id(holder) {}             // NOLINT(google-explicit-constructor)
  Holder(std::string holder, Asker who) : id(std::move(holder)), asker(std::move(who)) {}
};

// A query for a list of records.
struct ListQuery {
  std::string after_id;  // for paging, in order of id
  std::size_t limit = 100;
  std::string url_contains;
  std::optional<std::uint32_t> user;  // only contents that this user asked for, with the versions of its URLs only
};

// A reference to be released at the end of its job.
struct Reference {
  ContentId content;
  std::string holder;
  bool validated = false;  // the verdict is valid: mark the content so first
};

// What is known of a URL before its origin is asked (Cache::find_known).
struct KnownContents {
  bool url = false;  // any record is known for it
  std::vector<ContentInfo> own_contents;
};

// The part of a content that may be offered to neighbours.
struct Offerable {
  ContentInfo info;
  std::vector<std::uint64_t> segments;  // ascending; none: complete and validated, offered whole
};

}  // namespace larder::cache
