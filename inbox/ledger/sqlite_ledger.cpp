#include "inbox/ledger/sqlite_ledger.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <fmt/format.h>

#include "base/text/units.h"
#include "database/statement.h"
#include "inbox/ledger/sqlite_transaction.h"

namespace larder::inbox {
namespace {

std::int64_t count(cache::Statement& query) {
  return query.executeStep() ? query.getColumn(0).getInt64() : 0;
}

// Bytes that open uploads still miss, as far as they said their sizes.
std::uint64_t reserved(SQLite::Database& db) {
  cache::Statement query(db, "SELECT coalesce(sum(size - received), 0) FROM upload WHERE state = 'receiving'");
  return static_cast<std::uint64_t>(count(query));
}

std::uint64_t open_of(SQLite::Database& db, const std::string& principal) {
  cache::Statement query(db, "SELECT count(*) FROM upload WHERE principal = ?1 AND state IN ('receiving', 'sealed')");
  query.bind(1, principal);
  return static_cast<std::uint64_t>(count(query));
}

std::optional<Refused> refuse_without_room(SQLite::Database& db, std::uint64_t size, std::uint64_t room) {
  const std::uint64_t taken = reserved(db);
  if (size <= room && taken <= room - size) return std::nullopt;
  return Refused{Problem::no_space,
                 fmt::format("cannot take an upload of {} bytes: the disk has room for {}, and open uploads need {} of "
                             "them; try again later",
                             size, room, taken),
                 std::nullopt, std::nullopt};
}

UploadRow row_of(const NewUpload& made) {
  UploadRow row;
  row.id = made.id;
  row.inbox = made.request.inbox;
  row.principal = made.principal;
  row.key = made.request.key;
  row.dialect = made.request.dialect;
  row.name = made.request.name;
  row.metadata = made.request.metadata;
  row.url = made.request.url;
  row.size = made.request.size;
  row.declared = made.request.sha256;
  row.holder = made.holder;
  row.created_at = row.progressed_at = made.now;
  row.expires_at = made.expires_at;
  return row;
}

Result<std::optional<UploadRow>> load_by_key(SQLite::Database& db, const NewUpload& upload) {
  if (upload.request.key.empty()) return std::optional<UploadRow>();
  cache::Statement query(db, R"sql(
SELECT * FROM upload_row WHERE inbox = ?1 AND principal = ?2 AND request_key = ?3 AND request_key <> ''
  AND state NOT IN ('cancelled', 'expired'))sql");
  query.bind(1, upload.request.inbox);
  query.bind(2, upload.principal);
  query.bind(3, upload.request.key);
  if (!query.executeStep()) return std::optional<UploadRow>();
  auto row = read_row(query);
  if (!row) return tl::unexpected<Error>(row.error());
  return std::optional<UploadRow>(std::move(*row));
}

Worked<FoundOrMade> find_or_make(SQLite::Database& db, const NewUpload& upload) {
  using Answer = Outcome<FoundOrMade>;
  auto found = load_by_key(db, upload);
  if (!found) return tl::unexpected<Error>(found.error());
  if (*found) {
    if (auto other = refuse_other_content(**found, upload.request))
      return Answer(tl::unexpected<Refused>(std::move(*other)));
    return Answer(FoundOrMade{std::move(**found), false});
  }
  if (open_of(db, upload.principal) >= upload.max_open) {
    return Answer(tl::unexpected<Refused>(Refused{
        Problem::quota, fmt::format("cannot make an upload: {} are open; finish or cancel some first", upload.max_open),
        std::nullopt, std::nullopt}));
  }
  if (auto full = refuse_without_room(db, upload.request.size.value_or(0), upload.room)) {
    return Answer(tl::unexpected<Refused>(std::move(*full)));
  }
  const UploadRow row = row_of(upload);
  insert_row(db, row);
  return Answer(FoundOrMade{row, true});
}

}  // namespace

std::span<const cache::SchemaStep> SqliteLedger::schema() {
  return ledger_schema();
}

void SqliteLedger::create(NewUpload upload, Done<FoundOrMade> done) {
  const std::string doing = "make upload " + upload.id;  // before it is moved
  write<FoundOrMade>(
      database_, doing, [upload = std::move(upload)](SQLite::Database& db) { return find_or_make(db, upload); },
      std::move(done));
}

void SqliteLedger::find(std::string id, std::optional<std::string> principal, Done<UploadRow> done) {
  read<UploadRow>(
      database_, "find upload " + id,
      [id, principal = std::move(principal)](SQLite::Database& db) {
        return apply(db, id, principal, [](UploadRow&) -> Outcome<Change> { return Change::none; });
      },
      std::move(done));
}

// Mostly there is nothing to write, and then nothing to wait for: a write waits for the disk.
void SqliteLedger::take(std::string id, std::string principal, std::string holder, Done<UploadRow> done) {
  const auto write_it = [&database = database_, id, principal, holder](Done<UploadRow> then) {
    write<UploadRow>(
        database, "take upload " + id,
        [id, principal, holder](SQLite::Database& db) {
          return apply(db, id, principal, [&](UploadRow& row) { return inbox::take(row, holder); });
        },
        std::move(then));
  };
  find(id, principal, alive_.guard([holder, write_it, done = std::move(done)](Outcome<UploadRow> row) mutable {
    if (!row || row->state != UploadState::receiving || row->holder == holder) return done(std::move(row));
    write_it(std::move(done));
  }));
}

void SqliteLedger::declare(Writer writer, Declaration said, Done<UploadRow> done) {
  write<UploadRow>(
      database_, "set the size of upload " + writer.id,
      [writer, said](SQLite::Database& db) {
        return apply(db, writer.id, std::nullopt, [&](UploadRow& row) -> Outcome<Change> {
          const UploadRow before = row;
          auto changed = inbox::declare(row, writer.epoch, said);
          if (!changed || *changed == Change::none || before.size) return changed;
          if (auto full = refuse_without_room(db, said.size - row.offset, said.room)) {
            full->upload = status_of(before);
            return tl::unexpected<Refused>(std::move(*full));
          }
          return changed;
        });
      },
      std::move(done));
}

void SqliteLedger::advance(Writer writer, Advance step, Done<UploadRow> done) {
  write<UploadRow>(
      database_, "advance upload " + writer.id,
      [writer, step](SQLite::Database& db) {
        return apply(db, writer.id, std::nullopt,
                     [&](UploadRow& row) { return inbox::advance(row, writer.epoch, step); });
      },
      std::move(done));
}

void SqliteLedger::seal(Writer writer, Seal sealed, Done<UploadRow> done) {
  write<UploadRow>(
      database_, "seal upload " + writer.id,
      [writer, sealed = std::move(sealed)](SQLite::Database& db) {
        return apply(db, writer.id, std::nullopt,
                     [&](UploadRow& row) { return inbox::seal(row, writer.epoch, sealed); });
      },
      std::move(done));
}

void SqliteLedger::accept(Writer writer, std::optional<StoredAnswer> answer, WallTime now, Done<UploadRow> done) {
  write<UploadRow>(
      database_, "accept upload " + writer.id,
      [writer, answer = std::move(answer), now](SQLite::Database& db) {
        return apply(db, writer.id, std::nullopt,
                     [&](UploadRow& row) { return inbox::accept(row, writer.epoch, answer, now); });
      },
      std::move(done));
}

void SqliteLedger::refuse(Writer writer, UploadEvent event, StoredAnswer answer, WallTime now, Done<UploadRow> done) {
  write<UploadRow>(
      database_, "refuse upload " + writer.id,
      [writer, event, answer = std::move(answer), now](SQLite::Database& db) {
        return apply(db, writer.id, std::nullopt,
                     [&](UploadRow& row) { return inbox::refuse(row, writer.epoch, event, answer, now); });
      },
      std::move(done));
}

void SqliteLedger::cancel(std::string id, std::string principal, WallTime now, Done<UploadRow> done) {
  write<UploadRow>(
      database_, "cancel upload " + id,
      [id, principal = std::move(principal), now](SQLite::Database& db) {
        return apply(db, id, principal, [&](UploadRow& row) { return inbox::cancel(row, now); });
      },
      std::move(done));
}

void SqliteLedger::usage(std::string principal, Done<PrincipalUsage> done) {
  read<PrincipalUsage>(
      database_, "count the uploads of a principal",
      [principal = std::move(principal)](SQLite::Database& db) -> Worked<PrincipalUsage> {
        cache::Statement query(db, R"sql(
SELECT coalesce(sum(size - received), 0) FROM upload
  WHERE principal = ?1 AND state IN ('receiving', 'sealed'))sql");
        query.bind(1, principal);
        const auto missing = static_cast<std::uint64_t>(count(query));
        return Outcome<PrincipalUsage>(PrincipalUsage{open_of(db, principal), missing});
      },
      std::move(done));
}

void SqliteLedger::totals(Done<LedgerTotals> done) {
  read<LedgerTotals>(
      database_, "count the uploads",
      [](SQLite::Database& db) -> Worked<LedgerTotals> {
        LedgerTotals totals;
        totals.reserved = reserved(db);
        cache::Statement query(db, "SELECT state, count(*) FROM upload GROUP BY state");
        while (query.executeStep()) {
          const auto state = state_from_name(query.getColumn(0).getString());
          if (!state)
            return fail(ErrorCode::database_error, "count the uploads", "a row has a state that is not known");
          totals.by_state[static_cast<std::size_t>(*state)] = static_cast<std::uint64_t>(query.getColumn(1).getInt64());
        }
        return Outcome<LedgerTotals>(totals);
      },
      std::move(done));
}

}  // namespace larder::inbox
