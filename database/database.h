// The one SQLite database (larder.db, WAL, synchronous=FULL) on a thread of its own.
//
// Writes that wait together are committed together (group commit; where one of them fails, all of the group is undone
// and done again with each in a savepoint of its own, so that it does not undo its neighbours: `work` may run twice);
// `done` is posted to the loop after the COMMIT is durable. Reads run on the same thread and see every write queued
// before them; one that waits among writes is answered with their commit. Owned by main; all public calls are on the
// loop thread. The queue is bounded (kMaxQueued); a call beyond it is answered ErrorCode::busy.
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

  // Opens or makes the file (0600), applies missing steps. A file that is not a database, or is of a newer Larder, is
  // an error that says so and nothing is changed. Blocks; called by main before the loop runs.
  static Result<std::unique_ptr<Database>> open(const std::string& path, std::span<const SchemaStep> steps,
                                                Executor& loop);
  ~Database();  // runs what is queued, then closes
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // `work` runs on the database's thread; exceptions of SQLiteCpp become ErrorCode::database_error (disk_full for
  // SQLITE_FULL). `done` may be empty.
  void write(std::string doing, UniqueFunction<Status(SQLite::Database&)> work, UniqueFunction<void(Status)> done);

  // The same for what nobody waits for and nobody reads at once: it goes with the next group of writes, or alone after
  // half a second, so that it costs no sync of its own.
  void write_later(std::string doing, UniqueFunction<Status(SQLite::Database&)> work,
                   UniqueFunction<void(Status)> done);

  template <class T>
  void read(std::string doing, UniqueFunction<Result<T>(SQLite::Database&)> work,
            UniqueFunction<void(Result<T>)> done) {
    look<T>(false, std::move(doing), std::move(work), std::move(done));
  }
  // A read that may miss what write_later() has queued, and does not make it be written.
  template <class T>
  void peek(std::string doing, UniqueFunction<Result<T>(SQLite::Database&)> work,
            UniqueFunction<void(Result<T>)> done) {
    look<T>(true, std::move(doing), std::move(work), std::move(done));
  }

  // What was deleted or overwritten so far leaves the files: the log of writes, which goes on holding old pages, is
  // written back and cut to nothing about kEraseAfter later (once for all that ask meanwhile). Any thread, also from
  // within `work`, whose own deletions count. Costs a sync or two of the disk: ask only where secrets went.
  static constexpr std::chrono::milliseconds kEraseAfter{1000};
  void erase_traces();

  [[nodiscard]] std::size_t queued() const;

 private:
  struct Impl;
  explicit Database(std::unique_ptr<Impl> impl);
  template <class T>
  void look(bool peek, std::string doing, UniqueFunction<Result<T>(SQLite::Database&)> work,
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
