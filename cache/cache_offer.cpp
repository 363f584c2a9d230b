// Offers to neighbours: leaves, pages of offerable contents, and the observer of changes.
#include <SQLiteCpp/Database.h>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "cache/cache_impl.h"
#include "cache/record/segments.h"

namespace larder::cache {
namespace {

constexpr std::size_t kMaxPage = 1000;

Status check_leaves(const ContentInfo& content, SegmentIndex first_segment, std::uint64_t count) {
  const std::uint64_t first = first_segment.value();
  const std::string doing = "read the leaves of record " + content.id;
  const SegmentLayout layout(content.size.value_or(0));
  if (count == 0 || first >= layout.count() || count > layout.count() - first) {
    return fail(ErrorCode::invalid_argument, doing,
                fmt::format("it has {} segments, not {} from {} on", layout.count(), count, first));
  }
  if (count > std::max<std::uint64_t>(1, Cache::kMaxLeaves / layout.segment_blocks())) {
    return fail(ErrorCode::too_large, doing,
                fmt::format("{} segments have more than {} leaves", count, Cache::kMaxLeaves));
  }
  return {};
}

}  // namespace

void CacheImpl::leaves(const ContentId& id, SegmentIndex first_segment, std::uint64_t count,
                       Done<std::vector<Digest>> done) {
  const std::string doing = "read the leaves of record " + id;
  read_for<Leaves>(
      doing,
      [id, doing, first_segment, count](SQLite::Database& db) -> Result<Leaves> {
        const auto row = index::load(db, id);
        if (!row) return tl::unexpected(row.error());
        if (!*row) return fail(ErrorCode::not_found, doing, "the cache has no such record");
        const ContentInfo& content = (*row)->info;
        if (Status good = check_leaves(content, first_segment, count); !good) return tl::unexpected(good.error());
        return index::leaves(db, content, first_segment, count);
      },
      std::move(done));
}

void CacheImpl::offerable(const ContentId& after_id, std::size_t limit, Done<std::vector<Offerable>> done) {
  read_for<std::vector<Offerable>>(
      "list what may be offered",
      [after_id, limit = std::min(limit, kMaxPage)](SQLite::Database& db) {
        return index::offerable(db, after_id, limit);
      },
      std::move(done));
}

void CacheImpl::observe(std::function<void(const ContentId&)> changed) {
  observer_ = std::move(changed);
}

void CacheImpl::changed(const ContentId& id) {
  const auto observer = observer_;  // a copy: the observer may replace itself
  if (observer) observer(id);
}

void CacheImpl::offering_write(const ContentId& id, std::string doing, UniqueFunction<Status(SQLite::Database&)> work,
                               Done<void> done) {
  simple_write(std::move(doing), std::move(work), [this, id, done = std::move(done)](Status status) mutable {
    if (status) changed(id);
    done(std::move(status));
  });
}

}  // namespace larder::cache
