// Downloads one file: from the cache if it is there, otherwise segment by segment from peers and the origin. Equal
// requests share one download. Loop thread only.
//
// A transfer ends with a complete content in the cache, or with an error. It gives no verdict (agent/verdict) and does
// not retry a failed attempt (agent/jobs decides when). It restarts by itself when the origin's edition changed midway,
// at most 3 times (docs/design.md, The origin).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/fair_places.h"
#include "base/hash/digest.h"
#include "base/result.h"
#include "base/runtime/clock.h"
#include "base/runtime/worker_pool.h"
#include "base/text/units.h"
#include "cache/record/record.h"
#include "origin/origin.h"
#include "peer/crowd/crowd_figures.h"

namespace larder::cache {
class Cache;
}

namespace larder::peer {
class Neighbours;
}

namespace larder::agent {

// Where the bytes of one file came from. origin + peers + cache == size for a finished file; these three describe the
// content, over all attempts. `wasted` is not part of the size (bytes fetched and thrown away: other editions, partial
// blocks, bytes judged bad). It counts from one start() on, so the caller adds up the waste of several attempts.
struct SourceFigures {
  std::uint64_t origin = 0;
  std::uint64_t peers = 0;
  std::uint64_t cache = 0;
  std::uint64_t wasted = 0;
};

struct TransferRequest {
  std::string file_id;                // of agent/jobs; holder of the content, account of the bytes
  std::optional<std::uint32_t> user;  // owner of the job: remembered with the content
  Want want;                          // user and urgency of the request in the origin's queue
  origin::Target target;
  std::vector<ByteRange> ranges;  // empty: the whole; else consecutive in the result, as BITS does; never shared
  std::optional<Digest> sha256;   // given by the caller: a cached content with it is taken, the origin is not asked
  bool origin_alone = false;      // after the verdict "not valid": a new content, neither from the cache nor from peers
  bool no_cache = false;          // ask the origin again even where the cache has the digest
  bool store = true;              // false: not kept for others afterwards
  bool want_sha256 = false;
  unsigned parallel_ranges = 1;
  std::uint64_t max_rate = 0;                   // bytes/s, 0 = unlimited
  std::uint64_t max_size = 0;                   // refuse larger contents (too_large); 0 = no limit
  bool use_peers = true;                        // take bytes from neighbours where they have them
  bool share = true;                            // offer it to neighbours, now and afterwards
  bool offline_ok = false;                      // the origin cannot be reached: the newest validated edition is enough
  Duration patience = std::chrono::seconds(5);  // time with too slow peers before the origin helps
  std::uint64_t peer_min_rate = 256 * kKiB;     // bytes/s of all peers together; 0: any rate is enough
  // The cache's answer about this URL and file, and when it was asked. The transfer asks again if there is none, or if
  // a content of the URL was fetched since.
  std::optional<cache::KnownContents> known;
  SteadyTime known_at{};
};

struct TransferResult {
  cache::ContentInfo content;
  SourceFigures figures;
  std::optional<Digest> sha256;         // where wanted, or given by the caller
  std::optional<Digest> origin_sha256;  // digest promised by Repr-Digest or Digest; the verdict compares
  // The version named by the origin or by offline_ok; none where the caller's digest alone found the content.
  std::optional<cache::Version> version;
  std::string effective_url;
  std::string note;  // "one stream: the origin cannot resume", "not shared: the origin says no-store", or empty
  origin::Privacy privacy = origin::Privacy::shareable;  // why no other user or agent may have it
  // When this edition was fetched from the origin, if the origin could not be asked (offline_ok).
  std::optional<WallTime> offline;
  std::string file_name;  // named by the origin's answer; empty: no name, or not asked
};

struct TransferProgress {
  std::optional<std::uint64_t> size;
  std::uint64_t bytes = 0;  // so far, all sources
  SourceFigures figures;
  std::optional<cache::Version> version;
  cache::ContentId content;      // once known: its committed segments can be read already
  std::uint64_t contiguous = 0;  // bytes from the start that are committed
  unsigned restarts = 0;
  std::string note;
  origin::Privacy privacy = origin::Privacy::shareable;
  std::optional<peer::CrowdFigures> crowd;  // while downloaded in a crowd
  std::string file_name;                    // as in TransferResult
};

// Events of one transfer: never from within start(), and none after stop(). An event may call stop().
class TransferEvents {
 public:
  virtual ~TransferEvents() = default;
  virtual void on_connected() = 0;  // at most once: the first answer, or a hit in the cache
  // At most every 100 ms while bytes arrive; besides at commits, at a restart, and when the content is chosen.
  virtual void on_progress(const TransferProgress& now) = 0;
  virtual void on_done(Result<TransferResult> result) = 0;  // once, last
};

using TransferId = std::uint64_t;

class Transfers {
 public:
  virtual ~Transfers() = default;
  virtual TransferId start(TransferRequest request, std::shared_ptr<TransferEvents> events) = 0;
  // Ends the transfer without events. Committed segments stay held by file_id, and the next start() continues them; so
  // do complete blocks of unfinished segments when the last member leaves and the edition has a validator.
  virtual void stop(TransferId id) = 0;
  virtual void set_rate(TransferId id, std::uint64_t bytes_per_second) = 0;
  // Reports that a content is not the one published as `version`: the attesters of its bytes are remembered
  // (docs/decisions/0024-blame.md). Content `fresh`, unless empty, is what this agent fetched since from the origin
  // itself: it is the evidence against them. `done` is always called, also after this object is gone.
  virtual void judged_bad(cache::Version version, const cache::ContentId& content, const cache::ContentId& fresh,
                          UniqueFunction<void()> done) = 0;
  [[nodiscard]] virtual std::size_t active() const = 0;
};

// `disk` copies ranges out of cached contents. `neighbours` is null for an agent without peers. All referents must
// outlive the result.
[[nodiscard]] std::unique_ptr<Transfers> make_transfers(cache::Cache& cache, origin::Origin& origin, Runtime runtime,
                                                        WorkerPool& disk, peer::Neighbours* neighbours = nullptr);

}  // namespace larder::agent
