#include "agent/transfer/peer_source.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace larder::agent {

// A delivery's end at the source: after the source it passes nothing on.
class PeerSource::Inlet final : public peer::DeliveryEvents {
 public:
  Inlet(PeerSource& source, RunId run, std::shared_ptr<SourceEvents> events)
      : source_(&source), run_(run), events_(std::move(events)) {}
  void close() { source_ = nullptr; }

  void on_blocks(std::uint64_t offset, Buffer bytes, std::vector<Digest> leaves) override {
    if (source_ == nullptr) return;
    const auto events = events_;
    if (!std::exchange(answered_, true)) events->on_answer(nullptr, false);
    if (source_ != nullptr) events->on_blocks(offset, std::move(bytes), std::move(leaves));
  }
  void on_done(Status status) override {
    if (source_ == nullptr) return;
    const auto events = events_;
    std::exchange(source_, nullptr)->ended(run_);
    events->on_done(std::move(status));
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
    const auto changed = on_changed;  // it may end this
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
  supply_->cancel(over.delivery);
}

void PeerSource::ended(RunId run) {
  const auto found = runs_.find(run);
  if (found == runs_.end()) return;
  runtime_.timers.cancel(found->second.timer);
  runs_.erase(found);
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
      const double seconds = static_cast<double>(range.length) / static_cast<double>(run.rate);
      run.next = std::max(run.next, now) +
                 std::chrono::duration_cast<Duration>(std::chrono::duration<double>(std::min(seconds, 3600.0)));
    }
    supply_->consumed(run.delivery, range.offset, range.length);
  }
}

bool PeerSource::held_back() const {
  return std::any_of(runs_.begin(), runs_.end(), [](const auto& entry) { return !entry.second.late.empty(); });
}

void PeerSource::set_rate(RunId run, std::uint64_t bytes_per_second) {
  const auto found = runs_.find(run);
  if (found == runs_.end() || found->second.rate == bytes_per_second) return;
  found->second.rate = bytes_per_second;
  found->second.next = {};
  runtime_.timers.cancel(std::exchange(found->second.timer, 0));
  tell(run);
}

}  // namespace larder::agent
