// Getting one file: from the cache where it is there, otherwise segment by segment from sources: peers and the origin.
// Equal requests share one transfer. Loop thread only.
//
// A transfer ends with a complete content in the cache's store, whole or not at all: it never judges (agent/verdict),
// never retries a failed attempt later (agent/jobs decides when), but restarts itself when the origin's edition changed
// midway, at most 3 times (docs/design.md, The origin).
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
#include "cache/cache.h"
#include "origin/origin.h"
#include "peer/crowd/crowd_figures.h"

namespace larder::peer {
class Neighbours;
}

namespace larder::agent {

// Where the bytes of one file came from. origin + peers + cache == size for a finished file; wasted is apart
// (fetched and thrown away: other editions, partial blocks, bytes judged bad), and counts from one start() of a
// transfer on: the caller adds up the waste of several attempts, the other three are of the content and stand for
// themselves.
struct SourceFigures {
  std::uint64_t origin = 0;
  std::uint64_t peers = 0;
  std::uint64_t cache = 0;
  std::uint64_t wasted = 0;
};

struct TransferRequest {
  std::string file_id;                // of agent/jobs; holder of the content and account of the bytes
  std::optional<std::uint32_t> user;  // whose job it is: remembered with the content
  Want want;                          // on whose account it takes its turn at the origin, and how urgent it is there
  origin::Target target;
  std::vector<ByteRange> ranges;  // empty: the whole; else consecutive in the result, as BITS does; never shared
  std::optional<Digest> sha256;   // of the caller: the cache may answer by it alone, without asking the origin
  bool origin_alone = false;      // after a verdict of "not valid": neither cache nor peers, a fresh content
  bool no_cache = false;          // the caller wants the origin asked anew even for a hit by digest
  bool store = true;              // false: not kept for others afterwards
  bool want_sha256 = false;
  unsigned parallel_ranges = 1;
  std::uint64_t max_rate = 0;                   // bytes/s, 0 = unlimited
  std::uint64_t max_size = 0;                   // refuse larger contents (too_large); 0 = no limit
  bool use_peers = true;                        // take bytes from neighbours where they have them
  bool share = true;                            // offer it to neighbours, now and afterwards
  bool offline_ok = false;                      // the origin cannot be reached: the newest validated edition will do
  Duration patience = std::chrono::seconds(5);  // with peers that deliver too little, before the origin is asked too
  std::uint64_t peer_min_rate = 256 * kKiB;     // bytes/s of all peers together; 0: any is enough
  // What the cache has said that it knows of this URL and this file, and when it was asked; none: it is asked again.
  std::optional<cache::Cache::Known> known;
  SteadyTime known_at{};
};

struct TransferResult {
  cache::ContentInfo content;
  SourceFigures figures;
  std::optional<Digest> sha256;         // where wanted, or given by the caller
  std::optional<Digest> origin_sha256;  // what Repr-Digest / Digest promised; the verdict compares
  // The one that the origin, or offline_ok, named; none where the caller's digest alone found the content.
  std::optional<cache::Version> version;
  std::string effective_url;
  std::string note;  // "one stream: the origin cannot resume", "not shared: the origin says no-store", or empty
  origin::Privacy privacy = origin::Privacy::shareable;  // why nobody else may have it
  // The origin could not be asked (offline_ok): when this edition was fetched from it.
  std::optional<WallTime> offline;
  std::string file_name;  // as the origin's answer named it; empty: it did not, or was not asked
};

struct TransferProgress {
  std::optional<std::uint64_t> size;
  std::uint64_t bytes = 0;  // so far, all sources
  SourceFigures figures;
  std::optional<cache::Version> version;
  cache::ContentId content;      // once known; early copies read its committed segments
  std::uint64_t contiguous = 0;  // bytes from the start that are committed
  unsigned restarts = 0;
  std::string note;
  origin::Privacy privacy = origin::Privacy::shareable;
  std::optional<peer::CrowdFigures> crowd;  // while it is got together with others
  std::string file_name;                    // as in TransferResult
};

class TransferEvents {
 public:
  virtual ~TransferEvents() = default;
  virtual void on_connected() = 0;                            // the first answer; the file is transferring
  virtual void on_progress(const TransferProgress& now) = 0;  // at most every 100 ms, and at each committed segment
  virtual void on_done(Result<TransferResult> result) = 0;    // once, last; not after stop()
};

using TransferId = std::uint64_t;

class Transfers {
 public:
  virtual ~Transfers() = default;
  virtual TransferId start(TransferRequest request, std::shared_ptr<TransferEvents> events) = 0;
  // The caller no longer wants it now. What is committed stays (held by file_id) and is gone on with at the next start.
  virtual void stop(TransferId id) = 0;
  virtual void set_rate(TransferId id, std::uint64_t bytes_per_second) = 0;
  // A content is not what is published as `version`: who vouched for bytes of it is remembered
  // (docs/decisions/0024-blame.md), and held against what this agent has now from the origin itself as content `fresh`,
  // where there is one. `done` always comes.
  virtual void judged_bad(cache::Version version, const cache::ContentId& content, const cache::ContentId& fresh,
                          UniqueFunction<void()> done) = 0;
  [[nodiscard]] virtual std::size_t active() const = 0;
};

// `disk` copies ranges out of cached contents. `neighbours` is null for an agent that is alone. All referents outlive
// the result.
[[nodiscard]] std::unique_ptr<Transfers> make_transfers(cache::Cache& cache, origin::Origin& origin, Runtime runtime,
                                                        WorkerPool& disk, peer::Neighbours* neighbours = nullptr);

}  // namespace larder::agent
