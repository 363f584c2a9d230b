#include "cache/space_keeper.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "base/io/log.h"
#include "cache/record/retention.h"

namespace larder::cache {
namespace {

// How long results of statvfs and of the index's totals are used; the ledger counts the cache's own changes meanwhile.
constexpr Duration kFresh = std::chrono::seconds(1);
constexpr std::size_t kCandidates = 64;
// Least bytes to free when a write finds the disk full: other writes will need room too.
constexpr std::uint64_t kRoomStep = 64 * kMiB;

}  // namespace

SpaceKeeper::SpaceKeeper(Runtime runtime, DiskQueue& disk, Database& database, FileSystem& files, std::string directory,
                         const CacheSettings& settings, DiskSpace disk_space, Hooks hooks)
    : runtime_(runtime),
      disk_(disk),
      database_(database),
      files_(files),
      directory_(std::move(directory)),
      settings_(settings),
      hooks_(std::move(hooks)) {
  ledger_.measured_disk(disk_space);
  ledger_.set_limits(limits_in_force(settings.max_size, settings.keep_free, disk_space.total));
}

void SpaceKeeper::apply(const CacheSettings& settings) {
  settings_ = settings;
  ledger_.set_limits(limits_in_force(settings.max_size, settings.keep_free, ledger_.disk().total));
  evict_overdrawn();
}

bool SpaceKeeper::is_fresh() const {
  return measured_at_ && runtime_.clock.now() - *measured_at_ < kFresh;
}

void SpaceKeeper::measure(UniqueFunction<void(Status)> done) {
  if (is_fresh()) return done({});
  measure_waiters_.push_back(std::move(done));
  if (measuring_) return;
  measuring_ = true;
  disk_.submit([this, &files = files_, directory = directory_]() -> Task {
    return [this, space = files.space(directory)] {
      if (!space) return measured(tl::unexpected(space.error()));
      read_totals(*space);
    };
  });
}

void SpaceKeeper::read_totals(DiskSpace disk) {
  database_.read<index::Totals>(
      "read the cache's totals", [busy = hooks_.busy()](SQLite::Database& db) { return index::totals(db, busy); },
      alive_.guard([this, disk](Result<index::Totals> totals) {
        if (!totals) return measured(tl::unexpected(totals.error()));
        totals_ = *totals;
        ledger_.measured_disk(disk);
        ledger_.measured_index(totals->bounded_bytes, totals->evictable_bytes);
        ledger_.set_limits(limits_in_force(settings_.max_size, settings_.keep_free, disk.total));
        measured_at_ = runtime_.clock.now();
        measured({});
      }));
}

void SpaceKeeper::measured(Status status) {
  measuring_ = false;
  auto waiters = std::exchange(measure_waiters_, {});
  for (auto& waiter : waiters) waiter(status);
}

void SpaceKeeper::reserve(const ContentId& id, std::uint64_t size, std::uint64_t held, bool bounded,
                          UniqueFunction<void(Status)> done) {
  measure([this, id, size, held, bounded, done = std::move(done)](Status status) mutable {
    if (!status) return done(status);
    // Reserved before the decision, so that two contents at the same time do not count on the same room.
    ledger_.reserve(id, size, held, bounded);
    decide(id, std::move(done));
  });
}

void SpaceKeeper::decide(const ContentId& id, UniqueFunction<void(Status)> done) {
  if (ledger_.has(id)) return done({});
  // Evictable bytes change with every hold and lease: on old figures records would be evicted for nothing.
  invalidate();
  measure([this, id, done = std::move(done)](Status status) mutable {
    if (!status || !ledger_.can_have(id)) return refuse(id, std::move(done));
    evict(0, [this, id, done = std::move(done)](std::uint64_t) mutable {
      if (ledger_.has(id)) return done({});
      refuse(id, std::move(done));
    });
  });
}

void SpaceKeeper::refuse(const ContentId& id, UniqueFunction<void(Status)> done) {
  // The message must give the figures of now.
  invalidate();
  measure([this, id, done = std::move(done)](Status status) mutable {
    if (status && ledger_.has(id)) return done({});
    const std::string doing = fmt::format("store content {} in {}", id, settings_.state_directory);
    const std::string missing = status ? ledger_.explain(id) : status.error().text();
    ledger_.release(id);
    done(fail(ErrorCode::disk_full, doing, missing));
  });
}

void SpaceKeeper::make_room(const ContentId& id, std::uint64_t bytes, UniqueFunction<void(Status)> done) {
  invalidate();
  measure([this, id, bytes, done = std::move(done)](const Status&) mutable {
    // Enough was removed already but is still open somewhere: evicting more would free as little.
    const bool in_vain = ledger_.unlinked() >= bytes && ledger_.disk().available < bytes;
    if (in_vain) return refuse_full(id, std::move(done));
    evict_for(id, bytes, std::move(done));
  });
}

void SpaceKeeper::evict_for(const ContentId& id, std::uint64_t bytes, UniqueFunction<void(Status)> done) {
  evict(std::max(bytes, kRoomStep), [this, id, done = std::move(done)](std::uint64_t freed) mutable {
    invalidate();
    if (freed > 0) return done({});
    refuse_full(id, std::move(done));
  });
}

void SpaceKeeper::refuse_full(const ContentId& id, UniqueFunction<void(Status)> done) {
  measure([this, id, done = std::move(done)](const Status&) mutable {
    const std::string doing = fmt::format("store content {} in {}", id, settings_.state_directory);
    done(fail(ErrorCode::disk_full, doing, "no space left on the device; " + ledger_.explain(id)));
  });
}

void SpaceKeeper::evict_overdrawn() {
  measure([this](Status status) {
    if (!status) return log::warn("cannot check the cache's space error=\"{}\"", status.error().text());
    if (ledger_.overdrawn() > 0) evict(0, [](std::uint64_t) {});
  });
}

std::uint64_t SpaceKeeper::to_free() const {
  return std::max(ledger_.overdrawn(), evictor_.wanted - std::min(evictor_.wanted, evictor_.freed));
}

void SpaceKeeper::evict(std::uint64_t wanted, UniqueFunction<void(std::uint64_t freed)> done) {
  evictor_.wanted = std::max(evictor_.wanted, wanted);
  evictor_.waiters.push_back(std::move(done));
  if (evictor_.running) return;
  evictor_.running = true;
  evict_step(std::nullopt);
}

void SpaceKeeper::evict_step(std::optional<index::Candidate> after) {
  if (to_free() == 0) return evict_end();
  database_.read<std::vector<index::Candidate>>(
      "choose what to evict",
      [after = std::move(after)](SQLite::Database& db) { return index::candidates(db, after, kCandidates); },
      alive_.guard([this](Result<std::vector<index::Candidate>> candidates) {
        if (!candidates) log::warn("cannot evict error=\"{}\"", candidates.error().text());
        if (!candidates || candidates->empty()) return evict_end();
        evict_chosen(std::move(*candidates));
      }));
}

void SpaceKeeper::evict_chosen(std::vector<index::Candidate> candidates) {
  const std::vector<ContentId> busy_list = hooks_.busy();
  const std::set<ContentId> busy(busy_list.begin(), busy_list.end());
  std::vector<EvictionCandidate> oldest_first;
  for (const index::Candidate& candidate : candidates) {
    if (busy.count(candidate.id) == 0) oldest_first.push_back({candidate.id, candidate.bytes});
  }
  std::vector<ContentId> ids;
  for (EvictionCandidate& victim : choose_victims(std::move(oldest_first), to_free())) ids.push_back(victim.id);
  if (ids.empty()) return evict_step(candidates.back());
  hooks_.evict(std::move(ids), [this, last = candidates.back()](Result<std::vector<index::Removed>> removed) {
    evicted_some(last, removed);
  });
}

void SpaceKeeper::evicted_some(const index::Candidate& last, const Result<std::vector<index::Removed>>& removed) {
  if (!removed) {
    log::warn("cannot evict error=\"{}\"", removed.error().text());
    return evict_end();
  }
  evicted_ += removed->size();
  for (const index::Removed& one : *removed) evictor_.freed += one.bytes;
  // If none of this batch was evicted, all of it has changed meanwhile: go on after it.
  evict_step(removed->empty() ? std::optional(last) : std::nullopt);
}

void SpaceKeeper::evict_end() {
  Evictor ended = std::exchange(evictor_, {});
  for (auto& waiter : ended.waiters) waiter(ended.freed);
}

}  // namespace larder::cache
