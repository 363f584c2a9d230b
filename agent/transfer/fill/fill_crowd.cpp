// Fill: the crowd. For the plan, the origin "has" only what the crowd leaves to this agent. In return the crowd is told
// the progress of the origin's streams.
#include <algorithm>
#include <utility>

#include "agent/transfer/fill/fill.h"
#include "base/io/log.h"

namespace larder::agent {
namespace {

constexpr unsigned kCrowdStreams = 2;
// Without any byte for this time the origin is asked without a claim. The crowd's rules let this agent fetch long
// before; this bounds the cost of a fault in them, or of false claims by others.
constexpr Duration kIgnoreClaimsAfter = std::chrono::seconds(10);

}  // namespace

Source* Fill::crowd_source() const {
  const auto found = std::find_if(sources_.begin(), sources_.end(), [](const SourceSlot& slot) {
    return slot.source->kind() == SourceKind::peer && slot.source->from_origin().has_value();
  });
  return found == sources_.end() ? nullptr : found->source.get();
}

std::optional<peer::CrowdFigures> Fill::crowd() const {
  const Source* source = crowd_source();
  return source == nullptr ? std::nullopt : source->crowd();
}

// An origin that cannot serve windows sends everything, whatever the crowd leaves to this agent.
void Fill::leave_to_crowd(const SourceSlot& slot, SourceState& state) const {
  if (!layout_ || ignore_claims_ || (!state.windows && layout_->count() > 1)) return;
  const Source* source = crowd_source();
  if (source == nullptr) return;
  state.has_all = false;
  state.has = *source->from_origin();
  // The crowd leaves the next segment to this agent shortly before the present one ends, so that its request is under
  // way by then.
  if (!slot.narrowed) state.max_streams = std::max(state.max_streams, kCrowdStreams);
}

bool Fill::waits_for_crowd() const {
  if (ignore_claims_) return false;
  const Source* source = crowd_source();
  if (source == nullptr) return false;
  const bool origin = std::any_of(sources_.begin(), sources_.end(), [](const SourceSlot& slot) {
    return slot.source->kind() == SourceKind::origin && slot.usable;
  });
  // Where the origin can be asked, the crowd's rules leave something to this agent sooner or later.
  return origin || source->promising();
}

// Reports the progress of an origin's stream in its present segment, or the segment that it has just filled.
void Fill::report_origin_progress(const Stream& stream) {
  Source* source = crowd_source();
  if (source == nullptr || stream.blocks || stream.position <= stream.window.offset) return;
  const std::uint64_t segment = layout_->index_at(stream.position - 1);
  source->on_origin_progress(SegmentIndex(segment), stream.position - layout_->range(segment).offset);
}

// Reports the segment at `from` if the stream has filled it by going on to its position.
void Fill::report_filled_segment(const Stream& stream, std::uint64_t from) {
  if (!layout_ || stream.position == from || sources_[stream.source].source->kind() != SourceKind::origin) return;
  const std::uint64_t segment = layout_->index_at(from);
  if (stream.position < layout_->range(segment).end()) return;
  if (Source* source = crowd_source())
    source->on_origin_progress(SegmentIndex(segment), layout_->range(segment).length);
}

// Keeps this agent from claiming anything where there was no origin from the beginning.
void Fill::report_missing_origin() {
  const bool origin = std::any_of(sources_.begin(), sources_.end(),
                                  [](const SourceSlot& slot) { return slot.source->kind() == SourceKind::origin; });
  if (origin) return;
  if (Source* source = crowd_source()) source->set_origin_usable(false);
}

void Fill::check_crowd_progress(SteadyTime now) {
  if (crowd_source() == nullptr) return;
  if (last_progress_at_ == SteadyTime{} || received_ != received_before_) {
    received_before_ = received_;
    last_progress_at_ = now;
  }
  for (const auto& [id, stream] : streams_) {
    if (sources_[stream.source].source->kind() == SourceKind::origin) report_origin_progress(stream);
  }
  for (SourceSlot& slot : sources_) {
    if (slot.source->kind() != SourceKind::origin) continue;
    const bool usable = slot.usable && now >= slot.rest_until;
    if (std::exchange(slot.reported_usable, usable) != usable) crowd_source()->set_origin_usable(usable);
  }
  const bool held = writer_behind() || std::any_of(sources_.begin(), sources_.end(),
                                                   [](const SourceSlot& slot) { return slot.source->throttled(); });
  if (held) last_progress_at_ = now;
  if (ignore_claims_ || now - last_progress_at_ < kIgnoreClaimsAfter) return;
  ignore_claims_ = true;
  log::warn("nothing came from the crowd for long, the origin is asked doing=\"{}\"", options_.doing);
}

}  // namespace larder::agent
