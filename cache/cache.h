// The cache: contents on disk, their index, space. Loop thread only; callbacks on the loop thread. Owned by main.
//
// Kept on one volume under <state>/contents. The rules (docs/design.md, The cache): synced before indexed, reserved
// before written, gives way to the user's data, never serves a file that is not as it was left.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/io/file_system.h"
#include "base/result.h"
#include "base/runtime/clock.h"
#include "base/runtime/worker_pool.h"
#include "cache/record/record.h"
#include "cache/write/content_writer.h"
#include "database/database.h"

namespace larder::cache {

struct CacheSettings {
  std::string state_directory;
  std::uint64_t max_size = 0;   // 0: the smaller of 20 % of the file system and 64 GiB
  std::uint64_t keep_free = 0;  // 0: 10 % of the file system
  Duration max_age = std::chrono::hours(24 * 90);
};

struct CacheFigures {
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;      // held by contents, partial ones included
  std::uint64_t max_size = 0;   // in force
  std::uint64_t keep_free = 0;  // in force
  std::uint64_t available = 0;  // of the file system
  std::uint64_t evicted = 0;    // records since start
  std::uint64_t dropped_damaged = 0;
};

// A read-only descriptor on a content; while it lives the content is not evicted.
class ContentLease {
 public:
  virtual ~ContentLease() = default;
  [[nodiscard]] virtual int descriptor() const = 0;  // O_RDONLY; owned by the lease
  [[nodiscard]] virtual File& file() = 0;            // for reads on worker threads
};

template <class T>
using Done = UniqueFunction<void(Result<T>)>;

class Cache {
 public:
  virtual ~Cache() = default;

  // The newest record for exactly this version, complete or partial. A hit checks the file (size, inode, modification
  // time); one that is not as it was left is dropped and not found. Missing is an empty optional.
  virtual void find(const Version& version, Done<std::optional<ContentInfo>> done) = 0;
  virtual void find_by_sha256(const Digest& sha256, Done<std::optional<ContentInfo>> done) = 0;
  // The newest complete, validated version of a URL, whatever its validators (offline-ok, later).
  virtual void find_newest(const std::string& url, Done<std::optional<ContentInfo>> done) = 0;
  virtual void get(const ContentId& id, Done<ContentInfo> done) = 0;
  // As this user may see it: not_found where it has not asked for it; of its versions those of its own URLs.
  virtual void get_for(const ContentId& id, std::uint32_t user, Done<ContentInfo> done) = 0;
  // What there is to go on with before the origin is asked, in one look at the index: whether any record is known for
  // this URL (its versions included), and the contents that `holder` holds in any state, shareable or not (an earlier
  // attempt of the same file). A read only: checks no file, counts as no use.
  struct Known {
    bool url = false;
    std::vector<ContentInfo> held;
  };
  virtual void known(const std::string& url, const std::string& holder, Done<Known> done) = 0;
  // The same for many that nothing is written for, in one look at the index; in the order of `questions`.
  struct Question {
    std::string url;
    std::string holder;
  };
  virtual void known_of(std::vector<Question> questions, Done<std::vector<Known>> done);

  // A new content of `version` (size may be unknown). Space for the whole is reserved first: evicts by rule, else
  // disk_full with what is missing. `bounded_by_cache` false: content that a job needs although the cache may not keep
  // it (over max_size, keep_free, not shareable); then only the file system's real end counts. `shareable` as in
  // ContentInfo. A content that no job refers to any more and that is not complete is dropped by `release`.
  struct Create {
    Version version;
    bool shareable = true;
    bool offered = true;  // as in ContentInfo; of the first who made it
    bool bounded_by_cache = true;
    // The plain SHA-256 will be wanted at the end: it is computed as the bytes come, where they come in order.
    bool want_sha256 = false;
    FirstAnswer first_answer = {};
  };
  virtual void create(Create what, Done<std::unique_ptr<ContentWriter>> done) = 0;
  // Goes on with a partial content. One writer per content at a time (busy). Where the last one was told to keep() what
  // it had of unfinished segments, not longer ago than kKeptFor, that is there too; of the kMaxKept contents that were
  // left last. known() tells their holders of them like of others.
  static constexpr Duration kKeptFor = std::chrono::minutes(20);
  static constexpr std::size_t kMaxKept = 64;
  virtual void resume(const ContentId& id, Done<std::unique_ptr<ContentWriter>> done) = 0;
  // Read access to a complete content (or a set-aside one, for inspection); counts as use.
  virtual void open(const ContentId& id, Done<std::shared_ptr<ContentLease>> done) = 0;
  // Read access to the committed segments of a partial content, for early copies; not a use.
  virtual void open_partial(const ContentId& id, Done<std::shared_ptr<ContentLease>> done) = 0;
  // Reads the content once (disk threads) for a digest; stored with the record.
  virtual void compute_sha256(const ContentId& id, Done<Digest> done) = 0;

