// References, and every removal of a record.
#include <SQLiteCpp/Database.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/io/log.h"
#include "cache/cache_impl.h"

namespace larder::cache {
namespace {

constexpr std::size_t kBatch = 256;

}  // namespace

struct CacheImpl::Releasing {
  std::vector<std::string> alive;  // ascending
  index::Hold last;
  std::vector<index::Hold> dead;
  bool more = true;
  Done<void> done;
};

bool CacheImpl::busy(const ContentId& id) {
  return active(id) != nullptr || leases_->leased(id);
}

std::vector<ContentId> CacheImpl::busy_contents() {
  std::vector<ContentId> ids = leases_->all();
  for (const auto& [id, content] : active_) {
    if (!leases_->leased(id)) ids.push_back(id);
  }
  return ids;
}

void CacheImpl::remove_files(std::vector<ContentId> ids, Task then) {
  std::vector<std::string> paths;
  paths.reserve(ids.size());
  for (const ContentId& id : ids) {
    recent_.forget(id);
    paths.push_back(layout_.content_path(id));
  }
  disk_.submit([&files = files_, paths = std::move(paths), then = std::move(then)]() mutable -> Task {
    for (const std::string& path : paths) {
      // A file that cannot be removed has no record any more: maintenance removes it after the next start.
      if (Status removed = files.remove(path); !removed) {
        log::warn("cannot remove a content's file error=\"{}\"", removed.error().text());
      }
    }
    return std::move(then);
  });
}

void CacheImpl::erase_secrets(const Removed& removed) {
  const bool any = std::any_of(removed.begin(), removed.end(), [](const index::Removed& one) { return one.secret; });
  if (any) database_.erase_traces();
}

void CacheImpl::remove_records(std::vector<ContentId> ids, index::RemoveOnly only, Done<Removed> done) {
  if (ids.empty()) return answer<Removed>(std::move(done), Removed{});
  for (const ContentId& id : ids) recent_.forget(id);
  write_for<Removed>(
      "remove records", [ids = std::move(ids), only](SQLite::Database& db) { return index::remove(db, ids, only); },
      [this, only, done = std::move(done)](Result<Removed> removed) mutable {
        if (!removed || removed->empty()) return done(std::move(removed));
        erase_secrets(*removed);
        std::vector<ContentId> files;
        for (const index::Removed& one : *removed) {
          files.push_back(one.id);
          changed(one.id);
        }
        remove_files(std::move(files), [this, only, removed = std::move(removed), done = std::move(done)]() mutable {
          for (const index::Removed& one : *removed) {
            space_.ledger().removed(one.bytes, one.bounded, only == index::RemoveOnly::evictable);
          }
          done(std::move(removed));
        });
      });
}

void CacheImpl::drop_damaged(const ContentId& id, const std::string& why, UniqueFunction<void(Status)> then) {
  remove_records({id}, index::RemoveOnly::any,
                 [this, id, why, then = std::move(then)](Result<Removed> removed) mutable {
                   if (!removed) {
                     log::error("cannot drop a damaged record content={} reason=\"{}\" error=\"{}\"", id, why,
                                removed.error().text());
                     return then(tl::unexpected(removed.error()));
                   } else if (!removed->empty()) {
                     ++dropped_damaged_;
                     log::warn("record dropped: its file is not as it was left content={} reason=\"{}\"", id, why);
                   }
                   then({});
                 });
}

// Ends the writer: it commits no further segment, and a disk job that still makes the file removes it again.
void CacheImpl::stop_active(const ContentId& id) {
  Active* content = active(id);
  if (content == nullptr) return;
  if (content->core) content->core->cancel();
  end_active(id, id);
}

void CacheImpl::drop(const ContentId& id, Done<void> done) {
  const bool was_active = active(id) != nullptr;
  stop_active(id);
  remove_records({id}, index::RemoveOnly::any,
                 [this, id, was_active, done = std::move(done)](Result<Removed> removed) mutable {
                   if (!removed) return done(tl::unexpected(removed.error()));
                   if (!was_active || !removed->empty()) return done({});
                   remove_files({id}, [done = std::move(done)]() mutable { done({}); });
                 });
}

void CacheImpl::hold(const ContentId& id, const Holder& holder, Done<void> done) {
  Active* content = active(id);
  if (content != nullptr && content->completing) {
    content->deferred.push_back([this, holder, done = std::move(done)](const ContentId& survivor) mutable {
      hold(survivor, holder, std::move(done));
    });
    return;
  }
  if (content != nullptr && content->fresh) {
    // No record yet: the hold goes into the index with the first commit, together with the content.
    content->fresh->holders.insert_or_assign(holder.id, holder.asker);
    return answer<void>(std::move(done), {});
  }
  simple_write(
      "hold record " + id, [id, holder](SQLite::Database& db) { return index::add_hold(db, id, holder); },
      std::move(done));
}

void CacheImpl::release(const ContentId& id, const std::string& holder, Done<void> done) {
  Active* content = active(id);
  if (content != nullptr && content->completing) {
    content->deferred.push_back([this, holder, done = std::move(done)](const ContentId& survivor) mutable {
      release(survivor, holder, std::move(done));
    });
    return;
  }
  if (content == nullptr || !content->fresh) {
    // A content outside the cache's limits may stay if there is room for it now.
    return space_.measure(alive_.guard(
        [this, id, holder, done = std::move(done)](Status) mutable { release_recorded(id, holder, std::move(done)); }));
  }
  const bool last = content->fresh->holders.erase(holder) > 0 && content->fresh->holders.empty();
  if (last) return drop(id, std::move(done));
  answer<void>(std::move(done), {});
}

void CacheImpl::release_recorded(const ContentId& id, const std::string& holder, Done<void> done) {
  using Gone = std::optional<index::Removed>;
  write_for<Gone>(
      "release record " + id,
      [id, holder, room = space_.ledger().room()](SQLite::Database& db) {
        return index::release(db, id, holder, room);
      },
      [this, id, done = std::move(done)](Result<Gone> gone) mutable {
        if (!gone) return done(tl::unexpected(gone.error()));
        if (!*gone) return done({});
        erase_secrets({**gone});
        changed(id);
        stop_active(id);
        remove_files({id}, [this, removed = **gone, done = std::move(done)]() mutable {
          space_.ledger().removed(removed.bytes, removed.bounded, false);
          done({});
        });
      });
}

// Default implementation: marks and releases one by one.
void Cache::let_go(std::vector<Reference> references, Done<void> done) {
  struct Rest {
    std::size_t open = 1;
    Status status;
    Done<void> done;
    void one(Status ended) {
      if (!ended && ended.error().code != ErrorCode::not_found && status) status = std::move(ended);
      if (--open == 0) done(std::move(status));
    }
  };
  auto rest = std::make_shared<Rest>();
  rest->done = std::move(done);
  for (const Reference& reference : references) {
    rest->open += reference.validated ? 2 : 1;
    if (reference.validated) mark_validated(reference.content, [rest](Status status) { rest->one(std::move(status)); });
    release(reference.content, reference.holder, [rest](Status status) { rest->one(std::move(status)); });
  }
  rest->one({});
}

void CacheImpl::let_go(std::vector<Reference> references, Done<void> done) {
  // Contents that are being written may have no record: released one by one. A finished job has none.
  const auto written = std::stable_partition(references.begin(), references.end(), [this](const Reference& reference) {
    return active(reference.content) == nullptr;
  });
  std::vector<Reference> recorded(std::make_move_iterator(references.begin()), std::make_move_iterator(written));
  references.erase(references.begin(), written);
  // Contents outside the cache's limits may stay if there is room for them now.
  space_.measure(alive_.guard([this, recorded = std::move(recorded), references = std::move(references),
                               done = std::move(done)](Status) mutable {
    let_go_recorded(std::move(recorded), std::move(references), std::move(done));
  }));
}

void CacheImpl::let_go_recorded(std::vector<Reference> recorded, std::vector<Reference> others, Done<void> done) {
  auto shared = std::make_shared<const std::vector<Reference>>(std::move(recorded));
  write_for<Removed>(
      "let go of records",
      [shared, room = space_.ledger().room()](SQLite::Database& db) { return index::let_go(db, *shared, room); },
      [this, shared, others = std::move(others), done = std::move(done)](Result<Removed> gone) mutable {
        if (!gone) return done(tl::unexpected(gone.error()));
        erase_secrets(*gone);
        std::vector<ContentId> files;
        for (const index::Removed& one : *gone) files.push_back(one.id);
        for (const Reference& reference : *shared) {
          if (reference.validated) changed(reference.content);
        }
        for (const ContentId& id : files) {
          changed(id);
          stop_active(id);
        }
        const auto then = [this, gone = std::move(*gone)] {
          for (const index::Removed& one : gone) space_.ledger().removed(one.bytes, one.bounded, false);
        };
        if (!files.empty()) remove_files(std::move(files), then);
        Cache::let_go(std::move(others), std::move(done));
      });
}

void CacheImpl::release_all_but(std::vector<std::string> alive, Done<void> done) {
  auto releasing = std::make_shared<Releasing>();
  releasing->alive = std::move(alive);
  releasing->done = std::move(done);
  release_step(std::move(releasing));
}

void CacheImpl::release_step(std::shared_ptr<Releasing> releasing) {
  using Holds = std::vector<index::Hold>;
  read_for<Holds>(
      "find references that nobody has any more",
      [last = releasing->last](SQLite::Database& db) { return index::holds(db, last, kBatch); },
      [this, releasing](Result<Holds> holds) {
        if (!holds) return releasing->done(tl::unexpected(holds.error()));
        releasing->more = holds->size() == kBatch;
        if (!holds->empty()) releasing->last = holds->back();
        for (index::Hold& hold : *holds) {
          const bool lives = std::binary_search(releasing->alive.begin(), releasing->alive.end(), hold.holder);
          if (!lives) releasing->dead.push_back(std::move(hold));
        }
        release_next(releasing);
      });
}

void CacheImpl::release_next(std::shared_ptr<Releasing> releasing) {
  if (releasing->dead.empty()) {
    if (releasing->more) return release_step(std::move(releasing));
    return releasing->done({});
  }
  const index::Hold hold = std::move(releasing->dead.back());
  releasing->dead.pop_back();
  release(hold.content, hold.holder, [this, releasing](Status status) {
    if (!status) return releasing->done(std::move(status));
    release_next(releasing);
  });
}

void CacheImpl::mark_validated(const ContentId& id, Done<void> done) {
  offering_write(
      id, "mark record " + id + " validated", [id](SQLite::Database& db) { return index::set_validated(db, id); },
      std::move(done));
}

void CacheImpl::share_by_digest(const ContentId& id, Done<void> done) {
  offering_write(
      id, "share content " + id + " by its digest",
      [id](SQLite::Database& db) { return index::share_by_digest(db, id); }, std::move(done));
}

void CacheImpl::go_on_privately(const ContentId& id, const std::string& holder, const Version& version,
                                Done<void> done) {
  let_kept_go(id);
  const std::string doing = "go on with content " + id + " as another version";
  if (Active* content = active(id)) {
    if (!content->core || !content->core->abandoned()) {
      return answer<void>(std::move(done), fail(ErrorCode::busy, doing, "it is being written"));
    }
    // The last writer was given up, and still commits its segments: wait for that.
    content->when_closed.push_back([this, id, holder, version, done = std::move(done)]() mutable {
      go_on_privately(id, holder, version, std::move(done));
    });
    return;
  }
  offering_write(
      id, doing,
      [id, holder, version, now = runtime_.clock.wall()](SQLite::Database& db) {
        return index::go_on_privately(db, id, holder, version, now);
      },
      std::move(done));
}

void CacheImpl::set_attestations(const ContentId& id, Vouching attestations, Done<void> done) {
  const std::string doing = "keep what vouches for record " + id;
  for (const auto& [segment, bytes] : attestations) {
    if (bytes.size() <= ContentWriter::kMaxAttestation) continue;
    return answer<void>(std::move(done), fail(ErrorCode::invalid_argument, doing, "an attestation is too long"));
  }
  offering_write(
      id, doing,
      [id, attestations = std::move(attestations)](SQLite::Database& db) {
        return index::set_attestations(db, id, attestations);
      },
      std::move(done));
}

void CacheImpl::pin(const ContentId& id, bool pinned, Done<void> done) {
  simple_write(
      "pin record " + id, [id, pinned](SQLite::Database& db) { return index::set_pinned(db, id, pinned); },
      [this, id, pinned, done = std::move(done)](Status status) mutable {
        if (!status || pinned) return done(std::move(status));
        drop_set_aside(id, std::move(done));  // only the pin may have kept it
      });
}

void CacheImpl::set_aside(const ContentId& id, const Version& version, Done<void> done) {
  let_kept_go(id);
  const std::string doing = "set content " + id + " aside";
  if (active(id) != nullptr) {
    return answer<void>(std::move(done), fail(ErrorCode::busy, doing, "it is being written"));
  }
  write_for<bool>(
      doing, [id, version](SQLite::Database& db) { return index::set_aside(db, id, version); },
      [this, id, done = std::move(done)](Result<bool> goes) mutable {
        if (!goes) return done(tl::unexpected(goes.error()));
        log::warn("record is not what is published: not known by that version any more content={}", id);
        changed(id);
        if (*goes) return drop_set_aside(id, std::move(done));
        done({});
      });
}

void CacheImpl::set_aside_own(const ContentId& id, const std::string& holder, Done<void> done) {
  let_kept_go(id);
  const std::string doing = "set content " + id + " aside";
  if (active(id) != nullptr) {
    return answer<void>(std::move(done), fail(ErrorCode::busy, doing, "it is being written"));
  }
  offering_write(
      id, doing, [id, holder](SQLite::Database& db) { return index::set_aside_own(db, id, holder); }, std::move(done));
}

void CacheImpl::drop_set_aside(const ContentId& id, Done<void> done) {
  remove_records({id}, index::RemoveOnly::set_aside, [done = std::move(done)](Result<Removed> removed) mutable {
    if (!removed) return done(tl::unexpected(removed.error()));
    done({});
  });
}

void CacheImpl::remove(const ContentId& id, Done<void> done) {
  let_kept_go(id);
  const std::string doing = "remove record " + id;
  if (busy(id)) return answer<void>(std::move(done), fail(ErrorCode::busy, doing, "it is in use"));
  using Found = std::optional<index::Row>;
  read_for<Found>(
      doing, [id](SQLite::Database& db) { return index::load(db, id); },
      [this, id, doing, done = std::move(done)](Result<Found> row) mutable {
        if (!row) return done(tl::unexpected(row.error()));
        if (!*row) return done(fail(ErrorCode::not_found, doing, "the cache has no such record"));
        if ((*row)->holds > 0 || busy(id)) {
          return done(fail(ErrorCode::busy, doing, "a job needs it: complete or cancel the job first"));
        }
        remove_records({id}, index::RemoveOnly::unheld,
                       [doing, done = std::move(done)](Result<Removed> removed) mutable {
                         if (!removed) return done(tl::unexpected(removed.error()));
                         if (removed->empty()) return done(fail(ErrorCode::busy, doing, "a job has just asked for it"));
                         done({});
                       });
      });
}

void CacheImpl::remove_url(const std::string& url, Done<std::uint64_t> done) {
  using Ids = std::vector<ContentId>;
  read_for<Ids>(
      "find the records of a URL", [url](SQLite::Database& db) { return index::contents_of_url(db, url); },
      [this, done = std::move(done)](Result<Ids> ids) mutable {
        if (!ids) return done(tl::unexpected(ids.error()));
        std::erase_if(*ids, [this](const ContentId& id) { return busy(id); });
        remove_records(std::move(*ids), index::RemoveOnly::unheld,
                       [done = std::move(done)](Result<Removed> removed) mutable {
                         if (!removed) return done(tl::unexpected(removed.error()));
                         done(removed->size());
                       });
      });
}

void CacheImpl::clear(Done<std::uint64_t> done) {
  std::vector<ContentId> kept;
  for (const auto& [id, content] : active_) {
    if (content.kept && !content.fresh) kept.push_back(id);
  }
  for (const ContentId& id : kept) let_kept_go(id);
  clear_step(std::nullopt, 0, std::move(done));
}

void CacheImpl::clear_step(std::optional<index::Candidate> after, std::uint64_t removed, Done<std::uint64_t> done) {
  using Candidates = std::vector<index::Candidate>;
  read_for<Candidates>(
      "find records to clear", [after](SQLite::Database& db) { return index::candidates(db, after, kBatch); },
      [this, removed, done = std::move(done)](Result<Candidates> candidates) mutable {
        if (!candidates) return done(tl::unexpected(candidates.error()));
        if (candidates->empty()) return done(removed);
        std::vector<ContentId> ids;
        for (const index::Candidate& candidate : *candidates) {
          if (!busy(candidate.id)) ids.push_back(candidate.id);
        }
        remove_records(
            std::move(ids), index::RemoveOnly::evictable,
            [this, removed, last = candidates->back(), done = std::move(done)](Result<Removed> gone) mutable {
              if (!gone) return done(tl::unexpected(gone.error()));
              clear_step(last, removed + gone->size(), std::move(done));
            });
      });
}

void CacheImpl::drop_unheld(std::vector<ContentId> ids, index::RemoveOnly only, Task then) {
  remove_records(std::move(ids), only, [then = std::move(then)](Result<Removed> removed) mutable {
    if (!removed) log::warn("cannot drop old records error=\"{}\"", removed.error().text());
    then();
  });
}

void CacheImpl::check_space() {
  let_old_go();
  space_.evict_overdrawn();
}

}  // namespace larder::cache
