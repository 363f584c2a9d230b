#include "database/database.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <array>
#include <future>
#include <latch>

#include "tests/support/temp_directory.h"
#include "tests/support/virtual_loop.h"

namespace larder::cache {
namespace {

constexpr std::array kSteps = {
    SchemaStep{"test-1", "CREATE TABLE things (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)"},
    SchemaStep{"test-2", "CREATE TABLE parts (thing INTEGER NOT NULL REFERENCES things (id))"},
};

class DatabaseTest : public testing::Test {
 protected:
  std::unique_ptr<Database> open(std::span<const SchemaStep> steps = kSteps) {
    auto opened = Database::open(path_, steps, loop_);
    if (opened) return std::move(*opened);
    ADD_FAILURE() << opened.error().text();
    return nullptr;
  }

  static UniqueFunction<Status(SQLite::Database&)> insert(std::string name) {
    return [name = std::move(name)](SQLite::Database& db) -> Status {
      SQLite::Statement add(db, "INSERT INTO things (name) VALUES (?)");
      add.bind(1, name);
      add.exec();
      return {};
    };
  }

  // Queues a write whose outcome is kept in outcomes_ at its index.
  void write(Database& db, UniqueFunction<Status(SQLite::Database&)> work) {
    const std::size_t index = outcomes_.size();
    outcomes_.emplace_back(std::nullopt);
    db.write("write " + std::to_string(index), std::move(work),
             [this, index](Status status) { outcomes_[index] = std::move(status); });
  }

  bool all_done() {
    return loop_.wait_for([this] {
      return std::all_of(outcomes_.begin(), outcomes_.end(), [](const auto& outcome) { return outcome.has_value(); });
    });
  }

  std::vector<std::string> names(Database& db) {
    std::optional<Result<std::vector<std::string>>> answer;
    db.read<std::vector<std::string>>(
        "read the names",
        [](SQLite::Database& raw) -> Result<std::vector<std::string>> {
          std::vector<std::string> found;
          SQLite::Statement query(raw, "SELECT name FROM things ORDER BY name");
          while (query.executeStep()) found.push_back(query.getColumn(0).getString());
          return found;
        },
        [&](Result<std::vector<std::string>> result) { answer = std::move(result); });
    EXPECT_TRUE(loop_.wait_for([&] { return answer.has_value(); }));
    return answer && *answer ? **answer : std::vector<std::string>{"no answer"};
  }

  test::TempDirectory directory_;
  std::string path_ = directory_ / "larder.db";
  test::VirtualLoop loop_;
  std::vector<std::optional<Status>> outcomes_;
};

using Names = std::vector<std::string>;

// Holds the database's thread so that what follows waits together.
class Gate {
 public:
  explicit Gate(Database& db) {
    db.write(
        "hold",
        [this](SQLite::Database&) -> Status {
          entered_.count_down();
          released_.get_future().wait();
          return {};
        },
        nullptr);
    entered_.wait();
  }
  void open() { released_.set_value(); }