  // References keep a content from eviction; each is (holder, content) with holder = file id, durable, idempotent. That
  // the holder's user asked for the content is remembered as long as there is a record, of kMaxAskers at the most.
  virtual void hold(const ContentId& id, const Holder& holder, Done<void> done) = 0;
  virtual void release(const ContentId& id, const std::string& holder, Done<void> done) = 0;
  // The end of a job: those that are `validated` are marked so, then all references are taken away, in one go. What is
  // gone already is passed over.
  using Reference = cache::Reference;
  virtual void let_go(std::vector<Reference> references, Done<void> done);
  // Drops references whose holder is not in `alive` (start-up; `alive` ascending).
  virtual void release_all_but(std::vector<std::string> alive, Done<void> done) = 0;

  virtual void mark_validated(const ContentId& id, Done<void> done) = 0;
  // A private content whose every byte a caller's digest proved, and which was private for want of a validator alone:
  // it is found by that digest from now on, by nothing else, on this machine alone (not offered). Changes nothing of
  // one that is not complete, is known by a validator or by two URLs, or has no SHA-256.
  virtual void share_by_digest(const ContentId& id, Done<void> done) = 0;
  // Removes record and file. Open leases stay readable.
  virtual void drop(const ContentId& id, Done<void> done) = 0;
  // Its bytes are not what is published as `version`: from now on it is not known by that. A record that is known by no
  // other is set aside: never found, never offered, and nothing is merged into it; it stays readable for those who hold
  // it and while it is pinned, and is dropped when neither is so any more.
  virtual void set_aside(const ContentId& id, const Version& version, Done<void> done) = 0;
  // The same at the word of one holder, for a content that is its own: fetched whole on its account, held by nobody
  // else, neither validated nor pinned. busy where others have to do with it: nothing is changed then.
  virtual void set_aside_own(const ContentId& id, const std::string& holder, Done<void> done) = 0;
  // A partial content that goes on as another version, that is with bytes of another URL or of a request that is not to
  // be shared: it is private from now on and for good (not shareable). Only where nobody but `holder` has to do with
  // it: busy when others hold it or it is being written; invalid_state when it is not partial.
  virtual void go_on_privately(const ContentId& id, const std::string& holder, const Version& version,
                               Done<void> done) = 0;
  // What vouches for committed segments from now on (SegmentInfo::attestation), in the place of what did; those that
  // are not there are left out. Too long: invalid_argument, and nothing is changed.
  using Vouching = std::vector<std::pair<std::uint64_t, std::vector<std::byte>>>;  // segment, attestation
  virtual void set_attestations(const ContentId& id, Vouching attestations, Done<void> done) = 0;

  virtual void pin(const ContentId& id, bool pinned, Done<void> done) = 0;
  virtual void remove(const ContentId& id, Done<void> done) = 0;  // by the user: busy while held or leased
  virtual void remove_url(const std::string& url, Done<std::uint64_t> done) = 0;  // how many records
  virtual void clear(Done<std::uint64_t> done) = 0;  // all that is not held, leased or pinned
  virtual void list(ListQuery query, Done<std::vector<ContentInfo>> done) = 0;
  virtual void segments(const ContentId& id, Done<std::vector<SegmentInfo>> done) = 0;
  // The leaf hashes of `count` committed segments from `first_segment` on, one after another; at most kMaxLeaves
  // (too_large). not_found when a segment of them is not there.
  static constexpr std::uint64_t kMaxLeaves = 256 * kKiB;  // 4 GiB of content, 8 MiB of hashes
  virtual void leaves(const ContentId& id, std::uint64_t first_segment, std::uint64_t count,
                      Done<std::vector<Digest>> done) = 0;
  // What may be offered to others: shareable contents. `segments` is empty for one that is complete and validated: it
  // is offered whole. Of any other (partial, or without its verdict) the committed segments, ascending.
  using Offerable = cache::Offerable;
  // Paged, in order of id, from above `after_id`; less than `limit` (at most 1000) only at the end. A read only.
  virtual void offerable(const ContentId& after_id, std::size_t limit, Done<std::vector<Offerable>> done) = 0;
  // `changed` is called whenever what is offerable of a content may have changed: a segment committed, completed,
  // validated, another version, dropped, evicted, set aside. get() and segments() then tell what it is now; not_found:
  // it is gone. Never from within a call. One observer: a later call replaces it, an empty one ends it.
  virtual void observe(std::function<void(const ContentId&)> changed) = 0;
  virtual void figures(Done<CacheFigures> done) = 0;
  virtual void apply(const CacheSettings& settings) = 0;  // new limits (SIGHUP); evicts in the background
  // In the background after start: files without a record, records without a file, ages. Runs in small steps.
  virtual void start_maintenance() = 0;
  // Has `answer` called on the thread that makes files durable when its turn comes: a watchdog's question. False where
  // that takes none now.
  virtual bool ask_sync(UniqueFunction<void()> answer) {
    answer();
    return true;
  }
};

// `disk` is used for content I/O and hashing. The database was opened with cache_schema() (schema.h).
[[nodiscard]] Result<std::unique_ptr<Cache>> make_cache(const CacheSettings& settings, Runtime runtime,
                                                        FileSystem& files, WorkerPool& disk, Database& database);

}  // namespace larder::cache
