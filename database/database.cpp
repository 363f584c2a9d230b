#include "database/database.h"

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Exception.h>
#include <SQLiteCpp/Statement.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <pthread.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "base/io/log.h"
#include "base/io/unique_fd.h"
#include "database/statement.h"

namespace larder::cache {
namespace {

constexpr int kApplicationId = 0x4c524452;  // "LRDR" in the file's header (docs/formats)
constexpr int kBusyTimeoutMs = 5000;        // wait for another program that reads the file, such as sqlite3
constexpr std::chrono::milliseconds kLater{500};
constexpr std::size_t kMaxLater = 512;
constexpr unsigned kReadsBeforeLater = 64;
constexpr std::size_t kGatherFrom = 8;  // after a group of this size, the next one is gathered:
constexpr std::size_t kGathered = 128;  // until it has this size, or for kGatherFor
constexpr std::chrono::milliseconds kGatherFor{4};
constexpr std::chrono::seconds kEraseAgain{10};  // after a failed attempt
constexpr std::size_t kMaxGroup = 512;           // writes per commit: bounds how long a read waits behind them

Error error_of(const SQLite::Exception& thrown, sqlite3* handle, std::string doing) {
  const int system_error = handle != nullptr ? sqlite3_system_errno(handle) : 0;
  const bool io_without_room =
      thrown.getErrorCode() == SQLITE_IOERR && (system_error == ENOSPC || system_error == EDQUOT);
  const bool full = thrown.getErrorCode() == SQLITE_FULL || io_without_room;
  if (full) {
    return {ErrorCode::disk_full, std::move(doing),
            "no room for the index (larder.db): free some space on the file system of the state directory"};
  }
  const bool damaged = thrown.getErrorCode() == SQLITE_NOTADB || thrown.getErrorCode() == SQLITE_CORRUPT;
  return {ErrorCode::database_error, std::move(doing),
          fmt::format("the index (larder.db): {} (SQLite {}){}", thrown.what(), thrown.getExtendedErrorCode(),
                      damaged ? "; it is damaged or no database: move it away to start with an empty index" : "")};
}

// Runs `call` and turns exceptions of SQLiteCpp into an Error.
template <class Call>
Status guarded(sqlite3* handle, const std::string& doing, Call call) {
  try {
    return call();
  } catch (const SQLite::Exception& thrown) {
    return tl::unexpected(error_of(thrown, handle, doing));
  } catch (const std::exception& thrown) {
    return fail(ErrorCode::internal, doing, thrown.what());
  }
}

// The file must exist with its mode before SQLite opens it: its own default is 0644, and the WAL inherits the mode.
Status make_private_file(const std::string& path) {
  const UniqueFd made(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (made) return {};
  const int number = errno;
  const ErrorCode code = number == ENOSPC || number == EDQUOT ? ErrorCode::disk_full : ErrorCode::database_error;
  return fail(code, "open the index " + path, std::generic_category().message(number));
}

// Checks that the file is Larder's and not newer. Reads only, so that another program's file stays as it is.
Status check_ours(SQLite::Database& db, const std::string& doing, std::span<const SchemaStep> steps) {
  const bool empty = db.execAndGet("SELECT count(*) FROM sqlite_master").getInt() == 0;
  const int application = db.execAndGet("PRAGMA application_id").getInt();
  if (application == 0 && empty) return {};
  if (application != kApplicationId) {
    return fail(ErrorCode::database_error, doing,
                "it is a database of another program; name another state directory or move the file away");
  }
  if (!db.tableExists("schema_steps")) return {};
  SQLite::Statement applied(db, "SELECT name FROM schema_steps ORDER BY rowid");
  while (applied.executeStep()) {
    const std::string name = applied.getColumn(0).getString();
    if (std::none_of(steps.begin(), steps.end(), [&](const SchemaStep& step) { return step.name == name; })) {
      return fail(
          ErrorCode::database_error, doing,
          fmt::format("it was made by a newer Larder (schema step \"{}\" is unknown here); install that version "
                      "or move the file away",
                      name));
    }
  }
  return {};
}

// Switches SQLite's memory statistics off for the whole process, before its first database: they are not used, and cost
// a lock for each allocation. Has no effect if SQLite is initialised already.
void leave_out_statistics() {
  static std::once_flag once;
  std::call_once(once, [] { (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); });
}

Status set_up(SQLite::Database& db, const std::string& doing) {
  // Set before the first table is made, so that after a crash in between the file is recognised as Larder's.
  db.exec(fmt::format("PRAGMA application_id = {}", kApplicationId));
  const std::string mode = db.execAndGet("PRAGMA journal_mode = WAL").getString();
  if (mode != "wal") {
    return fail(ErrorCode::database_error, doing,
                fmt::format("the file system does not support SQLite's WAL (journal mode stays \"{}\"); the state "
                            "directory must be on a local file system",
                            mode));
  }
  db.exec("PRAGMA synchronous = FULL");             // a reported write survives a power cut
  db.exec("PRAGMA cache_size = -4096");             // KiB
  db.exec("PRAGMA temp_store = MEMORY");            // a savepoint's undo log: a few pages, no file each time
  db.exec("PRAGMA mmap_size = 0");                  // an I/O error of a mapping is a signal, not an error
  db.exec("PRAGMA journal_size_limit = 16777216");  // the WAL shrinks again after a burst
  db.exec("PRAGMA secure_delete = ON");             // passwords of ended jobs: freed pages are overwritten
  db.exec("PRAGMA foreign_keys = ON");
  db.exec("PRAGMA trusted_schema = OFF");
  return {};
}

// All missing steps or none.
Status apply_steps(SQLite::Database& db, const std::string& doing, std::span<const SchemaStep> steps) {
  db.exec("BEGIN IMMEDIATE");
  db.exec("CREATE TABLE IF NOT EXISTS schema_steps (name TEXT PRIMARY KEY NOT NULL, applied_s INTEGER NOT NULL)");
  for (const SchemaStep& step : steps) {
    const std::string name(step.name);
    SQLite::Statement known(db, "SELECT 1 FROM schema_steps WHERE name = ?");
    known.bind(1, name);
    if (known.executeStep()) continue;
    try {
      db.exec(std::string(step.sql));
    } catch (const SQLite::Exception& thrown) {
      Error error = error_of(thrown, db.getHandle(), doing);
      error.detail = fmt::format("schema step \"{}\": {}", name, error.detail);
      return tl::unexpected(std::move(error));
    }
    SQLite::Statement add(db, "INSERT INTO schema_steps (name, applied_s) VALUES (?, strftime('%s', 'now'))");
    add.bind(1, name);
    add.exec();
  }
  db.exec("COMMIT");
  return {};
}

struct Item {
  bool write = false;
  bool peek = false;  // a read that need not see deferred writes
  std::string doing;
  UniqueFunction<Status(SQLite::Database&)> work;
  UniqueFunction<void(Status)> done;
};

struct Outcome {
  UniqueFunction<void(Status)> done;
  std::string doing;
  Status status;
};

// Called when the transaction of these was lost: gives each the cause with its own `doing`.
void fail_all(std::span<Outcome> outcomes, const Error& cause) {
  for (Outcome& outcome : outcomes) {
    if (outcome.status) outcome.status = tl::unexpected(Error{cause.code, outcome.doing, cause.detail, std::nullopt});
  }
}

}  // namespace

struct Database::Impl {
  Impl(std::unique_ptr<SQLite::Database> opened, Executor& executor) : db(std::move(opened)), loop(executor) {
    thread = std::thread([this] { run(); });
    pthread_setname_np(thread.native_handle(), "larder-index");
  }

