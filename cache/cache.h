// The cache: contents on disk, their index, space. Owned by main.
// Thread: loop thread only; callbacks come on the loop thread, after the call has returned. No callback comes after the
// Cache was destroyed.
//
// Kept on one volume under <state>/contents. The rules (docs/design.md, The cache): a segment is synced before it is in
// the index, space is reserved before it is written, the user's data goes first, a file that has changed is not served.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/index.h"
#include "base/io/file_system.h"
#include "base/result.h"
#include "base/runtime/clock.h"
#include "base/runtime/worker_pool.h"
#include "cache/cache_figures.h"
#include "cache/content_lease.h"
#include "cache/done.h"
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

class Cache {
 public:
  virtual ~Cache() = default;

  // Finds the newest shareable record for exactly this version, complete or partial; none for a version without a
  // validator. Checks the file (size, inode, modification time), except while it is being written. A record whose file
  // has changed is dropped, and the next one is looked for. Empty optional: not found. find_by_sha256() and
  // find_newest() check alike.
  virtual void find_version(const Version& version, Done<std::optional<ContentInfo>> done) = 0;
  // Finds a complete, shareable record.
  virtual void find_by_sha256(const Digest& sha256, Done<std::optional<ContentInfo>> done) = 0;
  // Finds the newest complete, validated, shareable version of a URL, whatever its validators (offline_ok).
  virtual void find_newest(const std::string& url, Done<std::optional<ContentInfo>> done) = 0;
  virtual void get(const ContentId& id, Done<ContentInfo> done) = 0;
  // Returns the record as this user may see it: only the versions of URLs that the user has asked for. Error:
  // not_found, also for a content that the user has not asked for.
  virtual void get_for(const ContentId& id, std::uint32_t user, Done<ContentInfo> done) = 0;
  // Returns what can be used before the origin is asked, by one query of the index: whether any record is known for
  // this URL (its versions included), and the contents that `holder` holds in any state, shareable or not (an earlier
  // attempt of the same file). Waits for writers of these contents that were given up and still commit. Read only:
  // checks no file, is not counted as a use.
  using Known = KnownContents;
  virtual void find_known(const std::string& url, const std::string& holder, Done<Known> done) = 0;
  // The same for many questions, in their order, by one query of the index for all that need not wait.
  struct Question {
    std::string url;
    std::string holder;
  };
  virtual void find_known_of(std::vector<Question> questions, Done<std::vector<Known>> done);

  // Makes a new content of `version` (size may be unknown). Reserves space for the whole first, evicting by rule.
  // Error: disk_full, which says what is missing. `bounded_by_cache` false: a job needs the content although the cache
  // may not keep it (over max_size, keep_free, not shareable); then only SpaceLimits::keep_free_of_jobs limits it.
  // `shareable` as in ContentInfo.
  struct Create {
    Version version;
    bool shareable = true;
    bool offered = true;  // as in ContentInfo; by the first request for it
    bool bounded_by_cache = true;
    // The plain SHA-256 is wanted at the end: it is computed while the bytes arrive, if they arrive in order.
    bool want_sha256 = false;
    FirstAnswer first_answer = {};
  };
  virtual void create(Create what, Done<std::unique_ptr<ContentWriter>> done) = 0;
  // Makes a writer for a partial content; waits while segments of the last writer are being committed. Unfinished
  // segments that the last writer was told to keep_unfinished() are there again, for kKeptFor and for the kMaxKept
  // contents that were left last. find_known() returns such contents too. Error: busy while another writer lives.
  static constexpr Duration kKeptFor = std::chrono::minutes(20);
  static constexpr std::size_t kMaxKept = 64;
  virtual void resume(const ContentId& id, Done<std::unique_ptr<ContentWriter>> done) = 0;
  // Gives read access to a complete content (or a set-aside one, for inspection); counted as a use. Error:
  // content_damaged if the file has changed; its record is dropped.
  virtual void open(const ContentId& id, Done<std::shared_ptr<ContentLease>> done) = 0;
  // Gives read access to the committed segments of a partial content, for early copies; not counted as a use.
  virtual void open_partial(const ContentId& id, Done<std::shared_ptr<ContentLease>> done) = 0;
  // Returns the digest of the record, or reads the content once (disk threads) and stores it with the record.
  virtual void compute_sha256(const ContentId& id, Done<Digest> done) = 0;

  // Adds a reference, which keeps the content from eviction: (holder, content) with holder = file id. Idempotent;
  // durable once the content has a record, that is with its first commit. The record also remembers the user and URL
  // that asked for the content (up to kMaxAskers such pairs).
  virtual void hold(const ContentId& id, const Holder& holder, Done<void> done) = 0;
  // Takes a reference away. With the last one the content is dropped, unless it is complete, shareable and within the
  // cache's limits (retention.h).
  virtual void release(const ContentId& id, const std::string& holder, Done<void> done) = 0;
  // Ends the references of a job: marks those contents validated for which it says so, then releases all, in one
  // transaction (contents that are being written: one by one). Records that are gone are passed over.
  using Reference = cache::Reference;
  virtual void let_go(std::vector<Reference> references, Done<void> done);
  // Drops references whose holder is not in `alive` (start-up; `alive` ascending).
  virtual void release_all_but(std::vector<std::string> alive, Done<void> done) = 0;

