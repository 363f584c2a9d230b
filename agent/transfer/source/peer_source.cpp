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
class PeerSource::BlockSink final : public peer::DeliveryEvents {
 public:
  BlockSink(PeerSource& source, SourceStreamId stream, std::shared_ptr<SourceEvents> events)
      : source_(&source), stream_(stream), events_(std::move(events)) {}
  void detach() { source_ = nullptr; }

  void on_blocks(std::uint64_t offset, Buffer bytes, std::vector<Digest> leaves) override {
    if (source_ == nullptr) return;
    const auto events = events_;
    source_->count_delivered(stream_, bytes.size());
    if (!std::exchange(answered_, true)) events->on_answer(nullptr, false);
    if (source_ != nullptr) events->on_blocks(offset, std::move(bytes), std::move(leaves));
  }
  void on_done(Status status) override {
    if (source_ != nullptr) source_->on_delivered(stream_, std::move(status));
  }
  void end_stream(Status status) {
    detach();
    events_->on_done(std::move(status));
  }

 private:
  PeerSource* source_;
  SourceStreamId stream_;
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
  while (!streams_.empty()) cancel_stream(streams_.begin()->first);
}

std::optional<std::vector<std::uint64_t>> PeerSource::segments() const {
  if (supply_->complete()) return std::nullopt;
  return supply_->segments();
}

SourceStreamId PeerSource::start_stream(ByteRange window, std::shared_ptr<SourceEvents> events) {
  const SourceStreamId id = next_stream_++;
  Stream& stream = streams_[id];
  stream.sink = std::make_shared<BlockSink>(*this, id, std::move(events));
  stream.delivery = supply_->deliver(window, stream.sink);
  return id;
}

void PeerSource::cancel_stream(SourceStreamId stream) {
  const auto found = streams_.find(stream);
  if (found == streams_.end()) return;
  const Stream over = std::move(found->second);
  streams_.erase(found);
  over.sink->detach();
  runtime_.timers.cancel(over.timer);
  runtime_.timers.cancel(over.end_timer);
  if (!over.delivered) return supply_->cancel(over.delivery);
  report_rest(over);
}

void PeerSource::report_rest(const Stream& over) {
  for (const ByteRange& range : over.unreported_ranges) supply_->consumed(0, range);
}

void PeerSource::count_delivered(SourceStreamId stream, std::uint64_t bytes) {
  streams_.at(stream).unreported += bytes;
}

void PeerSource::on_delivered(SourceStreamId id, Status status) {
  Stream& stream = streams_.at(id);
  if (!status || stream.rate == 0) return end_stream(id, std::move(status));
  stream.delivered = true;
  stream.delivery = 0;  // consumption from now on belongs to no delivery
  end_stream_at_rate(id);
}

// Ends the stream once all its bytes could have arrived at the rate. Never at once, since the caller may be iterating
// over its streams.
void PeerSource::end_stream_at_rate(SourceStreamId id) {
  Stream& stream = streams_.at(id);
  runtime_.timers.cancel(stream.end_timer);
  const SteadyTime now = runtime_.clock.now();
  const Duration wait = stream.rate == 0
                            ? Duration{}
                            : std::max(stream.next_report_at, now) - now + time_of(stream.unreported, stream.rate);
  stream.end_timer = runtime_.timers.after(wait, [this, id] {
    streams_.at(id).end_timer = 0;
    end_stream(id, {});
  });
}

void PeerSource::end_stream(SourceStreamId id, Status status) {
  const auto found = streams_.find(id);
  const Stream over = std::move(found->second);
  streams_.erase(found);
  runtime_.timers.cancel(over.timer);
  runtime_.timers.cancel(over.end_timer);
  report_rest(over);
  over.sink->end_stream(std::move(status));
}

void PeerSource::consumed_blocks(SourceStreamId stream, ByteRange range) {
  const auto found = streams_.find(stream);
  if (found == streams_.end()) return supply_->consumed(0, range);  // of a stream that has ended
  found->second.unreported_ranges.push_back(range);
  if (found->second.timer == 0) report_consumed(stream);
}

void PeerSource::report_consumed(SourceStreamId id) {
  const SteadyTime now = runtime_.clock.now();
  for (auto found = streams_.find(id); found != streams_.end() && !found->second.unreported_ranges.empty();
       found = streams_.find(id)) {
    Stream& stream = found->second;
    if (stream.rate > 0 && stream.next_report_at > now) {
      stream.timer = runtime_.timers.after(stream.next_report_at - now, [this, id] {
        const auto due = streams_.find(id);
        if (due == streams_.end()) return;
        due->second.timer = 0;
        report_consumed(id);
      });
      return;
    }
    const ByteRange range = stream.unreported_ranges.front();
    stream.unreported_ranges.pop_front();
    if (stream.rate > 0) {
      stream.next_report_at = std::max(stream.next_report_at, now) + time_of(range.length, stream.rate);
    }
    stream.unreported -= std::min(stream.unreported, range.length);
    supply_->consumed(stream.delivery, range);
  }
}

bool PeerSource::throttled() const {
  return std::any_of(streams_.begin(), streams_.end(), [](const auto& entry) {
    return entry.second.delivered || !entry.second.unreported_ranges.empty();
  });
}

void PeerSource::set_rate(SourceStreamId stream, std::uint64_t bytes_per_second) {
  const auto found = streams_.find(stream);
  if (found == streams_.end() || found->second.rate == bytes_per_second) return;
  found->second.rate = bytes_per_second;
  found->second.next_report_at = {};
  runtime_.timers.cancel(std::exchange(found->second.timer, 0));
  report_consumed(stream);
  const auto still = streams_.find(stream);
  if (still != streams_.end() && still->second.delivered) end_stream_at_rate(stream);
}

}  // namespace larder::agent