  ~Impl() {
    {
      const std::lock_guard lock(mutex);
      stopping = true;
    }
    wake.notify_one();
    thread.join();
  }

  // Beyond kMaxLater the write is queued like any other, so that the deferred ones are written with it at once.
  void submit_later(Item item) {
    {
      const std::lock_guard lock(mutex);
      if (later.size() < kMaxLater) {
        later.push_back(std::move(item));
        queued.fetch_add(1);
        if (later.size() == 1) wake.notify_one();
        return;
      }
    }
    submit(std::move(item));
  }

  void submit(Item item) {
    if (queued.fetch_add(1) >= kMaxQueued) {
      queued.fetch_sub(1);
      if (!item.done) return;
      Error error{ErrorCode::busy, std::move(item.doing), "too much waits for the index (larder.db) already",
                  std::nullopt};
      loop.post([done = std::move(item.done), error = std::move(error)]() mutable { done(tl::unexpected(error)); });
      return;
    }
    {
      const std::lock_guard lock(mutex);
      queue.push_back(std::move(item));
      if (gathering && queue.size() < kGathered) return;
    }
    wake.notify_one();
  }

  // Waits for a larger group while many writes arrive: each commit costs a sync of the disk, and writes pages again
  // that the previous one has written.
  void gather(std::unique_lock<std::mutex>& lock) {
    if (!queue.front().write || last_group < kGatherFrom || queue.size() >= kGathered) return;
    gathering = true;
    wake.wait_for(lock, kGatherFor, [this] { return stopping || queue.size() >= kGathered; });
    gathering = false;
  }

