// Deferred writes to the database: no caller waits for them. The changes of one turn of the loop go in one transaction,
// in order. A failed transaction is retried, before newer changes, until it succeeds. Loop thread.
//
// Bounded: with more than kMaxWaiting changes the oldest quarter is given up and logged. A change may run several
// times, on the database's thread, and must do the same each time.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/runtime/alive.h"
#include "base/runtime/clock.h"
#include "database/database.h"

namespace larder::peer {

class WriteBehind {
 public:
  static constexpr std::size_t kMaxWaiting = 65536;
  static constexpr Duration kFirstRetry = std::chrono::seconds(1);
  static constexpr Duration kLastRetry = std::chrono::minutes(1);
  using Change = std::function<void(SQLite::Database&)>;

  // `doing`: for logs, as "keep whom to trust".
  WriteBehind(cache::Database& database, Runtime runtime, std::string doing);
  ~WriteBehind();  // hands the remaining changes to the database, without a retry
  WriteBehind(const WriteBehind&) = delete;
  WriteBehind& operator=(const WriteBehind&) = delete;

  void add(Change change);
  [[nodiscard]] std::size_t waiting() const { return waiting_.size(); }  // without the changes that are being written

 private:
  using Changes = std::shared_ptr<std::vector<Change>>;
  void flush();
  void written(const Changes& changes, const Status& status);

  cache::Database& database_;
  Runtime runtime_;
  std::string doing_;
  std::vector<Change> waiting_;
  bool writing_ = false;
  bool posted_ = false;
  Duration retry_{};  // above 0: the last attempt failed
  TimerId timer_ = 0;
  Alive alive_;
};

}  // namespace larder::peer
