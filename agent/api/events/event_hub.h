// GET /v1/events: turns events of the jobs into server-sent events for its watchers. Loop thread only.
//
// Watchers have no queues: each has a position in the ring and takes events from there when its connection can write. A
// watcher that falls behind the ring is disconnected.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/api/events/event_ring.h"
#include "agent/api/http/http_message.h"
#include "base/runtime/clock.h"

namespace larder::agent {

struct EventFilter {
  std::optional<uid_t> owner;  // none: events of all users
  std::string job;             // empty: all
  bool brief = false;          // little of each file: FileEventBrief of docs/api.yaml
  [[nodiscard]] bool passes(const StoredEvent& event) const {
    return (!owner || *owner == event.owner) && (job.empty() || job == event.job);
  }
};

class EventHub {
 public:
  EventHub(Executor& executor, Timers& timers, EventRing ring, Duration heartbeat = std::chrono::seconds(15));
  ~EventHub();
  EventHub(const EventHub&) = delete;
  EventHub& operator=(const EventHub&) = delete;

  void add(const Event& event);  // renders the event at once
  // Returns a stream of the events after `after`, or of future events if it is empty. If events in between are gone,
  // the first event is "reset": the client must read the state anew and continue from there.
  [[nodiscard]] std::shared_ptr<BodySource> watch(EventFilter filter, std::optional<std::uint64_t> after);
  [[nodiscard]] const EventRing& ring() const;

 private:
  struct Parts;
  class Watcher;
  std::shared_ptr<Parts> parts_;
};

}  // namespace larder::agent