  // Takes either the reads at the front of the queue, or a group that begins with a write. Reads within a group see the
  // writes before them and are answered after its commit: a group that ended at each read would cost a sync of the disk
  // for every few writes.
  std::vector<Item> take() {
    std::unique_lock lock(mutex);
    const auto work = [this] { return stopping || !queue.empty(); };
    const auto any = [&] { return work() || !later.empty(); };
    if (erase_at) {
      wake.wait_until(lock, *erase_at, any);
    } else {
      wake.wait(lock, [&] { return any() || erase_at; });
    }
    if (!any()) return {};
    if (!work()) wake.wait_for(lock, kLater, work);
    if (!queue.empty() && !stopping) gather(lock);
    std::vector<Item> taken;
    const bool peeks = !queue.empty() && queue.front().peek && ++reads_before_later <= kReadsBeforeLater;
    if (!peeks) {
      taken = std::exchange(later, {});
      reads_before_later = 0;
    }
    const auto fits = [this, &taken](const Item& next) {
      if (taken.empty() || taken[0].write) return true;
      return !next.write && (next.peek || later.empty());
    };
    while (!queue.empty() && taken.size() < kMaxGroup && fits(queue.front())) {
      taken.push_back(std::move(queue.front()));
      queue.pop_front();
    }
    return taken;
  }

  void run() {
    for (;;) {
      std::vector<Item> items = take();
      if (items.empty() && nothing_left()) return;
      if (!items.empty()) carry_out(items);
      if (takes_erasure()) erase();
    }
  }

  void carry_out(std::vector<Item>& items) {
    const std::size_t count = items.size();
    if (items[0].write) last_group = count;
    std::vector<Outcome> outcomes = items[0].write ? commit(items) : read(items);
    items.clear();
    queued.fetch_sub(count);
    loop.post([outcomes = std::move(outcomes)]() mutable {
      for (Outcome& outcome : outcomes) {
        if (outcome.done) outcome.done(std::move(outcome.status));
      }
    });
  }

  [[nodiscard]] bool nothing_left() {
    const std::lock_guard lock(mutex);
    return stopping && queue.empty() && later.empty();
  }

  void erase_after(std::chrono::steady_clock::duration delay) {
    {
      const std::lock_guard lock(mutex);
      if (erase_at) return;
      erase_at = std::chrono::steady_clock::now() + delay;
    }
    wake.notify_one();
  }

  [[nodiscard]] bool takes_erasure() {
    const std::lock_guard lock(mutex);
    if (!erase_at || std::chrono::steady_clock::now() < *erase_at) return false;
    erase_at.reset();
    return true;
  }

