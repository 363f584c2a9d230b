// The hand-over's side of the SQLite ledger.
#include <SQLiteCpp/SQLiteCpp.h>

#include "base/text/units.h"
#include "database/statement.h"
#include "inbox/ledger/sqlite_ledger.h"
#include "inbox/ledger/sqlite_transaction.h"

namespace larder::inbox {
namespace {

std::optional<std::string> first_text(cache::Statement& query) {
  if (!query.executeStep()) return std::nullopt;
  return query.getColumn(0).getString();
}

std::optional<std::string> id_of_due(SQLite::Database& db, const Claim& claim) {
  cache::Statement query(db, R"sql(
SELECT id FROM delivery WHERE inbox = ?1 AND next_at IS NOT NULL AND next_at <= ?2 ORDER BY next_at, id LIMIT 1)sql");
  query.bind(1, claim.inbox);
  query.bind(2, to_unix_ns(claim.now));
  return first_text(query);
}

std::vector<std::string> overdue(SQLite::Database& db, WallTime now) {
  cache::Statement query(db, R"sql(
SELECT id FROM delivery WHERE lease_until IS NOT NULL AND lease_until <= ?1 ORDER BY lease_until LIMIT ?2)sql");
  query.bind(1, to_unix_ns(now));
  query.bind(2, static_cast<std::int64_t>(kMaxPage));
  std::vector<std::string> ids;
  while (query.executeStep()) ids.push_back(query.getColumn(0).getString());
  return ids;
}

Worked<std::size_t> end_all_overdue(SQLite::Database& db, WallTime now, const RetryRules& rules) {
  std::size_t ended = 0;
  for (const std::string& id : overdue(db, now)) {
    auto row = apply(db, id, std::nullopt, [&](UploadRow& found) {
      return end_attempt(found, found.delivery ? found.delivery->attempt : 0,
                         "the application did not answer before its lease ended", now, rules);
    });
    if (!row) return tl::unexpected<Error>(row.error());
    if (*row) ++ended;
  }
  return Outcome<std::size_t>(ended);
}

}  // namespace

void SqliteLedger::claim(Claim claim, Done<std::optional<UploadRow>> done) {
  using Answer = Outcome<std::optional<UploadRow>>;
  write<std::optional<UploadRow>>(
      database_, "claim an upload of inbox " + claim.inbox,
      [claim](SQLite::Database& db) -> Worked<std::optional<UploadRow>> {
        const auto id = id_of_due(db, claim);
        if (!id) return Answer(std::optional<UploadRow>());
        auto row = apply(db, *id, std::nullopt,
                         [&](UploadRow& found) { return inbox::claim(found, claim.holder, claim.now, claim.lease); });
        if (!row) return tl::unexpected<Error>(row.error());
        if (!*row) return Answer(tl::unexpected<Refused>(std::move(row->error())));
        return Answer(std::optional<UploadRow>(std::move(**row)));
      },
      std::move(done));
}

void SqliteLedger::renew(std::string id, unsigned attempt, WallTime until, Done<UploadRow> done) {
  write<UploadRow>(
      database_, "extend the lease of upload " + id,
      [id, attempt, until](SQLite::Database& db) {
        return apply(db, id, std::nullopt, [&](UploadRow& row) { return inbox::renew(row, attempt, until); });
      },
      std::move(done));
}

void SqliteLedger::acknowledge(std::string id, std::string result, std::string reply, WallTime now,
                               Done<UploadRow> done) {
  write<UploadRow>(
      database_, "acknowledge upload " + id,
      [id, result = std::move(result), reply = std::move(reply), now](SQLite::Database& db) {
        return apply(db, id, std::nullopt, [&](UploadRow& row) { return inbox::acknowledge(row, result, reply, now); });
      },
      std::move(done));
}

void SqliteLedger::reject(std::string id, std::string result, StoredAnswer answer, WallTime now, Done<UploadRow> done) {
  write<UploadRow>(
      database_, "reject upload " + id,
      [id, result = std::move(result), answer = std::move(answer), now](SQLite::Database& db) {
        return apply(db, id, std::nullopt, [&](UploadRow& row) { return inbox::reject(row, result, answer, now); });
      },
      std::move(done));
}

void SqliteLedger::end_attempt(std::string id, unsigned attempt, std::string result, WallTime now, RetryRules rules,
                               Done<UploadRow> done) {
  write<UploadRow>(
      database_, "end an attempt of upload " + id,
      [id, attempt, result = std::move(result), now, rules](SQLite::Database& db) {
        return apply(db, id, std::nullopt,
                     [&](UploadRow& row) { return inbox::end_attempt(row, attempt, result, now, rules); });
      },
      std::move(done));
}

void SqliteLedger::end_overdue(WallTime now, RetryRules rules, Done<std::size_t> done) {
  write<std::size_t>(
      database_, "end the attempts that are overdue",
      [now, rules](SQLite::Database& db) { return end_all_overdue(db, now, rules); }, std::move(done));
}

void SqliteLedger::next_due(std::string inbox, Done<std::optional<WallTime>> done) {
  using Answer = Outcome<std::optional<WallTime>>;
  read<std::optional<WallTime>>(
      database_, "find the next hand-over of inbox " + inbox,
      [inbox](SQLite::Database& db) -> Worked<std::optional<WallTime>> {
        cache::Statement query(db, R"sql(
SELECT min(at) FROM (SELECT min(next_at) AS at FROM delivery WHERE inbox = ?1 AND next_at IS NOT NULL
  UNION ALL SELECT min(lease_until) FROM delivery WHERE inbox = ?1 AND lease_until IS NOT NULL))sql");
        query.bind(1, inbox);
        if (!query.executeStep() || query.getColumn(0).isNull()) return Answer(std::optional<WallTime>());
        return Answer(std::optional<WallTime>(from_unix_ns(query.getColumn(0).getInt64())));
      },
      std::move(done));
}

}  // namespace larder::inbox
