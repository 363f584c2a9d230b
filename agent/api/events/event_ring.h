// The latest events, for replay. Pure. Bounded in number and in bytes; the oldest go first.
//
// Ids grow by one without gaps within a run. They start at a number derived from the time, above every id of earlier
// runs, so that a client with an id of an earlier run gets "reset" and not unrelated events. Below 2^53.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <deque>
#include <string>

#include "agent/jobs/model/job.h"
#include "base/runtime/clock.h"
#include "base/text/units.h"

namespace larder::agent {

struct StoredEvent {
  EventKind kind = EventKind::job_state;
  std::string job;
  uid_t owner = 0;
  std::string data;        // JSON object
  std::string brief = {};  // the same, with little of each file; empty: no news for such a watcher
};

class EventRing {
 public:
  explicit EventRing(std::uint64_t first_id, std::size_t max_events = 10'000, std::size_t max_bytes = 4 * kMiB)
      : max_events_(max_events), max_bytes_(max_bytes), oldest_(first_id) {}

  static std::uint64_t first_id_of_run(WallTime start);

  void add(StoredEvent event);
  [[nodiscard]] std::uint64_t oldest() const { return oldest_; }                 // equals next() if the ring is empty
  [[nodiscard]] std::uint64_t next() const { return oldest_ + events_.size(); }  // id of the next event
  [[nodiscard]] const StoredEvent& at(std::uint64_t id) const { return events_[id - oldest_]; }
  // Returns true if the ring has every event since `id`, which the client has seen.
  [[nodiscard]] bool can_go_on_after(std::uint64_t id) const { return id + 1 >= oldest_ && id < next(); }

 private:
  const std::size_t max_events_, max_bytes_;
  std::uint64_t oldest_;
  std::size_t bytes_ = 0;
  std::deque<StoredEvent> events_;
};

}  // namespace larder::agent