  // Cuts the WAL. Another program that reads the file prevents it; this thread does not wait for it, but tries again
  // after kEraseAgain.
  void erase() {
    bool busy = false;
    (void)sqlite3_busy_timeout(db->getHandle(), 0);
    const Status erased = guarded(db->getHandle(), "erase what was deleted from the index", [&]() -> Status {
      busy = db->execAndGet("PRAGMA wal_checkpoint(TRUNCATE)").getInt() != 0;
      return {};
    });
    (void)sqlite3_busy_timeout(db->getHandle(), kBusyTimeoutMs);
    if (erased && !busy) {
      erase_failed = false;
      return;
    }
    if (!std::exchange(erase_failed, true))
      log::warn("deleted secrets are still in larder.db-wal, tried again error=\"{}\"",
                erased ? "another program reads the database" : erased.error().text());
    erase_after(kEraseAgain);
  }

  Status look(Item& item) {
    return guarded(db->getHandle(), item.doing, [&] { return item.work(*db); });
  }

  std::vector<Outcome> read(std::vector<Item>& items) {
    std::vector<Outcome> outcomes;
    outcomes.reserve(items.size());
    for (Item& item : items) {
      Status status = look(item);
      outcomes.push_back({std::move(item.done), std::move(item.doing), std::move(status)});
    }
    return outcomes;
  }

  std::vector<Outcome> commit(std::vector<Item>& items) {
    if (items.size() > 1) {
      if (auto outcomes = commit_together(items)) return std::move(*outcomes);
    }
    return commit_singly(items);
  }

  // Commits without savepoints, each of which would keep a copy of every page that it changes. None, and nothing was
  // done, if a write fails or the transaction is lost.
  std::optional<std::vector<Outcome>> commit_together(std::vector<Item>& items) {
    if (!execute(items[0].doing, "BEGIN IMMEDIATE")) return std::nullopt;
    std::vector<Status> statuses;
    statuses.reserve(items.size());
    bool good = true;
    for (std::size_t i = 0; i < items.size() && good; ++i) {
      statuses.push_back(look(items[i]));
      good = (statuses.back() || !items[i].write) && sqlite3_get_autocommit(db->getHandle()) == 0;
    }
    if (!good || !execute("commit to the index", "COMMIT")) {
      if (sqlite3_get_autocommit(db->getHandle()) == 0) (void)execute("roll back", "ROLLBACK");
      return std::nullopt;
    }
    std::vector<Outcome> outcomes;
    outcomes.reserve(items.size());
    for (std::size_t i = 0; i < items.size(); ++i)
      outcomes.push_back({std::move(items[i].done), std::move(items[i].doing), std::move(statuses[i])});
    return outcomes;
  }

  std::vector<Outcome> commit_singly(std::vector<Item>& items) {
    std::vector<Outcome> outcomes;
    outcomes.reserve(items.size());
    std::size_t group_start = 0;  // index of the first outcome in the open transaction
    for (Item& item : items) {
      Status status = item.write ? in_savepoint(item) : look(item);
      const bool lost = !status && sqlite3_get_autocommit(db->getHandle()) != 0;
      outcomes.push_back({std::move(item.done), std::move(item.doing), std::move(status)});
      if (!lost) continue;
      // SQLite rolled the whole transaction back (disk full, I/O error): earlier writes in it are lost too.
      const Error cause = outcomes.back().status.error();
      fail_all(std::span(outcomes).subspan(group_start), cause);
      group_start = outcomes.size();
    }
    if (sqlite3_get_autocommit(db->getHandle()) != 0) return outcomes;
    const Status committed = execute("commit to the index", "COMMIT");
    if (committed) return outcomes;
    (void)execute("roll back", "ROLLBACK");
    fail_all(std::span(outcomes).subspan(group_start), committed.error());
    return outcomes;
  }

  Status in_savepoint(Item& item) {
    if (sqlite3_get_autocommit(db->getHandle()) != 0) {
      if (Status begun = execute(item.doing, "BEGIN IMMEDIATE"); !begun) return begun;
    }
    if (Status saved = execute(item.doing, "SAVEPOINT one_write"); !saved) return saved;
    Status status = guarded(db->getHandle(), item.doing, [&] { return item.work(*db); });
    if (!status && sqlite3_get_autocommit(db->getHandle()) == 0) {
      if (Status undone = execute(item.doing, "ROLLBACK TO one_write"); !undone) return abandon(undone);
    }
    if (sqlite3_get_autocommit(db->getHandle()) != 0) {
      if (status) return fail(ErrorCode::internal, item.doing, "the work ended the transaction that it was part of");
      return status;
    }
    if (Status released = execute(item.doing, "RELEASE one_write"); !released) return abandon(released);
    return status;
  }

