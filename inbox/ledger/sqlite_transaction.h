// One call of the SQLite ledger as one transaction. For the sources of this room; its inside runs on the database
// thread.
#pragma once

#include <SQLiteCpp/Database.h>

#include <memory>

#include "database/database.h"
#include "inbox/ledger/ledger.h"
#include "inbox/ledger/sqlite_rows.h"

namespace larder::inbox {

// What the work of a call gives: an answer or a refusal, both of a transaction that went well; or an error of the
// database, which undoes it.
template <class T>
using Worked = Result<Outcome<T>>;

// A refusal is no error of the transaction: an error would have the whole group of writes done again.
template <class T>
UniqueFunction<Status(SQLite::Database&)> kept_in(std::shared_ptr<Outcome<T>> slot,
                                                  UniqueFunction<Worked<T>(SQLite::Database&)> work) {
  return [slot = std::move(slot), work = std::move(work)](SQLite::Database& db) mutable -> Status {
    Worked<T> worked = work(db);
    if (!worked) return tl::unexpected<Error>(worked.error());
    *slot = std::move(*worked);
    return {};
  };
}

template <class T>
void write(cache::Database& database, std::string doing, UniqueFunction<Worked<T>(SQLite::Database&)> work,
           Ledger::Done<T> done) {
  auto slot = std::make_shared<Outcome<T>>(tl::unexpected<Refused>(Refused{}));
  database.write(std::move(doing), kept_in<T>(slot, std::move(work)),
                 [slot, done = std::move(done)](Status status) mutable {
                   if (!status) return done(tl::unexpected<Refused>(refused_by(status.error())));
                   done(std::move(*slot));
                 });
}

template <class T>
void read(cache::Database& database, std::string doing, UniqueFunction<Worked<T>(SQLite::Database&)> work,
          Ledger::Done<T> done) {
  database.read<Outcome<T>>(std::move(doing), std::move(work), [done = std::move(done)](Worked<T> worked) mutable {
    if (!worked) return done(tl::unexpected<Refused>(refused_by(worked.error())));
    done(std::move(*worked));
  });
}

// Applies a rule to the row, and writes it where it changed. `principal` none: of anybody.
template <class Rule>
Worked<UploadRow> apply(SQLite::Database& db, const std::string& id, const std::optional<std::string>& principal,
                        Rule&& rule) {
  auto row = load_row(db, id);
  if (!row) return tl::unexpected<Error>(row.error());
  if (!*row || (principal && (*row)->principal != *principal)) {
    return Outcome<UploadRow>(tl::unexpected<Refused>(unknown_upload(id)));
  }
  Outcome<Change> changed = rule(**row);
  if (!changed) return Outcome<UploadRow>(tl::unexpected<Refused>(std::move(changed.error())));
  if (*changed == Change::made) update_row(db, **row);
  return Outcome<UploadRow>(std::move(**row));
}

}  // namespace larder::inbox
