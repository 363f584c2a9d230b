// Unfinished segments of a writer, kept for the next one: the core stays, without a handle and without a reservation of
// space, until a new writer takes it, kKeptFor is over, or the content is removed.
#include <algorithm>
#include <utility>

#include "base/io/log.h"
#include "cache/cache_impl.h"

namespace larder::cache {

void CacheImpl::keep_for_next(const ContentId& id, Active& content) {
  content.kept = Kept{runtime_.clock.now() + kKeptFor, space_.ledger().bounded(id)};
  space_.ledger().release(id);
  log::debug("unfinished segments kept content={} bytes={}", id, content.core->unfinished().bytes);
  std::vector<Task> waited = std::exchange(content.when_closed, {});
  let_old_go();
  for (Task& task : waited) task();
}

// Closes kept contents whose time is over, and the oldest beyond kMaxKept.
void CacheImpl::let_old_go() {
  const SteadyTime now = runtime_.clock.now();
  std::vector<std::pair<SteadyTime, ContentId>> all;
  for (const auto& [id, content] : active_) {
    if (content.kept) all.emplace_back(content.kept->until, id);
  }
  std::sort(all.begin(), all.end());
  const std::size_t too_many = all.size() - std::min(all.size(), kMaxKept);
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (i < too_many || all[i].first <= now) let_kept_go(all[i].second);
  }
}

void CacheImpl::let_kept_go(const ContentId& id) {
  if (is_kept(id)) close_content(id, *active(id));
}

void CacheImpl::add_kept(const std::string& url, const std::string& holder, Known& known) const {
  for (const auto& [id, content] : active_) {
    if (!content.kept || !content.fresh || !content.fresh->holders.contains(holder)) continue;
    known.own_contents.push_back(fresh_info(id, content));
    known.url = known.url || content.fresh->version.url == url;
  }
}

// The file is checked against its record first, as in resume() without a core.
void CacheImpl::resume_kept(const ContentId& id, Done<std::unique_ptr<ContentWriter>> done) {
  Active& content = *active(id);
  const bool bounded = std::exchange(content.kept, std::nullopt)->bounded;
  content.reviving = true;
  if (content.fresh) return reattach(id, bounded, std::move(done));
  using Found = std::optional<index::Row>;
  read_for<Found>(
      "go on with content " + id, [id](SQLite::Database& db) { return index::load(db, id); },
      [this, id, bounded, done = std::move(done)](Result<Found> row) mutable {
        const bool usable = row && *row && (*row)->info.state == ContentState::partial && active(id) != nullptr;
        if (!usable) {
          if (Active* still = active(id)) close_content(id, *still);
          return resume(id, std::move(done));  // finds the error
        }
        check_row(std::move(**row), [this, id, bounded, done = std::move(done)](Result<FileVerdict> verdict) mutable {
          if (verdict && verdict->intact) return reattach(id, bounded, std::move(done));
          if (Active* still = active(id)) close_content(id, *still);
          resume(id, std::move(done));
        });
      });
}

void CacheImpl::reattach(const ContentId& id, bool bounded, Done<std::unique_ptr<ContentWriter>> done) {
  Active* content = active(id);
  std::uint64_t size = 0, held = 0;
  if (content != nullptr) {
    size = content->core->size().value_or(0);
    for (const SegmentInfo& segment : content->core->committed()) held += segment.range.length;
  }
  space_.reserve(id, size, held, bounded, [this, id, done = std::move(done)](Status status) mutable {
    Active* still = active(id);
    if (still == nullptr) {
      space_.ledger().release(id);
      status = fail(ErrorCode::not_found, "go on with content " + id, "it was dropped");
    }
    if (status) {
      still->reviving = false;
      space_.ledger().wrote(id, still->core->unfinished().bytes);
      return answer<std::unique_ptr<ContentWriter>>(std::move(done), still->core->make_handle());
    }
    const bool recorded = still != nullptr && !still->fresh;
    if (still != nullptr) close_content(id, *still);
    if (recorded) return resume(id, std::move(done));  // may go on outside the cache's limits
    answer<std::unique_ptr<ContentWriter>>(std::move(done), tl::unexpected(status.error()));
  });
}

}  // namespace larder::cache