  // Called for a savepoint that can be neither released nor undone: the whole transaction is rolled back, so that its
  // changes are not committed with others.
  Status abandon(const Status& status) {
    (void)execute("roll back", "ROLLBACK");
    return status;
  }

  Status execute(const std::string& doing, const char* literal) {
    return guarded(db->getHandle(), doing, [&]() -> Status {
      Statement(*db, literal).exec();
      return {};
    });
  }

  std::unique_ptr<SQLite::Database> db;
  StatementCache statements{*db};  // ends before the connection does
  Executor& loop;
  std::atomic<std::size_t> queued{0};
  std::mutex mutex;
  std::condition_variable wake;
  std::deque<Item> queue;
  unsigned reads_before_later = 0;
  std::size_t last_group = 0;                                     // items of the last group of writes
  bool gathering = false;                                         // waits for more: not woken for each item
  std::vector<Item> later;                                        // deferred writes
  std::optional<std::chrono::steady_clock::time_point> erase_at;  // when to cut the WAL
  bool erase_failed = false;
  bool stopping = false;
  std::thread thread;
};

Result<std::unique_ptr<Database>> Database::open(const std::string& path, std::span<const SchemaStep> steps,
                                                 Executor& loop) {
  const std::string doing = "open the index " + path;
  if (Status made = make_private_file(path); !made) return tl::unexpected(made.error());
  // An orderly end removes the WAL. The WAL of a killed run may hold secrets that were to be erased.
  struct stat log_of_writes {};
  const bool killed = ::stat((path + "-wal").c_str(), &log_of_writes) == 0 && log_of_writes.st_size > 0;
  std::unique_ptr<SQLite::Database> db;
  leave_out_statistics();
  const Status opened = guarded(nullptr, doing, [&]() -> Status {
    db = std::make_unique<SQLite::Database>(path, SQLite::OPEN_READWRITE | SQLite::OPEN_NOMUTEX, kBusyTimeoutMs);
    return {};
  });
  if (!opened) return tl::unexpected(opened.error());
  Status ready = guarded(db->getHandle(), doing, [&]() -> Status {
    if (Status ours = check_ours(*db, doing, steps); !ours) {
      // The WAL of a killed program of another version stays as it is, for that program.
      if (killed) (void)sqlite3_db_config(db->getHandle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
      return ours;
    }
    if (Status set = set_up(*db, doing); !set) return set;
    return apply_steps(*db, doing, steps);
  });
  if (!ready) return tl::unexpected(std::move(ready.error()));
  std::unique_ptr<Database> database(new Database(std::make_unique<Impl>(std::move(db), loop)));
  if (killed) database->erase_traces();
  return database;
}

Database::Database(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Database::~Database() = default;

void Database::write(std::string doing, UniqueFunction<Status(SQLite::Database&)> work,
                     UniqueFunction<void(Status)> done) {
  impl_->submit({true, false, std::move(doing), std::move(work), std::move(done)});
}

void Database::write_later(std::string doing, UniqueFunction<Status(SQLite::Database&)> work,
                           UniqueFunction<void(Status)> done) {
  impl_->submit_later({true, false, std::move(doing), std::move(work), std::move(done)});
}

void Database::run_read(bool peek, std::string doing, UniqueFunction<Status(SQLite::Database&)> work,
                        UniqueFunction<void(Status)> done) {
  impl_->submit({false, peek, std::move(doing), std::move(work), std::move(done)});
}

void Database::erase_traces() {
  impl_->erase_after(kEraseAfter);
}

std::size_t Database::queued() const {
  return impl_->queued.load();
}

}  // namespace larder::cache
