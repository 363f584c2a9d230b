// Fill: the crowd. What it leaves to this agent is all that the origin "has" for the plan; in return it is told how the
// origin's streams do.
#include <algorithm>
#include <utility>

#include "agent/transfer/fill/fill.h"
#include "base/io/log.h"

namespace larder::agent {
namespace {

constexpr unsigned kCrowdStreams = 2;
// Nothing came from anybody for so long: whatever the crowd says, the origin is asked. Its own rules let this agent
// fetch long before; this bounds what a fault in them, or in what others say, can cost.
constexpr Duration kForsaken = std::chrono::seconds(10);

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

// Where the origin cannot be asked for windows it sends everything whatever the crowd leaves to this agent.
void Fill::leave_to_crowd(const SourceSlot& slot, SourceState& state) const {
  if (!layout_ || forsaken_ || (!state.windows && layout_->count() > 1)) return;
  const Source* source = crowd_source();
  if (source == nullptr) return;
  state.has_all = false;
  state.has = *source->from_origin();
  // The next segment is left to this agent shortly before the present one ends: its request is under way by then.
  if (!slot.narrowed) state.max_streams = std::max(state.max_streams, kCrowdStreams);
}

bool Fill::waits_for_crowd() const {
  if (forsaken_) return false;
  const Source* source = crowd_source();
  if (source == nullptr) return false;
  const bool origin = std::any_of(sources_.begin(), sources_.end(), [](const SourceSlot& slot) {
    return slot.source->kind() == SourceKind::origin && slot.usable;
  });
  // Where the origin can be asked, the crowd leaves something to this agent sooner or later.
  return origin || source->promising();
}

// The segment that a stream of the origin is in, or has just filled.
void Fill::tell_origin(const Stream& stream) {
  Source* source = crowd_source();
  if (source == nullptr || stream.blocks || stream.position <= stream.window.offset) return;
  const std::uint64_t segment = layout_->index_at(stream.position - 1);
  source->origin_came(segment, stream.position - layout_->range(segment).offset);
}

// Which ones it has filled by going on `from` … its position.
void Fill::tell_filled(const Stream& stream, std::uint64_t from) {
  if (!layout_ || stream.position == from || sources_[stream.source].source->kind() != SourceKind::origin) return;
  const std::uint64_t segment = layout_->index_at(from);
  if (stream.position < layout_->range(segment).end()) return;
  if (Source* source = crowd_source()) source->origin_came(segment, layout_->range(segment).length);
}

// Where the origin is out of reach from the beginning: this agent is to claim nothing.
void Fill::tell_without_origin() {
  const bool origin = std::any_of(sources_.begin(), sources_.end(),
                                  [](const SourceSlot& slot) { return slot.source->kind() == SourceKind::origin; });
  if (origin) return;
  if (Source* source = crowd_source()) source->origin_usable(false);
}

void Fill::look_at_crowd(SteadyTime now) {
  if (crowd_source() == nullptr) return;
  if (came_at_ == SteadyTime{} || received_ != came_) {
    came_ = received_;
    came_at_ = now;
  }
  for (const auto& [id, stream] : streams_) {
    if (sources_[stream.source].source->kind() == SourceKind::origin) tell_origin(stream);
  }
  for (SourceSlot& slot : sources_) {
    if (slot.source->kind() != SourceKind::origin) continue;
    const bool usable = slot.usable && now >= slot.rest_until;
    if (std::exchange(slot.told_usable, usable) != usable) crowd_source()->origin_usable(usable);
  }
  const bool held = writer_behind() || std::any_of(sources_.begin(), sources_.end(),
                                                   [](const SourceSlot& slot) { return slot.source->held_back(); });
  if (held) came_at_ = now;
  if (forsaken_ || now - came_at_ < kForsaken) return;
  forsaken_ = true;
  log::warn("nothing came from the crowd for long, the origin is asked doing=\"{}\"", options_.doing);
}

}  // namespace larder::agent
