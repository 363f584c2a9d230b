// The origin as a source: probe a version, fetch ranges of it, and never let a byte of another edition through.
// Loop thread only; events on the loop thread. Rules: design §5; the checks themselves are pure (response_check.h).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "base/result.h"
#include "base/units.h"
#include "cache/version.h"
#include "origin/http_client.h"
#include "origin/sharing_rules.h"
#include "origin/url.h"

namespace larder::origin {

struct Target {
  Url url;
  std::shared_ptr<const ConnectOptions> options;
  std::shared_ptr<const UrlPolicy> policy;
  std::shared_ptr<const Lane> lane = nullptr;  // null: none
  // The caller gave a digest or a signature: it decides over the bytes, also where the answer makes them doubtful.
  bool bytes_proven = false;
  std::shared_ptr<Claim> claim = nullptr;  // for whom; null: root
};

// What the origin says a URL is now.
struct Edition {
  cache::Version version;
  bool ranges = false;                   // byte ranges can be asked for
  bool one_stream = false;               // no ranges, no length or HTTP/1.0: cannot be resumed
  Privacy privacy = Privacy::shareable;  // who may be given it, and why nobody else
  std::optional<Digest> sha256;          // Repr-Digest / Digest of the whole, where given
  std::string effective_url;             // after redirects, without credentials
  int http_version = 11;
  // The origin said where the file ends: by a length, a last chunk, HTTP/2's end of stream. Otherwise its end is that
  // of the connection, which a broken one has as well.
  bool end_announced = true;
  bool coded = false;         // the bytes are those of the file in a coding: only for who has their digest (codings.h)
  bool any_validator = true;  // ETag or Last-Modified, weak or malformed ones too
  std::string media_type;     // Content-Type in lower case without parameters; empty: unsaid
  std::string file_name;      // by Content-Disposition (content_disposition.h): no path; empty: unsaid

  // Other jobs may have it; whether neighbours may too says reach_of(privacy).
  [[nodiscard]] bool shareable() const { return reach_of(privacy) != Reach::own_job; }
};

using FetchId = std::uint64_t;

struct Fetch {
  Target target;
  // Whole content from offset 0 with no expectation: the GET is the probe. Otherwise each response must be of it.
  std::optional<cache::Version> expected;
  // Absent: everything from `offset` to the end.
  std::uint64_t offset = 0;
  std::optional<std::uint64_t> length;
  bool no_cache = false;  // ask intermediate caches to revalidate
  std::uint64_t max_rate = 0;
};

class FetchEvents {
 public:
  virtual ~FetchEvents() = default;
  // Before any data. When the origin answers a ranged request with the whole (200), `offset` is 0 and the caller
  // decides; the bytes that come are from `offset` on.
  virtual void on_edition(const Edition& edition, std::uint64_t offset) = 0;
  virtual void on_data(Buffer bytes) = 0;
  // version_changed: the answer is of another edition than expected (no byte of it was delivered).
  // stale_proxy: the same, asked again with no-cache, still another edition, and a cache named itself (Via, Age,
  // X-Cache).
  virtual void on_done(Status status) = 0;
};

class Origin {
 public:
  virtual ~Origin() = default;
  // HEAD with no-cache and Want-Repr-Digest; GET bytes=0-0 where HEAD fails in any way or is useless; GET of the whole,
  // of which the head alone is read, where that fails for its range. Error: of the last of them.
  virtual FetchId probe(const Target& target, UniqueFunction<void(Result<Edition>)> done) = 0;
  virtual FetchId fetch(const Fetch& fetch, std::shared_ptr<FetchEvents> events) = 0;
  virtual void cancel(FetchId id) = 0;  // no event follows
  virtual void consumed(FetchId id, std::size_t bytes) = 0;
  virtual void set_rate(FetchId id, std::uint64_t bytes_per_second) = 0;
};

[[nodiscard]] std::unique_ptr<Origin> make_origin(HttpClient& http, Runtime runtime);

}  // namespace larder::origin
