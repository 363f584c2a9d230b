// Pages of rows of the SQLite ledger: lists, expiry, what can go.
#include <SQLiteCpp/SQLiteCpp.h>

#include <algorithm>

#include "base/text/units.h"
#include "database/statement.h"
#include "inbox/ledger/sqlite_ledger.h"
#include "inbox/ledger/sqlite_transaction.h"

namespace larder::inbox {
namespace {

constexpr auto kPage = static_cast<std::int64_t>(kMaxPage);

template <class T>
Worked<T> worked(Result<T> result) {
  if (!result) return tl::unexpected<Error>(result.error());
  return Outcome<T>(std::move(*result));
}

Worked<std::vector<UploadRow>> expire_page(SQLite::Database& db, WallTime now) {
  cache::Statement query(db, R"sql(
SELECT * FROM upload_row WHERE state = 'receiving' AND expires_at <= ?1 ORDER BY expires_at LIMIT ?2)sql");
  query.bind(1, to_unix_ns(now));
  query.bind(2, kPage);
  auto rows = read_rows(query);
  if (!rows) return tl::unexpected<Error>(rows.error());
  for (UploadRow& row : *rows) {
    if (expire(row, now)) update_row(db, row);
  }
  return worked(std::move(rows));
}

// Each state by itself, so that the index gives the rows that have content and none of the tombstones.
Worked<std::vector<std::string>> removable_page(SQLite::Database& db, const RemovalTimes& times) {
  cache::Statement query(db, R"sql(
SELECT id FROM upload WHERE has_content = 1 AND settled_at IS NOT NULL
  AND (state IN ('cancelled', 'expired', 'failed') OR (state = 'delivered' AND settled_at < ?1)
       OR (state = 'rejected' AND settled_at < ?2)) LIMIT ?3)sql");
  query.bind(1, to_unix_ns(times.delivered_before));
  query.bind(2, to_unix_ns(times.rejected_before));
  query.bind(3, kPage);
  std::vector<std::string> ids;
  while (query.executeStep()) ids.push_back(query.getColumn(0).getString());
  return Outcome<std::vector<std::string>>(std::move(ids));
}

Result<std::vector<UploadRow>> list_page(SQLite::Database& db, const ListQuery& asked) {
  cache::Statement query(db, R"sql(
SELECT * FROM upload_row WHERE id > ?1 AND (?2 IS NULL OR inbox = ?2) AND (?3 IS NULL OR state = ?3)
  AND has_content >= ?4 ORDER BY id LIMIT ?5)sql");
  query.bind(1, asked.after);
  asked.inbox ? query.bind(2, *asked.inbox) : query.bind(2);
  asked.state ? query.bind(3, std::string(state_name(*asked.state))) : query.bind(3);
  query.bind(4, asked.with_content_only ? 1 : 0);
  query.bind(5, static_cast<std::int64_t>(std::min(asked.limit, kMaxPage)));
  return read_rows(query);
}

}  // namespace

void SqliteLedger::expire_due(WallTime now, Done<std::vector<UploadRow>> done) {
  write<std::vector<UploadRow>>(
      database_, "let uploads expire", [now](SQLite::Database& db) { return expire_page(db, now); }, std::move(done));
}

void SqliteLedger::removable(RemovalTimes times, Done<std::vector<std::string>> done) {
  read<std::vector<std::string>>(
      database_, "find content that can go", [times](SQLite::Database& db) { return removable_page(db, times); },
      std::move(done));
}

void SqliteLedger::note_removed(std::vector<std::string> ids, Done<std::size_t> done) {
  write<std::size_t>(
      database_, "note that content is gone",
      [ids = std::move(ids)](SQLite::Database& db) -> Worked<std::size_t> {
        std::size_t noted = 0;
        for (const std::string& id : ids) {
          cache::Statement update(db, "UPDATE upload SET has_content = 0 WHERE id = ?1 AND settled_at IS NOT NULL");
          update.bind(1, id);
          noted += static_cast<std::size_t>(update.exec());
        }
        return Outcome<std::size_t>(noted);
      },
      std::move(done));
}

void SqliteLedger::forget(WallTime settled_before, Done<std::size_t> done) {
  write<std::size_t>(
      database_, "forget old uploads",
      [settled_before](SQLite::Database& db) -> Worked<std::size_t> {
        cache::Statement remove(db, R"sql(
DELETE FROM upload WHERE id IN (SELECT id FROM upload
  WHERE has_content = 0 AND settled_at IS NOT NULL AND settled_at < ?1 ORDER BY settled_at LIMIT ?2))sql");
        remove.bind(1, to_unix_ns(settled_before));
        remove.bind(2, kPage);
        return Outcome<std::size_t>(static_cast<std::size_t>(remove.exec()));
      },
      std::move(done));
}

void SqliteLedger::list(ListQuery query, Done<std::vector<UploadRow>> done) {
  read<std::vector<UploadRow>>(
      database_, "list uploads",
      [query = std::move(query)](SQLite::Database& db) { return worked(list_page(db, query)); }, std::move(done));
}

}  // namespace larder::inbox
