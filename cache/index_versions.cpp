// As what a content is known, and to whom: what takes names away from one, and what makes one private.
#include <SQLiteCpp/SQLiteCpp.h>

#include "cache/index.h"
#include "cache/index_rows.h"
#include "cache/statement.h"

namespace larder::cache::index {

tl::unexpected<Error> no_record(const ContentId& id, std::string doing) {
  return fail(ErrorCode::not_found, std::move(doing), "the cache has no record " + id);
}

Status changed_one(SQLite::Statement& statement, const ContentId& id, std::string doing) {
  if (statement.exec() == 0) return no_record(id, std::move(doing));
  return {};
}

Status set_flag(SQLite::Database& db, const char* sql, const ContentId& id, int value, std::string doing) {
  Statement update(db, sql);
  update.bind(1, value);
  update.bind(2, id);
  return changed_one(update, id, std::move(doing));
}

void insert_version(SQLite::Database& db, const ContentId& id, const Version& version, WallTime now) {
  Statement insert(db,
                   "INSERT INTO versions (url, etag, last_modified, size, content_id, created) "
                   "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (url, etag, last_modified, size, content_id) "
                   "DO UPDATE SET created = max(created, excluded.created)");
  insert.bind(1, version.url);
  insert.bind(2, version.etag);
  insert.bind(3, version.last_modified);
  insert.bind(4, size_to(version.size));
  insert.bind(5, id);
  insert.bind(6, to_unix_ns(now));
  insert.exec();
}

Result<bool> set_aside(SQLite::Database& db, const ContentId& id, const Version& version) {
  Statement others(db,
                   "SELECT count(*) FROM versions WHERE content_id = ? "
                   "AND NOT (url = ? AND etag = ? AND last_modified = ? AND size = ?)");
  others.bind(1, id);
  others.bind(2, version.url);
  others.bind(3, version.etag);
  others.bind(4, version.last_modified);
  others.bind(5, size_to(version.size));
  others.executeStep();
  if (others.getColumn(0).getInt64() > 0) {
    Statement forget(db,
                     "DELETE FROM versions WHERE content_id = ? AND url = ? AND etag = ? AND last_modified = ? "
                     "AND size = ?");
    forget.bind(1, id);
    forget.bind(2, version.url);
    forget.bind(3, version.etag);
    forget.bind(4, version.last_modified);
    forget.bind(5, size_to(version.size));
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

Status go_on_privately(SQLite::Database& db, const ContentId& id, const std::string& holder, const Version& version,
                       WallTime now) {
  const std::string doing = "go on with content " + id + " as another version";
  Statement there(db,
                  "SELECT state, (SELECT count(*) FROM holds h WHERE h.content_id = c.id AND h.holder <> ?) "
                  "FROM contents c WHERE c.id = ?");
  there.bind(1, holder);
  there.bind(2, id);
  if (!there.executeStep()) return no_record(id, doing);
  if (static_cast<ContentState>(there.getColumn(0).getInt()) != ContentState::partial) {
    return fail(ErrorCode::invalid_state, doing, "it is not partial");
  }
  if (there.getColumn(1).getInt64() > 0) return fail(ErrorCode::busy, doing, "others need it as it is");
  there.reset();
  if (Status set = set_flag(db, "UPDATE contents SET shareable = ? WHERE id = ?", id, 0, doing); !set) return set;
  insert_version(db, id, version, now);
  return {};
}

}  // namespace larder::cache::index
