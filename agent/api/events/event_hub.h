// GET /v1/events: turns events of the jobs into server-sent events for whoever watches. Loop thread only.
//
// There is no queue per watcher: each has a place in the ring and takes from there when its connection can write. One
// that falls behind the ring is cut off.
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
  std::optional<uid_t> owner;  // none: everybody's
  std::string job;             // empty: all
  bool brief = false;          // of files little: FileEventBrief of docs/api.yaml
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

  void add(const Event& event);  // renders it now
  // From the event after `after` on; with none from now on. Where events in between are gone the first one is "reset":
  // the client reads the state anew, and goes on from there.
  [[nodiscard]] std::shared_ptr<BodySource> watch(EventFilter filter, std::optional<std::uint64_t> after);
  [[nodiscard]] const EventRing& ring() const;

 private:
  struct Parts;
  class Watcher;
  std::shared_ptr<Parts> parts_;
};

}  // namespace larder::agent
