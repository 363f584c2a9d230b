// The origin as a source: probes a version, fetches ranges of it, and lets no byte of another edition through.
// Thread: loop thread only; events come on the loop thread, never within probe() or fetch(). An event may cancel any
// request or destroy the Origin. After cancel() or the Origin's destruction no event follows.
// Rules: docs/design.md, The origin; the checks themselves are pure (response_check.h).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/hash/buffer.h"
#include "base/result.h"
#include "base/text/units.h"
#include "cache/record/version.h"
#include "origin/http/http_client.h"
#include "origin/rules/edition.h"
#include "origin/rules/target.h"

namespace larder::origin {

using FetchId = std::uint64_t;

struct Fetch {
  Target target;
  // The version that each response must belong to. Absent: the answer to the GET tells the version, in place of a
  // probe.
  std::optional<cache::Version> expected;
  std::uint64_t offset = 0;
  std::optional<std::uint64_t> length;  // absent: to the end; zero: invalid_argument
  bool no_cache = false;                // ask intermediate caches to revalidate
  std::uint64_t max_rate = 0;           // bytes/s; 0 = unlimited
};

class FetchEvents {
 public:
  virtual ~FetchEvents() = default;
  // Called once, before any data; not called if the fetch fails earlier. Data begins at `offset`. If the origin answers
  // a ranged request with the whole (200), `offset` is 0 and the caller decides whether to go on.
  virtual void on_edition(const Edition& edition, std::uint64_t offset) = 0;
  virtual void on_data(Buffer bytes) = 0;
  // Called once, last. version_changed: the answer belongs to another edition than expected; no byte of it was
  // delivered. stale_proxy: a cache that names itself (Via, Age, X-Cache) answers with another edition, even when asked
  // with no-cache, while the origin still has the expected one.
  virtual void on_done(Status status) = 0;
};

class Origin {
 public:
  virtual ~Origin() = default;
  // Calls `done` once with what the origin says of the URL. Asks with HEAD (no-cache, Want-Repr-Digest); if HEAD is
  // useless or fails in a way that a GET may not, with GET bytes=0-0; if that fails over its range, with GET of the
  // whole, of which only the head is read. Begins at a later step where an earlier probe ended there (helper_memory.h).
  // Error: that of the last request.
  virtual FetchId probe(const Target& target, UniqueFunction<void(Result<Edition>)> done) = 0;
  virtual FetchId fetch(const Fetch& fetch, std::shared_ptr<FetchEvents> events) = 0;
  virtual void cancel(FetchId id) = 0;                       // no event follows
  virtual void consumed(FetchId id, std::size_t bytes) = 0;  // back-pressure (HttpClient::kWindow)
  virtual void set_rate(FetchId id, std::uint64_t bytes_per_second) = 0;
};

// `http` must outlive the Origin.
[[nodiscard]] std::unique_ptr<Origin> make_origin(HttpClient& http, Runtime runtime);

}  // namespace larder::origin
