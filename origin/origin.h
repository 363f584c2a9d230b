// The origin as a source: probe a version, fetch ranges of it, and never let a byte of another edition through. Loop
// thread only; events on the loop thread. Rules: docs/design.md, The origin; the checks themselves are pure
// (response_check.h).
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