  virtual void mark_validated(const ContentId& id, Done<void> done) = 0;
  // Makes a private content findable by its digest, by nothing else, and on this machine only (not offered). For a
  // content whose every byte a caller's digest proved, and that is private only for want of a validator. Changes
  // nothing if the content is not complete, has a validator or two URLs, or has no SHA-256.
  virtual void share_by_digest(const ContentId& id, Done<void> done) = 0;
  // Removes record and file, also while the content is held, leased or being written. Open leases stay readable.
  virtual void drop(const ContentId& id, Done<void> done) = 0;
  // Called when the bytes are not those published as `version`: the record loses that version. A record without another
  // version is set aside: it is never found or offered, and no content is merged into it. It stays readable while it is
  // held or pinned, then it is dropped. Error: busy while it is being written.
  virtual void set_aside(const ContentId& id, const Version& version, Done<void> done) = 0;
  // Sets a content aside by the word of its only holder. Error: busy, and nothing is changed, if another file holds it
  // or fetched a segment of it, or if it is validated, pinned or being written.
  virtual void set_aside_own(const ContentId& id, const std::string& holder, Done<void> done) = 0;
  // Lets a partial content go on as another version, that is with bytes of another URL or of a private request. It is
  // private from then on. Error: busy if another file holds it or it is being written; invalid_state if it is not
  // partial.
  virtual void go_on_privately(const ContentId& id, const std::string& holder, const Version& version,
                               Done<void> done) = 0;
  // Replaces the attestations of committed segments (SegmentInfo::attestation). Segments that are not committed are
  // passed over. Error: invalid_argument, and nothing is changed, if one is too long.
  using Vouching = std::vector<std::pair<std::uint64_t, std::vector<std::byte>>>;  // segment, attestation
  virtual void set_attestations(const ContentId& id, Vouching attestations, Done<void> done) = 0;

  virtual void pin(const ContentId& id, bool pinned, Done<void> done) = 0;
  virtual void remove(const ContentId& id, Done<void> done) = 0;  // for users: busy while held, leased or written
  virtual void remove_url(const std::string& url, Done<std::uint64_t> done) = 0;  // returns the number of records
  virtual void clear(Done<std::uint64_t> done) = 0;  // all records not held, leased, pinned or being written
  virtual void list(ListQuery query, Done<std::vector<ContentInfo>> done) = 0;
  virtual void segments(const ContentId& id, Done<std::vector<SegmentInfo>> done) = 0;
  // Returns the leaf hashes of `count` committed segments from `first_segment` on, one after another. Error: too_large
  // above kMaxLeaves, invalid_argument beyond the content's end, not_found if a segment is not committed.
  static constexpr std::uint64_t kMaxLeaves = 256 * kKiB;  // 4 GiB of content, 8 MiB of hashes
  virtual void leaves(const ContentId& id, SegmentIndex first_segment, std::uint64_t count,
                      Done<std::vector<Digest>> done) = 0;
  // Returns a page of the contents that may be offered to neighbours, in order of id, from above `after_id`; fewer than
  // `limit` (at most 1000) only at the end. Read only.
  using Offerable = cache::Offerable;
  virtual void offerable(const ContentId& after_id, std::size_t limit, Done<std::vector<Offerable>> done) = 0;
  // Registers `changed`, called whenever the offerable part of a content may have changed: a segment committed,
  // completed, validated, another version, dropped, evicted, set aside. get() and segments() return the new state;
  // not_found: the content is gone. Never called within a call. One observer: a later call replaces it, an empty one
  // ends it.
  virtual void observe(std::function<void(const ContentId&)> changed) = 0;
  virtual void figures(Done<CacheFigures> done) = 0;
  virtual void apply(const CacheSettings& settings) = 0;  // new limits (SIGHUP); evicts in the background
  // Starts the checks in the background: files without a record, records without a file, ages. Runs in small steps.
  virtual void start_maintenance() = 0;
  // Queues `answer` to be called on the sync thread; a watchdog sees by it whether that thread still runs. False: it
  // was not queued, since another one waits.
  virtual bool ask_sync(UniqueFunction<void()> answer) {
    answer();
    return true;
  }
};

// `disk` is used for content I/O and hashing. The database was opened with cache_schema() (schema.h).
[[nodiscard]] Result<std::unique_ptr<Cache>> make_cache(const CacheSettings& settings, Runtime runtime,
                                                        FileSystem& files, WorkerPool& disk, Database& database);

}  // namespace larder::cache
