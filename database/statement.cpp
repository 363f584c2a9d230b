#include "database/statement.h"

#include <SQLiteCpp/Database.h>

#include <mutex>

namespace larder::cache {
namespace {

// Finds the cache of a connection, since code that works on a database gets only the connection.
class Registry {
 public:
  void add(const SQLite::Database& db, StatementCache& cache) {
    const std::lock_guard lock(mutex_);
    caches_[&db] = &cache;
  }
  void remove(const SQLite::Database& db) {
    const std::lock_guard lock(mutex_);
    caches_.erase(&db);
  }
  StatementCache* find(const SQLite::Database& db) {
    const std::lock_guard lock(mutex_);
    const auto found = caches_.find(&db);
    return found == caches_.end() ? nullptr : found->second;
  }

 private:
  std::mutex mutex_;
  std::map<const SQLite::Database*, StatementCache*> caches_;
};

Registry& registry() {
  static Registry instance;
  return instance;
}

}  // namespace

StatementCache::StatementCache(SQLite::Database& db) : db_(db) {
  registry().add(db_, *this);
}

StatementCache::~StatementCache() {
  registry().remove(db_);
}

Statement::Statement(SQLite::Database& db, const char* literal) {
  StatementCache* cache = registry().find(db);
  const bool may_keep =
      cache != nullptr && (cache->kept_.size() < StatementCache::kMaxKept || cache->kept_.contains(literal));
  if (!may_keep || cache->kept_[literal].lent) {
    own_ = std::make_unique<SQLite::Statement>(db, literal);
    statement_ = own_.get();
    return;
  }
  StatementCache::Entry& entry = cache->kept_[literal];
  if (!entry.statement) entry.statement = std::make_unique<SQLite::Statement>(db, literal);
  entry.lent = true;
  entry_ = &entry;
  statement_ = entry.statement.get();
}

Statement::~Statement() {
  if (entry_ == nullptr) return;
  statement_->tryReset();  // ignores the error, which the step has thrown already
  statement_->clearBindings();
  entry_->lent = false;
}

}  // namespace larder::cache
