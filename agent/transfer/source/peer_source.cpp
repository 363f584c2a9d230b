#include "agent/transfer/source/peer_source.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace larder::agent {
namespace {

Duration time_of(std::uint64_t bytes, std::uint64_t rate) {
  const double seconds = static_cast<double>(bytes) / static_cast<double>(rate);
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(std::min(seconds, 3600.0)));
}

}  // namespace

// The receiver of a delivery's events. It may outlive the source, and then drops them.
class PeerSource::Inlet final : public peer::DeliveryEvents {
 public:
  Inlet(PeerSource& source, RunId run, std::shared_ptr<SourceEvents> events)
      : source_(&source), run_(run), events_(std::move(events)) {}
  void close() { source_ = nullptr; }

  void on_blocks(std::uint64_t offset, Buffer bytes, std::vector<Digest> leaves) override {
    if (source_ == nullptr) return;
    const auto events = events_;
    source_->came(run_, bytes.size());
    if (!std::exchange(answered_, true)) events->on_answer(nullptr, false);
    if (source_ != nullptr) events->on_blocks(offset, std::move(bytes), std::move(leaves));
  }
  void on_done(Status status) override {
    if (source_ != nullptr) source_->done(run_, std::move(status));
  }
  void end(Status status) {
    close();
    events_->on_done(std::move(status));
  }

 private:
  PeerSource* source_;
  RunId run_;
  std::shared_ptr<SourceEvents> events_;
  bool answered_ = false;
};

PeerSource::PeerSource(Runtime runtime, std::shared_ptr<peer::Supply> supply)
    : runtime_(runtime), supply_(std::move(supply)) {
  supply_->on_changed = [this] {
    const auto changed = on_changed;  // it may destroy this object
    if (changed) changed();
  };
}

PeerSource::~PeerSource() {
  supply_->on_changed = nullptr;
  while (!runs_.empty()) cancel(runs_.begin()->first);
}

std::optional<std::vector<std::uint64_t>> PeerSource::segments() const {
  if (supply_->complete()) return std::nullopt;
  return supply_->segments();
}

RunId PeerSource::start(ByteRange window, std::shared_ptr<SourceEvents> events) {
  const RunId id = next_run_++;
  Run& run = runs_[id];
  run.inlet = std::make_shared<Inlet>(*this, id, std::move(events));
  run.delivery = supply_->deliver(window, run.inlet);
  return id;
}

void PeerSource::cancel(RunId run) {
  const auto found = runs_.find(run);
  if (found == runs_.end()) return;
  const Run over = std::move(found->second);
  runs_.erase(found);
  over.inlet->close();
  runtime_.timers.cancel(over.timer);
  runtime_.timers.cancel(over.end_timer);
  if (!over.done) return supply_->cancel(over.delivery);
  tell_rest(over);
}

void PeerSource::tell_rest(const Run& over) {
  for (const ByteRange& range : over.late) supply_->consumed(0, range.offset, range.length);
}

void PeerSource::came(RunId run, std::uint64_t bytes) {
  runs_.at(run).untold += bytes;
}

void PeerSource::done(RunId id, Status status) {
  Run& run = runs_.at(id);
  if (!status || run.rate == 0) return end(id, std::move(status));
  run.done = true;
  run.delivery = 0;  // consumption from now on belongs to no delivery
  end_in_time(id);
}

// Ends the run once all its bytes could have arrived at the rate. Never at once, since the caller may be iterating over
// its streams.
void PeerSource::end_in_time(RunId id) {
  Run& run = runs_.at(id);
  runtime_.timers.cancel(run.end_timer);
  const SteadyTime now = runtime_.clock.now();
  const Duration wait = run.rate == 0 ? Duration{} : std::max(run.next, now) - now + time_of(run.untold, run.rate);
  run.end_timer = runtime_.timers.after(wait, [this, id] {
    runs_.at(id).end_timer = 0;
    end(id, {});
  });
}

void PeerSource::end(RunId id, Status status) {
  const auto found = runs_.find(id);
  const Run over = std::move(found->second);
  runs_.erase(found);
  runtime_.timers.cancel(over.timer);
  runtime_.timers.cancel(over.end_timer);
  tell_rest(over);
  over.inlet->end(std::move(status));
}

void PeerSource::consumed_blocks(RunId run, ByteRange range) {
  const auto found = runs_.find(run);
  if (found == runs_.end()) return supply_->consumed(0, range.offset, range.length);  // of a run that has ended
  found->second.late.push_back(range);
  if (found->second.timer == 0) tell(run);
}

void PeerSource::tell(RunId id) {
  const SteadyTime now = runtime_.clock.now();
  for (auto found = runs_.find(id); found != runs_.end() && !found->second.late.empty(); found = runs_.find(id)) {
    Run& run = found->second;
    if (run.rate > 0 && run.next > now) {
      run.timer = runtime_.timers.after(run.next - now, [this, id] {
        const auto due = runs_.find(id);
        if (due == runs_.end()) return;
        due->second.timer = 0;
        tell(id);
      });
      return;
    }
    const ByteRange range = run.late.front();
    run.late.pop_front();
    if (run.rate > 0) {
      run.next = std::max(run.next, now) + time_of(range.length, run.rate);
    }
    run.untold -= std::min(run.untold, range.length);
    supply_->consumed(run.delivery, range.offset, range.length);
  }
}

bool PeerSource::held_back() const {
  return std::any_of(runs_.begin(), runs_.end(),
                     [](const auto& entry) { return entry.second.done || !entry.second.late.empty(); });
}

void PeerSource::set_rate(RunId run, std::uint64_t bytes_per_second) {
  const auto found = runs_.find(run);
  if (found == runs_.end() || found->second.rate == bytes_per_second) return;
  found->second.rate = bytes_per_second;
  found->second.next = {};
  runtime_.timers.cancel(std::exchange(found->second.timer, 0));
  tell(run);
  const auto still = runs_.find(run);
  if (still != runs_.end() && still->second.done) end_in_time(run);
}

}  // namespace larder::agent
