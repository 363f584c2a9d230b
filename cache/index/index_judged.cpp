// The index after a verdict: a valid content is marked or made findable by its digest; an invalid one is no longer
// found under the version judged.
#include <SQLiteCpp/SQLiteCpp.h>

#include "cache/index/index.h"
#include "cache/index/index_rows.h"
#include "database/statement.h"

namespace larder::cache::index {
namespace {

void bind_version(SQLite::Statement& statement, const ContentId& id, const Version& version) {
  statement.bind(1, id);
  statement.bind(2, version.url);
  statement.bind(3, version.etag);
  statement.bind(4, version.last_modified);
  statement.bind(5, size_to(version.size));
}

}  // namespace

// A verdict is about one URL. A content with versions of several URLs is not marked, since it would count as validated
// for all of them.
Status set_validated(SQLite::Database& db, const ContentId& id) {
  Statement update(db,
                   "UPDATE contents SET validated = max(validated, "
                   "(SELECT count(DISTINCT v.url) FROM versions v WHERE v.content_id = contents.id) = 1) WHERE id = ?");
  update.bind(1, id);
  if (update.exec() == 1) return {};
  return fail(ErrorCode::not_found, "mark content " + id + " validated", "the cache has no record " + id);
}

Status share_by_digest(SQLite::Database& db, const ContentId& id) {
  Statement update(db,
                   "UPDATE contents SET shareable = 1, offered = 0 WHERE id = ?1 AND state = 1 AND shareable = 0 "
                   "AND sha256 IS NOT NULL AND NOT EXISTS (SELECT 1 FROM versions v WHERE v.content_id = ?1 "
                   "AND (v.etag <> '' OR v.last_modified <> '')) "
                   "AND (SELECT count(DISTINCT v.url) FROM versions v WHERE v.content_id = ?1) = 1");
  update.bind(1, id);
  update.exec();
  return {};
}

Result<bool> set_aside(SQLite::Database& db, const ContentId& id, const Version& version) {
  Statement others(db,
                   "SELECT count(*) FROM versions WHERE content_id = ? "
                   "AND NOT (url = ? AND etag = ? AND last_modified = ? AND size = ?)");
  bind_version(others, id, version);
  others.executeStep();
  if (others.getColumn(0).getInt64() > 0) {
    Statement forget(db,
                     "DELETE FROM versions WHERE content_id = ? AND url = ? AND etag = ? AND last_modified = ? "
                     "AND size = ?");
    bind_version(forget, id, version);
    forget.exec();
    return false;
  }
  if (Status set = set_state(db, id, ContentState::set_aside); !set) return tl::unexpected(set.error());
  auto row = load(db, id);
  if (!row) return tl::unexpected(row.error());
  return *row && (*row)->holds == 0 && !(*row)->info.pinned;
}

Status set_aside_own(SQLite::Database& db, const ContentId& id, const std::string& holder) {
  Statement own(db,
                "SELECT 1 FROM contents c WHERE c.id = ?1 AND c.validated = 0 AND c.pinned = 0 "
                "AND NOT EXISTS (SELECT 1 FROM holds h WHERE h.content_id = ?1 AND h.holder <> ?2) "
                "AND NOT EXISTS (SELECT 1 FROM segments s WHERE s.content_id = ?1 AND s.fetched_for <> ?2)");
  own.bind(1, id);
  own.bind(2, holder);
  if (!own.executeStep()) {
    return fail(ErrorCode::busy, "set content " + id + " aside", "others have to do with it");
  }
  own.reset();
  return set_state(db, id, ContentState::set_aside);
}

}  // namespace larder::cache::index
