// Prepared statements that are kept for reuse: parsing the same SQL again for every small file would cost more than
// running it. Database thread only. Includes SQLiteCpp: for the .cpp files of the index and job store.
//
// Database owns one StatementCache per connection. A Statement borrows the prepared form while it lives and gives it
// back reset. A second Statement of the same SQL meanwhile (rows of an outer query still being read) prepares its own.
#pragma once

#include <SQLiteCpp/Column.h>
#include <SQLiteCpp/Statement.h>

#include <map>
#include <memory>
#include <string_view>
#include <utility>

namespace SQLite {
class Database;
}

namespace larder::cache {

class StatementCache {
 public:
  explicit StatementCache(SQLite::Database& db);  // registers itself for this connection
  ~StatementCache();                              // must come before the connection closes
  StatementCache(const StatementCache&) = delete;
  StatementCache& operator=(const StatementCache&) = delete;

 private:
  friend class Statement;
  struct Entry {
    std::unique_ptr<SQLite::Statement> statement;
    bool lent = false;
  };
  static constexpr std::size_t kMaxKept = 256;  // the index and the job store have some 60
  SQLite::Database& db_;
  // Keyed by address: SQL must be a literal, which has one address for the life of the program.
  std::map<const char*, Entry> kept_;
};

class Statement {
 public:
  Statement(SQLite::Database& db, const char* literal);  // throws SQLite::Exception
  ~Statement();
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  operator SQLite::Statement&() { return *statement_; }  // NOLINT(google-explicit-constructor): it stands for one
  template <class... Args>
  void bind(Args&&... args) {
    statement_->bind(std::forward<Args>(args)...);
  }
  int exec() { return statement_->exec(); }
  // NOLINTBEGIN(readability-identifier-naming): as SQLiteCpp calls them
  bool executeStep() { return statement_->executeStep(); }
  void reset() { statement_->reset(); }
  [[nodiscard]] SQLite::Column getColumn(int index) { return statement_->getColumn(index); }
  // NOLINTEND(readability-identifier-naming)

 private:
  SQLite::Statement* statement_ = nullptr;
  StatementCache::Entry* entry_ = nullptr;  // set if borrowed
  std::unique_ptr<SQLite::Statement> own_;  // set if not
};

}  // namespace larder::cache
