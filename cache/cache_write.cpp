// Writers: making them, and their WriterHost.
#include <SQLiteCpp/Database.h>

#include <utility>

#include "base/io/log.h"
#include "cache/cache_impl.h"

namespace larder::cache {

// The record and the segments of a content, read by resume() before the writer is made.
struct CacheImpl::Resumable {
  index::Row row;
  std::vector<SegmentInfo> segments;
};

void CacheImpl::create(Create what, Done<std::unique_ptr<ContentWriter>> done) {
  const ContentId id = ids_.next(runtime_.clock.wall());
  // Registered before the file exists: maintenance removes files that are neither in use nor recorded.
  Active& content = active_[id];
  content.fresh = index::NewContent{what.version,
                                    what.shareable && what.version.has_validator(),
                                    what.bounded_by_cache,
                                    runtime_.clock.wall(),
                                    {},
                                    what.offered,
                                    what.first_answer};
  const std::uint64_t size = what.version.size.value_or(0);
  const bool bounded = what.bounded_by_cache;
  space_.reserve(id, size, 0, bounded,
                 [this, id, what = std::move(what), done = std::move(done)](Status status) mutable {
                   if (active(id) == nullptr)
                     status = fail(ErrorCode::not_found, "write content " + id, "it was dropped");
                   if (!status) {
                     end_active(id, id);
                     return answer<std::unique_ptr<ContentWriter>>(std::move(done), tl::unexpected(status.error()));
                   }
                   WriterCore::Start start;
                   start.id = id;
                   start.version = what.version;
                   start.size = what.version.size;
                   start.file = std::make_shared<ContentFile>(directories_, id, what.version.size, false);
                   start.hash_in_order = what.want_sha256;
                   start.shareable = what.shareable && what.version.has_validator();
                   make_writer(id, std::move(start), std::move(done));
                 });
}

void CacheImpl::make_writer(const ContentId& id, WriterCore::Start start, Done<std::unique_ptr<ContentWriter>> done) {
  auto core = std::make_shared<WriterCore>(writer_link_, std::move(start));
  active_.at(id).core = core;
  answer<std::unique_ptr<ContentWriter>>(std::move(done), core->make_handle());
}

void CacheImpl::resume(const ContentId& id, Done<std::unique_ptr<ContentWriter>> done) {
  const std::string doing = "go on with content " + id;
  if (is_kept(id)) return resume_kept(id, std::move(done));
  if (Active* content = active(id)) {
    if (content->reviving || !content->core || !content->core->abandoned()) {
      return answer<std::unique_ptr<ContentWriter>>(std::move(done),
                                                    fail(ErrorCode::busy, doing, "it is being written already"));
    }
    // The last writer was given up, and still commits its segments: wait for that.
    content->when_closed.push_back([this, id, done = std::move(done)]() mutable { resume(id, std::move(done)); });
    return;
  }
  active_[id];
  read_for<Resumable>(
      doing,
      [id, doing](SQLite::Database& db) -> Result<Resumable> {
        auto row = index::load(db, id);
        if (!row) return tl::unexpected(row.error());
        if (!*row) return fail(ErrorCode::not_found, doing, "the cache has no such record");
        if ((*row)->info.state != ContentState::partial)
          return fail(ErrorCode::invalid_state, doing, "it is not partial");
        auto segments = index::segment_infos(db, (*row)->info);
        if (!segments) return tl::unexpected(segments.error());
        return Resumable{std::move(**row), std::move(*segments)};
      },
      [this, id, done = std::move(done)](Result<Resumable> content) mutable {
        if (content) return resume_checked(id, std::move(*content), std::move(done));
        end_active(id, id);
        done(tl::unexpected(content.error()));
      });
}

void CacheImpl::resume_checked(const ContentId& id, Resumable content, Done<std::unique_ptr<ContentWriter>> done) {
  index::Row row = content.row;
  check_row(std::move(row),
            [this, id, content = std::move(content), done = std::move(done)](Result<FileVerdict> verdict) mutable {
              const std::string doing = "go on with content " + id;
              if (verdict && verdict->intact) return resume_reserve(id, std::move(content), std::move(done));
              end_active(id, id);
              if (!verdict) return done(tl::unexpected(verdict.error()));
              auto then = [doing, why = verdict->why, done = std::move(done)](const Status& dropped) mutable {
                done(fail(ErrorCode::content_damaged, doing, why + after_damage(dropped)));
              };
              drop_damaged(id, verdict->why, std::move(then));
            });
}

// A content that was begun is not given up because the cache has become too small: it goes on outside the cache's
// limits.
void CacheImpl::resume_reserve(const ContentId& id, Resumable content, Done<std::unique_ptr<ContentWriter>> done) {
  const bool bounded = content.row.bounded;
  const ContentInfo& info = content.row.info;
  space_.reserve(id, info.size.value_or(0), info.bytes_held, bounded,
                 [this, id, bounded, content = std::move(content), done = std::move(done)](Status status) mutable {
                   if (active(id) == nullptr)
                     status = fail(ErrorCode::not_found, "go on with content " + id, "it was dropped");
                   if (!status && bounded && status.error().code == ErrorCode::disk_full) {
                     content.row.bounded = false;
                     simple_write(
                         "take content " + id + " out of the limits",
                         [id](SQLite::Database& db) { return index::set_unbounded(db, id); }, [](Status) {});
                     return resume_reserve(id, std::move(content), std::move(done));
                   }
                   if (!status) {
                     end_active(id, id);
                     return answer<std::unique_ptr<ContentWriter>>(std::move(done), tl::unexpected(status.error()));
                   }
                   WriterCore::Start start;
                   start.id = id;
                   if (!content.row.info.versions.empty()) start.version = content.row.info.versions.front();
                   start.size = content.row.info.size;
                   start.shareable = content.row.info.shareable;
                   start.committed = std::move(content.segments);
                   start.file = std::make_shared<ContentFile>(directories_, id, start.size, true);
                   make_writer(id, std::move(start), std::move(done));
                 });
}

void CacheImpl::post(Task task) {
  runtime_.executor.post(alive_.guard(std::move(task)));
}

void CacheImpl::commit(index::Commit what, UniqueFunction<void(Status)> done) {
  const ContentId id = what.id;
  Active* content = active(id);
  if (content == nullptr)
    return post([id, done = std::move(done)]() mutable {
      done(fail(ErrorCode::not_found, "commit a segment of content " + id, "it was dropped"));
    });
  what.now = runtime_.clock.wall();
  what.first = std::exchange(content->fresh, std::nullopt);
  if (what.first) what.first->bounded = space_.ledger().bounded(id);
  auto shared = std::make_shared<index::Commit>(std::move(what));
  simple_write(
      "commit a segment of content " + id, [shared](SQLite::Database& db) { return index::commit(db, *shared); },
      [this, shared, done = std::move(done)](Status status) mutable {
        Active* still = active(shared->id);
        if (status) {
          space_.ledger().committed(shared->id, shared->added_bytes);
          changed(shared->id);
        } else if (still != nullptr && shared->first) {
          still->fresh = std::move(shared->first);  // the record was not inserted
        }
        done(std::move(status));
      });
}

void CacheImpl::complete(index::Completion what, UniqueFunction<void(Result<ContentInfo>)> done) {
  const ContentId id = what.commit.id;
  Active* content = active(id);
  what.commit.now = runtime_.clock.wall();
  if (content != nullptr) {
    content->completing = true;
    what.commit.first = content->fresh;
    if (what.commit.first) what.commit.first->bounded = space_.ledger().bounded(id);
  }
  complete_try(std::make_shared<index::Completion>(std::move(what)), std::move(done));
}

void CacheImpl::complete_try(std::shared_ptr<index::Completion> what, UniqueFunction<void(Result<ContentInfo>)> done) {
  const ContentId id = what->commit.id;
  if (active(id) == nullptr) return done(fail(ErrorCode::not_found, "complete content " + id, "it was dropped"));
  write_for<index::CompletionOutcome>(
      "complete content " + id, [what](SQLite::Database& db) { return index::complete(db, *what); },
      [this, what, done = std::move(done)](Result<index::CompletionOutcome> outcome) mutable {
        if (!outcome) {
          if (Active* content = active(what->commit.id)) {
            content->completing = false;
            for (auto& call : std::exchange(content->deferred, {})) call(what->commit.id);
          }
          return done(tl::unexpected(outcome.error()));
        }
        if (outcome->check) return check_survivor(what, std::move(*outcome->check), std::move(done));
        completed(*what, std::move(*outcome), std::move(done));
      });
}

// Checks the file of the content to merge into: it may be damaged, and then the new bytes must be kept.
void CacheImpl::check_survivor(std::shared_ptr<index::Completion> what, index::Row row,
                               UniqueFunction<void(Result<ContentInfo>)> done) {
  const ContentId survivor = row.info.id;
  check_row(std::move(row), [this, what, survivor, done = std::move(done)](Result<FileVerdict> verdict) mutable {
    if (verdict && verdict->intact) {
      what->survivor = survivor;
      return complete_try(what, std::move(done));
    }
    const std::string why = verdict ? verdict->why : verdict.error().text();
    drop_damaged(survivor, why, [this, what, done = std::move(done)](const Status& dropped) mutable {
      what->apart = !dropped;
      complete_try(what, std::move(done));
    });
  });
}

void CacheImpl::completed(const index::Completion& what, index::CompletionOutcome outcome,
                          UniqueFunction<void(Result<ContentInfo>)> done) {
  const ContentId id = what.commit.id;
  const ContentId survivor = outcome.row.info.id;
  space_.ledger().committed(id, what.commit.added_bytes);
  if (Active* content = active(id)) content->fresh.reset();
  end_active(id, survivor);
  recent_.add_mark(survivor, outcome.row.mark);
  changed(id);
  if (outcome.merged) changed(survivor);
  if (!outcome.merged) return done(std::move(outcome.row.info));
  log::debug("content merged into one of equal root id={} survivor={}", id, survivor);
  space_.invalidate();
  remove_files({id}, [done = std::move(done), info = std::move(outcome.row.info)]() mutable { done(std::move(info)); });
}

// Ends the writing of a content; `survivor` is the content that has its bytes now.
void CacheImpl::end_active(const ContentId& id, const ContentId& survivor) {
  space_.ledger().release(id);
  const auto found = active_.find(id);
  if (found == active_.end()) return;
  Active ended = std::move(found->second);
  active_.erase(found);
  for (auto& call : ended.deferred) call(survivor);
  for (Task& task : ended.when_closed) task();
}

void CacheImpl::make_room(const ContentId& id, std::uint64_t bytes, UniqueFunction<void(Status)> done) {
  space_.make_room(id, bytes, std::move(done));
}

void CacheImpl::on_bytes_written(const ContentId& id, std::uint64_t bytes) {
  space_.ledger().wrote(id, bytes);
}

void CacheImpl::on_size_grown(const ContentId& id, std::uint64_t size) {
  SpaceLedger& ledger = space_.ledger();
  // In steps of 16 MiB, so that the accounts are not checked for every buffer.
  constexpr std::uint64_t kStep = 16 * kMiB;
  const std::uint64_t wanted = (size / kStep + 1) * kStep;
  if (!ledger.grow(id, wanted)) return;
  if (ledger.has(id)) return;
  // The size was not known beforehand: if the cache's limits do not suffice, the content goes on outside them.
  if (!ledger.can_have(id)) ledger.unbind(id);
  space_.evict_overdrawn();
}

void CacheImpl::on_writer_closed(const ContentId& id) {
  const auto found = active_.find(id);
  if (found == active_.end() || !found->second.core || !found->second.core->abandoned()) return;
  const auto& fresh = found->second.fresh;
  const bool unwanted = fresh && fresh->holders.empty();
  if (found->second.core->keeps_unfinished() && !unwanted) return keep_for_next(id, found->second);
  close_content(id, found->second);
}

void CacheImpl::close_content(const ContentId& id, Active& content) {
  content.kept.reset();
  content.reviving = false;
  const bool recorded = !content.fresh;
  if (recorded) return end_active(id, id);
  // No segment was committed: there is no record for the file.
  content.core->file()->mark_dropped();
  remove_files({id}, [this, id] { end_active(id, id); });
}

}  // namespace larder::cache
