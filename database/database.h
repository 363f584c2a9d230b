// The one SQLite database (larder.db, WAL, synchronous=FULL) on a thread of its own.
//
// Group commit: writes that wait together are committed together. If one of them fails, the whole group is undone and
// done again with each write in a savepoint of its own, so that the others survive: `work` may run twice. `done` is
// posted to the loop after the COMMIT is durable. Reads run on the same thread and see every write queued before them;
// a read queued among writes is answered after their commit. Owned by main; loop thread only, except erase_traces().
// The queue is bounded (kMaxQueued); beyond it every call answers ErrorCode::busy. A `done` may still be
// posted to the loop after the Database is destroyed: the caller guards it.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include "base/result.h"
#include "base/runtime/clock.h"
#include "base/unique_function.h"

namespace SQLite {
class Database;
}

namespace larder::cache {

// One step of the schema; steps of all components are applied in the order given, each once (table `schema_steps`).
// A name is never changed or reused once it has shipped.
struct SchemaStep {
  std::string_view name;  // "cache-1", "jobs-1"
  std::string_view sql;
};

class Database {
 public:
  static constexpr std::size_t kMaxQueued = 65536;

  // Opens or makes the file (0600), and applies missing steps. Error, and nothing is changed: the file is not a
  // database of Larder, or a newer Larder made it. Blocks; called by main before the loop runs.
  static Result<std::unique_ptr<Database>> open(const std::string& path, std::span<const SchemaStep> steps,
                                                Executor& loop);
  ~Database();  // runs all queued work, then closes
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // `work` runs on the database's thread; exceptions of SQLiteCpp become ErrorCode::database_error (disk_full for
  // SQLITE_FULL). `done` may be empty.
  void write(std::string doing, UniqueFunction<Status(SQLite::Database&)> work, UniqueFunction<void(Status)> done);

  // Deferred write: no caller waits for it, and it need not be readable at once. It is committed with the next group of
  // writes, before the next read(), or alone after half a second, so that it rarely costs a sync of its own.
  void write_later(std::string doing, UniqueFunction<Status(SQLite::Database&)> work,
                   UniqueFunction<void(Status)> done);

  template <class T>
  void read(std::string doing, UniqueFunction<Result<T>(SQLite::Database&)> work,
            UniqueFunction<void(Result<T>)> done) {
    query<T>(false, std::move(doing), std::move(work), std::move(done));
  }
  // A read that may miss deferred writes, and does not force them to be written first.
  template <class T>
  void peek(std::string doing, UniqueFunction<Result<T>(SQLite::Database&)> work,
            UniqueFunction<void(Result<T>)> done) {
    query<T>(true, std::move(doing), std::move(work), std::move(done));
  }

  // Removes deleted and overwritten data from the files: the WAL, which still holds old pages, is written back and cut
  // to zero length about kEraseAfter later (once for all calls meanwhile). Any thread, also within `work`, whose own
  // deletions are included. Costs a sync or two of the disk: call it only after secrets were deleted.
  static constexpr std::chrono::milliseconds kEraseAfter{1000};
  void erase_traces();

  [[nodiscard]] std::size_t queued() const;

 private:
  struct Impl;
  explicit Database(std::unique_ptr<Impl> impl);
  template <class T>
  void query(bool peek, std::string doing, UniqueFunction<Result<T>(SQLite::Database&)> work,
             UniqueFunction<void(Result<T>)> done) {
    auto slot = std::make_shared<Result<T>>(tl::unexpected<Error>(Error{}));
    run_read(
        peek, std::move(doing),
        [slot, work = std::move(work)](SQLite::Database& db) mutable -> Status {
          *slot = work(db);
          if (!*slot) return tl::unexpected<Error>(slot->error());
          return {};
        },
        [slot, done = std::move(done)](Status status) mutable {
          if (!status) return done(tl::unexpected<Error>(status.error()));
          done(std::move(*slot));
        });
  }
  void run_read(bool peek, std::string doing, UniqueFunction<Status(SQLite::Database&)> work,
                UniqueFunction<void(Status)> done);
  std::unique_ptr<Impl> impl_;
};

}  // namespace larder::cache