 private:
  std::latch entered_{1};
  std::promise<void> released_;
};

TEST_F(DatabaseTest, KeepsWhatWasWrittenAcrossReopening) {
  {
    const auto db = open();
    write(*db, insert("a"));
    ASSERT_TRUE(all_done());
    EXPECT_TRUE(*outcomes_[0]);
    struct stat facts {};
    for (const char* suffix : {"", "-wal", "-shm"}) {
      ASSERT_EQ(::stat((path_ + suffix).c_str(), &facts), 0) << suffix;
      EXPECT_EQ(facts.st_mode & 0777U, 0600U) << suffix;
    }
  }
  const auto db = open();
  EXPECT_EQ(names(*db), Names{"a"});
}

TEST_F(DatabaseTest, SettingsAreThoseThatMakeItDurable) {
  const auto db = open();
  std::optional<Result<std::string>> answer;
  db->read<std::string>(
      "read the settings",
      [](SQLite::Database& raw) -> Result<std::string> {
        std::string all;
        for (const char* pragma : {"journal_mode", "synchronous", "foreign_keys", "mmap_size", "cache_size"}) {
          all += std::string(pragma) + "=" + raw.execAndGet(std::string("PRAGMA ") + pragma).getString() + " ";
        }
        return all;
      },
      [&](Result<std::string> result) { answer = std::move(result); });
  ASSERT_TRUE(loop_.wait_for([&] { return answer.has_value(); }));
  EXPECT_EQ(**answer, "journal_mode=wal synchronous=2 foreign_keys=1 mmap_size=0 cache_size=-4096 ");
}

// total_changes cannot tell, so the number of commits is read from the hook of SQLite itself.
TEST_F(DatabaseTest, WaitingWritesShareOneCommit) {
  const auto db = open();
  std::atomic<int> commits{0};
  write(*db, [&](SQLite::Database& raw) -> Status {
    sqlite3_commit_hook(
        raw.getHandle(),
        [](void* count) {
          ++*static_cast<std::atomic<int>*>(count);
          return 0;
        },
        &commits);
    return {};
  });
  ASSERT_TRUE(all_done());
  commits = 0;
  Gate gate(*db);
  for (int i = 0; i < 100; ++i) write(*db, insert("n" + std::to_string(i)));
  EXPECT_EQ(db->queued(), 101U);
  gate.open();
  ASSERT_TRUE(all_done());
  for (const auto& outcome : outcomes_) EXPECT_TRUE(*outcome);
  EXPECT_EQ(names(*db).size(), 100U);
  EXPECT_LE(commits, 2);
  EXPECT_GE(commits, 1);
}

TEST_F(DatabaseTest, AFailedWriteDoesNotUndoItsNeighbours) {
  const auto db = open();
  Gate gate(*db);
  write(*db, insert("a"));
  write(*db, [](SQLite::Database& raw) -> Status {
    raw.exec("INSERT INTO things (name) VALUES ('half')");
    return fail(ErrorCode::invalid_state, "do the other half", "it was refused");
  });
  write(*db, insert("a"));  // throws: UNIQUE
  write(*db, [](SQLite::Database& raw) -> Status {
    raw.exec("INSERT INTO things (name) VALUES ('thrown')");
    throw std::runtime_error("a mistake");
  });
  write(*db, insert("b"));
  gate.open();
  ASSERT_TRUE(all_done());
  EXPECT_TRUE(*outcomes_[0]);
  EXPECT_EQ(outcomes_[1]->error().text(), "cannot do the other half: it was refused");
  EXPECT_EQ(outcomes_[2]->error().code, ErrorCode::database_error);
  EXPECT_NE(outcomes_[2]->error().text().find("cannot write 2: the index (larder.db): UNIQUE constraint failed"),
            std::string::npos)
      << outcomes_[2]->error().text();
  EXPECT_EQ(outcomes_[3]->error().code, ErrorCode::internal);
  EXPECT_TRUE(*outcomes_[4]);
  EXPECT_EQ(names(*db), (Names{"a", "b"}));
}

// A deferred constraint fails the COMMIT itself: nobody in the group may believe that it is stored.
TEST_F(DatabaseTest, AFailedCommitFailsAllOfItsGroup) {
  const std::array steps = {SchemaStep{"t-1", R"(
      CREATE TABLE things (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
      CREATE TABLE parts (thing INTEGER REFERENCES things (id) DEFERRABLE INITIALLY DEFERRED);)"}};
  const auto db = open(steps);
  Gate gate(*db);
  write(*db, insert("a"));
  write(*db, [](SQLite::Database& raw) -> Status {
    raw.exec("INSERT INTO parts (thing) VALUES (77)");
    return {};
  });
  write(*db, insert("b"));
  gate.open();
  ASSERT_TRUE(all_done());
  for (const auto& outcome : outcomes_) {
    ASSERT_FALSE(*outcome);
    EXPECT_NE(outcome->error().text().find("FOREIGN KEY"), std::string::npos) << outcome->error().text();
  }
  EXPECT_EQ(outcomes_[2]->error().doing, "write 2");
  EXPECT_EQ(names(*db), Names{});
  write(*db, insert("c"));
  ASSERT_TRUE(all_done());
  EXPECT_EQ(names(*db), Names{"c"});
}

TEST_F(DatabaseTest, AFullDatabaseIsDiskFullAndLosesNothingCommitted) {
  const auto db = open();
  write(*db, insert("kept"));
  write(*db, [](SQLite::Database& raw) -> Status {
    raw.execAndGet("PRAGMA max_page_count = 1");  // becomes the number of pages there are
    return {};
  });
  ASSERT_TRUE(all_done());
  Gate gate(*db);
  write(*db, [](SQLite::Database& raw) -> Status {
    SQLite::Statement add(raw, "INSERT INTO things (name) VALUES (?)");
    add.bind(1, std::string(1 << 20, 'x'));
    add.exec();
    return {};
  });
  gate.open();
  ASSERT_TRUE(all_done());
  ASSERT_FALSE(*outcomes_[2]);
  EXPECT_EQ(outcomes_[2]->error().code, ErrorCode::disk_full);
  EXPECT_EQ(names(*db), Names{"kept"});
}

// SQLite may end the transaction by itself; a work that does so stands in for that.
TEST_F(DatabaseTest, ALostTransactionFailsWhatWasInItAndNotWhatFollows) {
  const auto db = open();
  Gate gate(*db);
  write(*db, insert("before"));
  write(*db, [](SQLite::Database& raw) -> Status {
    raw.exec("ROLLBACK");
    return fail(ErrorCode::disk_full, "write", "no room");
  });
  write(*db, insert("after"));
  gate.open();
  ASSERT_TRUE(all_done());
  ASSERT_FALSE(*outcomes_[0]);
  EXPECT_EQ(outcomes_[0]->error().code, ErrorCode::disk_full);
  EXPECT_FALSE(*outcomes_[1]);
  EXPECT_TRUE(*outcomes_[2]);
  EXPECT_EQ(names(*db), Names{"after"});
}

TEST_F(DatabaseTest, ReadsSeeEveryWriteQueuedBefore) {
  const auto db = open();
  for (int i = 0; i < 20; ++i) {
    write(*db, insert("n" + std::to_string(i)));
    if (i % 5 == 4) {
      EXPECT_EQ(names(*db).size(), static_cast<std::size_t>(i) + 1);
    }
  }
}

// Reads among writes do not cut their group: one commit serves all, and is durable before the reads are answered.
TEST_F(DatabaseTest, ReadsAmongWritesShareTheirCommit) {
  const auto db = open();
  Gate gate(*db);
  std::vector<std::string> order;
  const auto count = [](SQLite::Database& raw) -> Result<int> {
    EXPECT_EQ(sqlite3_get_autocommit(raw.getHandle()), 0) << "outside of the group's transaction";
    return raw.execAndGet("SELECT count(*) FROM things").getInt();
  };
  std::optional<int> first;
  std::optional<int> second;
  write(*db, insert("a"));
  db->read<int>("count", count, [&](const Result<int>& found) { first = found.value_or(-1); });
  write(*db, insert("b"));
  db->read<int>("count", count, [&](const Result<int>& found) { second = found.value_or(-1); });
  gate.open();
  ASSERT_TRUE(loop_.wait_for([&] { return second.has_value(); }));
  EXPECT_EQ(first, 1);
  EXPECT_EQ(second, 2);
}

TEST_F(DatabaseTest, WhatMayWaitGoesWithTheNextGroup) {
  const auto db = open();
  Gate gate(*db);
  bool later = false;
  db->write_later("write later", insert("later"), [&](const Status& status) { later = status.has_value(); });
  write(*db, insert("now"));
  gate.open();
  ASSERT_TRUE(all_done());
  EXPECT_TRUE(later) << "it was not in the group of the write that followed";
  EXPECT_EQ(names(*db), (Names{"later", "now"}));
}

TEST_F(DatabaseTest, WhatMayWaitIsWrittenWithoutCompany) {
  const auto db = open();
  bool later = false;
  db->write_later("write later", insert("later"), [&](const Status& status) { later = status.has_value(); });
  ASSERT_TRUE(loop_.wait_for([&] { return later; }));
}

TEST_F(DatabaseTest, ReadsSeeWhatMayWaitAndPeeksNeedNot) {
  const auto db = open();
  const auto count = [](SQLite::Database& raw) -> Result<int> {
    return raw.execAndGet("SELECT count(*) FROM things").getInt();
  };
  std::optional<int> read;
  Gate gate(*db);
  db->write_later("write later", insert("later"), nullptr);
  db->read<int>("count", count, [&](const Result<int>& found) { read = found.value_or(-1); });
  gate.open();
  ASSERT_TRUE(loop_.wait_for([&] { return read.has_value(); }));
  EXPECT_EQ(read, 1);
}

TEST_F(DatabaseTest, ManyPeeksDoNotKeepOffWhatMayWait) {
  const auto db = open();
  bool later = false;
  db->write_later("write later", insert("later"), [&](const Status& status) { later = status.has_value(); });
  for (int i = 0; i < 200 && !later; ++i) {
    bool answered = false;
    db->peek<int>(
        "peek", [](SQLite::Database&) -> Result<int> { return 1; }, [&](const Result<int>&) { answered = true; });
    ASSERT_TRUE(loop_.wait_for([&] { return answered; }));
  }
  EXPECT_TRUE(later);
}

TEST_F(DatabaseTest, WhatMayWaitIsBoundedAndWrittenAtTheEnd) {
  std::size_t written = 0;
  {
    const auto db = open();
    Gate gate(*db);
    for (int i = 0; i < 2000; ++i) {
      db->write_later("write later", insert(std::to_string(i)),
                      [&](const Status& status) { written += status ? 1U : 0U; });
    }
    gate.open();
  }
  ASSERT_TRUE(loop_.wait_for([&] { return written == 2000; }));
}

TEST_F(DatabaseTest, ReadErrorsAreAnswered) {
  const auto db = open();
  std::optional<Result<int>> thrown;
  std::optional<Result<int>> refused;
  db->read<int>(
      "count what is not there",
      [](SQLite::Database& raw) -> Result<int> { return raw.execAndGet("SELECT x FROM nothing"); },
      [&](Result<int> result) { thrown = std::move(result); });
  db->read<int>(
      "find it", [](SQLite::Database&) -> Result<int> { return fail(ErrorCode::not_found, "find it", "it is gone"); },
      [&](Result<int> result) { refused = std::move(result); });
  ASSERT_TRUE(loop_.wait_for([&] { return thrown && refused; }));
  EXPECT_EQ(thrown->error().code, ErrorCode::database_error);
  EXPECT_EQ(thrown->error().doing, "count what is not there");
  EXPECT_EQ(refused->error().code, ErrorCode::not_found);
}

TEST_F(DatabaseTest, EndRunsWhatIsQueued) {
  {
    const auto db = open();
    Gate gate(*db);
    for (int i = 0; i < 1000; ++i) db->write("insert", insert("n" + std::to_string(i)), nullptr);
    gate.open();
  }
  const auto db = open();
  EXPECT_EQ(names(*db).size(), 1000U);
}

TEST_F(DatabaseTest, AnswersBusyBeyondItsBound) {
  const auto db = open();
  Gate gate(*db);
  const auto nothing = [](SQLite::Database&) -> Status { return {}; };
  for (std::size_t i = 1; i < Database::kMaxQueued; ++i) db->write("wait", nothing, nullptr);
  EXPECT_EQ(db->queued(), Database::kMaxQueued);
  write(*db, nothing);
  ASSERT_TRUE(all_done());  // although the thread is still held
  EXPECT_EQ(outcomes_[0]->error().code, ErrorCode::busy);
  EXPECT_EQ(db->queued(), Database::kMaxQueued);
  gate.open();
  ASSERT_TRUE(loop_.wait_for([&] { return db->queued() == 0; }));
  write(*db, insert("again"));
  ASSERT_TRUE(all_done());
  EXPECT_TRUE(*outcomes_[1]);
}

// Uses of records are counted by deferred writes, as often as members ask.
TEST_F(DatabaseTest, DeferredWritesHaveTheSameBound) {
  const auto db = open();
  Gate gate(*db);
  const auto nothing = [](SQLite::Database&) -> Status { return {}; };
  std::optional<Status> last;
  for (std::size_t i = 1; i < Database::kMaxQueued; ++i) db->write_later("count", nothing, nullptr);
  EXPECT_EQ(db->queued(), Database::kMaxQueued);
  db->write_later("count", nothing, [&last](Status status) { last = std::move(status); });
  ASSERT_TRUE(loop_.wait_for([&] { return last.has_value(); })) << "although the thread is still held";
  EXPECT_EQ(last->error().code, ErrorCode::busy);
  EXPECT_EQ(db->queued(), Database::kMaxQueued);
  gate.open();
  ASSERT_TRUE(loop_.wait_for([&] { return db->queued() == 0; }));
}

TEST_F(DatabaseTest, AppliesMissingStepsOnce) {
  { const auto db = open(std::span(kSteps).first(1)); }
  {
    const auto db = open();
    write(*db, insert("a"));
    ASSERT_TRUE(all_done());
  }
  const auto db = open();
  EXPECT_EQ(names(*db), Names{"a"});
}

TEST_F(DatabaseTest, AFailingStepChangesNothing) {
  { const auto db = open(std::span(kSteps).first(1)); }
  const std::array steps = {kSteps[0], SchemaStep{"good", "CREATE TABLE good (x)"},
                            SchemaStep{"bad", "CREATE TABEL b (x)"}};
  const auto opened = Database::open(path_, steps, loop_);
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().text().find("schema step \"bad\""), std::string::npos) << opened.error().text();
  SQLite::Database raw(path_);
  EXPECT_FALSE(raw.tableExists("good"));
  EXPECT_TRUE(raw.tableExists("things"));
}

TEST_F(DatabaseTest, RefusesTheIndexOfANewerLarder) {
  { const auto db = open(); }
  const auto opened = Database::open(path_, std::span(kSteps).first(1), loop_);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::database_error);
  EXPECT_NE(opened.error().text().find("newer Larder (schema step \"test-2\""), std::string::npos)
      << opened.error().text();
  const auto db = open();
  EXPECT_EQ(names(*db), Names{});
}

TEST_F(DatabaseTest, LeavesTheLogOfWritesToTheNewerLarderThatWasKilled) {
  const std::string copy = path_ + ".killed";
  {
    const auto db = open();
    write(*db, insert("a"));
    ASSERT_TRUE(all_done());
    for (const char* suffix : {"", "-wal"}) test::write_file(copy + suffix, test::read_file(path_ + suffix));
  }
  const std::string bytes = test::read_file(copy), log = test::read_file(copy + "-wal");
  ASSERT_FALSE(log.empty());
  ASSERT_FALSE(Database::open(copy, std::span(kSteps).first(1), loop_));
  EXPECT_EQ(test::read_file(copy), bytes);
  EXPECT_EQ(test::read_file(copy + "-wal"), log);
  auto reopened = Database::open(copy, kSteps, loop_);
  ASSERT_TRUE(reopened);
  EXPECT_EQ(names(**reopened), Names{"a"});
}

TEST_F(DatabaseTest, RefusesADatabaseOfAnotherProgram) {
  { SQLite::Database(path_, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE).exec("CREATE TABLE theirs (x)"); }
  const std::string before = test::read_file(path_);
  const auto opened = Database::open(path_, kSteps, loop_);
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().text().find("another program"), std::string::npos) << opened.error().text();
  EXPECT_EQ(test::read_file(path_), before);
}

TEST_F(DatabaseTest, RefusesWhatIsNoDatabaseAndLeavesItAlone) {
  for (const std::string& garbage : {std::string("hello"), std::string(100'000, 'x'), std::string(8192, '\0')}) {
    test::write_file(path_, garbage);
    const auto opened = Database::open(path_, kSteps, loop_);
    ASSERT_FALSE(opened) << garbage.size();
    EXPECT_EQ(opened.error().code, ErrorCode::database_error);
    EXPECT_NE(opened.error().text().find("cannot open the index " + path_), std::string::npos);
    EXPECT_NE(opened.error().text().find("move it away"), std::string::npos) << opened.error().text();
    EXPECT_EQ(test::read_file(path_), garbage);
  }
}

TEST_F(DatabaseTest, DamageInsideIsAnErrorNotAWrongAnswer) {
  {
    const auto db = open();
    for (int i = 0; i < 2000; ++i) write(*db, insert("name number " + std::to_string(i)));
    ASSERT_TRUE(all_done());
  }
  std::string bytes = test::read_file(path_);
  ASSERT_GT(bytes.size(), 5U * 4096);
  std::fill(bytes.begin() + 3 * 4096, bytes.end(), '\x5a');  // the header and the schema stay readable
  test::write_file(path_, bytes);
  const auto opened = Database::open(path_, kSteps, loop_);
  if (!opened) {
    EXPECT_EQ(opened.error().code, ErrorCode::database_error);
    return;
  }
  std::optional<Result<int>> answer;
  (*opened)->read<int>(
      "count",
      [](SQLite::Database& raw) -> Result<int> { return raw.execAndGet("SELECT count(name || 'x') FROM things"); },
      [&](Result<int> result) { answer = std::move(result); });
  ASSERT_TRUE(loop_.wait_for([&] { return answer.has_value(); }));
  ASSERT_FALSE(*answer);
  EXPECT_NE(answer->error().text().find("damaged"), std::string::npos) << answer->error().text();
}

TEST_F(DatabaseTest, AMissingDirectoryIsSaid) {
  const auto opened = Database::open(directory_ / "none/larder.db", kSteps, loop_);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().text(),
            "cannot open the index " + directory_ / "none/larder.db" + ": No such file or directory");
}

}  // namespace
}  // namespace larder::cache
