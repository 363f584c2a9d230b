#include "agent/api/events/event_hub.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "agent/api/json/json_writer.h"
#include "agent/api/json/view_json.h"

namespace larder::agent {
namespace {

constexpr std::size_t kPiece = 64 * kKiB;  // of one write, if no single event is larger

// Rendered once for all watchers, when the event occurs.
std::string data_of(const Event& event) {
  if (event.job && event.kind == EventKind::file_state && event.file && *event.file < event.job->files.size())
    return file_event_view(*event.job, event.job->files[*event.file]);
  if (event.job) return job_view(*event.job, false);
  JsonWriter json;
  json.begin_object().member("id", event.job_id).end_object();
  return json.take();
}

// Empty for the start of a file, which is no news to a watcher that waits for its end.
std::string brief_of(const Event& event) {
  if (!event.job || event.kind != EventKind::file_state || !event.file || *event.file >= event.job->files.size())
    return {};
  const File& file = event.job->files[*event.file];
  return file.state == FileState::active ? std::string() : file_event_brief(*event.job, file);
}

}  // namespace

struct EventHub::Parts : std::enable_shared_from_this<EventHub::Parts> {
  Parts(Executor& the_executor, Timers& the_timers, EventRing the_ring, Duration the_heartbeat)
      : executor(the_executor), timers(the_timers), ring(std::move(the_ring)), heartbeat(the_heartbeat) {}

  // Wakes the watchers once for all events of a turn of the loop.
  void wake_soon() {
    if (waking || watchers.empty()) return;
    waking = true;
    executor.post([weak = weak_from_this()] {
      const auto self = weak.lock();
      if (!self) return;
      self->waking = false;
      self->wake();
    });
  }
  void wake();
  void beat();
  void arm() {
    if (timer != 0) return;
    timer = timers.after(heartbeat, [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->beat();
    });
  }
  [[nodiscard]] std::vector<std::shared_ptr<Watcher>> living();

  Executor& executor;
  Timers& timers;
  EventRing ring;
  const Duration heartbeat;
  std::vector<std::weak_ptr<Watcher>> watchers;
  bool waking = false;
  TimerId timer = 0;
};

class EventHub::Watcher final : public BodySource {
 public:
  Watcher(std::weak_ptr<Parts> parts, EventFilter filter, std::uint64_t next, std::string greeting)
      : parts_(std::move(parts)), filter_(std::move(filter)), next_(next), greeting_(std::move(greeting)) {}

  void next(UniqueFunction<void(Result<Buffer>)> ready) override {
    ready_ = std::move(ready);
    wake();
  }
  void cancel() override { ready_ = nullptr; }

  void wake() {
    const auto parts = parts_.lock();
    if (!ready_ || !parts) return;
    std::string text = std::exchange(greeting_, {});
    if (!gather(parts->ring, text)) {
      return answer(fail(ErrorCode::limit_exceeded, "send events",
                         "the client reads them more slowly than they come; it can come back with the last id"));
    }
    if (!text.empty()) answer(copy_of(as_bytes(text)));
  }

  // Sends a comment, which shows that the connection still stands.
  void beat() {
    if (ready_) answer(copy_of(as_bytes(": \n\n")));
  }

 private:
  bool gather(const EventRing& ring, std::string& text) {
    if (next_ < ring.oldest()) return false;
    for (; next_ < ring.next() && text.size() < kPiece; ++next_) {
      const StoredEvent& event = ring.at(next_);
      if (!filter_.passes(event)) continue;
      const bool of_file = event.kind == EventKind::file_state;
      const std::string& data = filter_.brief && of_file ? event.brief : event.data;
      if (data.empty()) continue;
      fmt::format_to(std::back_inserter(text), "id: {}\nevent: {}\ndata: {}\n\n", next_, event_kind_name(event.kind),
                     data);
    }
    return true;
  }
  void answer(Result<Buffer> piece) {
    auto ready = std::exchange(ready_, nullptr);
    ready(std::move(piece));
  }

  std::weak_ptr<Parts> parts_;
  const EventFilter filter_;
  std::uint64_t next_;
  std::string greeting_;
  UniqueFunction<void(Result<Buffer>)> ready_;
};

std::vector<std::shared_ptr<EventHub::Watcher>> EventHub::Parts::living() {
  std::vector<std::shared_ptr<Watcher>> list;
  for (const auto& weak : watchers)
    if (auto watcher = weak.lock()) list.push_back(std::move(watcher));
  watchers.assign(list.begin(), list.end());
  return list;
}

void EventHub::Parts::wake() {
  for (const auto& watcher : living()) watcher->wake();
}

void EventHub::Parts::beat() {
  timer = 0;
  const auto list = living();
  for (const auto& watcher : list) watcher->beat();
  if (!list.empty()) arm();
}

EventHub::EventHub(Executor& executor, Timers& timers, EventRing ring, Duration heartbeat)
    : parts_(std::make_shared<Parts>(executor, timers, std::move(ring), heartbeat)) {}

EventHub::~EventHub() {
  parts_->timers.cancel(parts_->timer);
}

void EventHub::add(const Event& event) {
  parts_->ring.add({event.kind, event.job_id, event.owner, data_of(event), brief_of(event)});
  parts_->wake_soon();
}

std::shared_ptr<BodySource> EventHub::watch(EventFilter filter, std::optional<std::uint64_t> after) {
  const EventRing& ring = parts_->ring;
  // An id without data moves a client's position without being an event.
  std::string greeting = "retry: 1000\n";
  std::uint64_t next = ring.next();
  if (after && ring.can_go_on_after(*after)) {
    next = *after + 1;
    greeting += "\n";
  } else if (after) {
    greeting += fmt::format("id: {}\nevent: reset\ndata: {{}}\n\n", next - 1);
  } else {
    greeting += fmt::format("id: {}\n\n", next - 1);
  }
  auto watcher = std::make_shared<Watcher>(parts_, std::move(filter), next, std::move(greeting));
  (void)parts_->living();  // forgets watchers that are gone
  parts_->watchers.push_back(watcher);
  parts_->arm();
  return watcher;
}

const EventRing& EventHub::ring() const {
  return parts_->ring;
}

}  // namespace larder::agent
