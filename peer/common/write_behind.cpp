#include "peer/common/write_behind.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/io/log.h"

namespace larder::peer {

WriteBehind::WriteBehind(cache::Database& database, Runtime runtime, std::string doing)
    : database_(database), runtime_(runtime), doing_(std::move(doing)) {}

WriteBehind::~WriteBehind() {
  runtime_.timers.cancel(timer_);
  writing_ = false;  // also beside a write in flight: the database keeps the order
  flush();
}

void WriteBehind::add(Change change) {
  waiting_.push_back(std::move(change));
  if (waiting_.size() > kMaxWaiting) {
    const std::size_t given_up = kMaxWaiting / 4;
    waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(given_up));
    log::error("cannot {}: too much waits for the disk; a restart will not know all of it given_up={}", doing_,
               given_up);
  }
  if (posted_ || writing_ || timer_ != 0) return;
  posted_ = true;
  runtime_.executor.post(alive_.guard([this] {
    posted_ = false;
    flush();
  }));
}

void WriteBehind::flush() {
  if (waiting_.empty() || writing_) return;
  writing_ = true;
  const auto changes = std::make_shared<std::vector<Change>>(std::exchange(waiting_, {}));
  database_.write(
      doing_,
      [changes](SQLite::Database& db) -> Status {
        for (const Change& change : *changes) change(db);
        return {};
      },
      [this, alive = alive_.watch(), changes, doing = doing_](const Status& status) {
        if (!alive.expired()) return written(changes, status);
        if (!status)
          log::error("cannot {} at the end; a restart will not know it error=\"{}\"", doing, status.error().text());
      });
}

void WriteBehind::written(const Changes& changes, const Status& status) {
  writing_ = false;
  if (status) {
    if (retry_ > Duration{}) log::info("could {} after all", doing_);
    retry_ = {};
    return flush();
  }
  if (retry_ == Duration{}) log::error("cannot {}, tried again error=\"{}\"", doing_, status.error().text());
  changes->insert(changes->end(), std::make_move_iterator(waiting_.begin()), std::make_move_iterator(waiting_.end()));
  waiting_ = std::move(*changes);
  retry_ = retry_ == Duration{} ? kFirstRetry : std::min<Duration>(2 * retry_, kLastRetry);
  timer_ = runtime_.timers.after(retry_, [this] {
    timer_ = 0;
    flush();
  });
}

}  // namespace larder::peer
