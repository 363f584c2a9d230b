// Fill: the watch over peers that join, leave, stall or deliver too little.
#include <algorithm>
#include <utility>

#include "agent/transfer/fill/fill.h"
#include "base/hash/merkle.h"

namespace larder::agent {
namespace {

constexpr Duration kLook = std::chrono::milliseconds(100);
constexpr int kMaxRevisions = 64;  // at one look

}  // namespace

bool Fill::is_peer(std::size_t source) const {
  return sources_[source].source->kind() == SourceKind::peer;
}

void Fill::set_pace(PaceRules rules) {
  options_.pace = rules;
  apply_pace();
}

// Peers that keep to the caller's own rate limit are not slow.
void Fill::apply_pace() {
  PaceRules rules = options_.pace;
  if (options_.max_rate > 0) rules.min_rate = std::min(rules.min_rate, options_.max_rate / 4);
  // The crowd relies on this agent to fetch from the origin soon after it reports that peers are too slow.
  if (crowd_source() != nullptr) rules.patience = std::min(rules.patience, PeerPace::kStall);
  pace_.set_rules(rules);
}

// Returns true if peers have, or are about to have, missing segments.
bool Fill::peers_can_go_on() {
  if (!layout_) return false;
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    if (!is_peer(i) || !sources_[i].usable) continue;
    if (streams_of(i) > 0) return true;
    if (sources_[i].source->from_origin() && sources_[i].source->promising()) return true;
    const auto has = sources_[i].source->segments();
    if (!has) return sources_[i].holders > 0;
    const bool any = std::any_of(has->begin(), has->end(), [this](std::uint64_t segment) {
      return segment < layout_->count() && !gaps_of(layout_->range(segment)).empty();
    });
    if (any) return true;
  }
  return false;
}

void Fill::on_source_changed(std::size_t source) {
  if (stopped_ || !bound_ || complete_) return;
  const auto self = shared_from_this();
  const std::size_t before = std::exchange(sources_[source].holders, sources_[source].source->holders());
  if (sources_[source].holders > before) pace_.end_rests();
  revise_all();
  pump();
}

// Starts the watch timer, if there are peers to watch.
void Fill::arm_watch() {
  if (watch_timer_ != 0 || stopped_ || complete_ || !layout_) return;
  const bool any = std::any_of(sources_.begin(), sources_.end(), [](const SourceSlot& slot) {
    return slot.source->kind() == SourceKind::peer && slot.usable;
  });
  if (!any) return;
  watch_timer_ = runtime_.timers.after(kLook, [weak = weak_from_this()] {
    if (const auto fill = weak.lock()) fill->scan_for_stalls();
  });
}

void Fill::scan_for_stalls() {
  watch_timer_ = 0;
  if (stopped_ || complete_) return;
  const SteadyTime now = runtime_.clock.now();
  const bool rated =
      std::any_of(sources_.begin(), sources_.end(), [](const SourceSlot& slot) { return slot.source->throttled(); });
  pace_.set_throttled(rated || writer_behind(), now);
  end_stalled_streams(now);
  if (stopped_) return;
  helping_ = pace_.too_slow(now);
  check_crowd_progress(now);
  revise_all();
  if (stopped_) return;
  pump();
  arm_watch();
}

void Fill::end_stalled_streams(SteadyTime now) {
  const std::vector<std::uint64_t> ids = pace_.take_stalled(now);
  const auto of_peers = static_cast<std::size_t>(std::count_if(
      streams_.begin(), streams_.end(), [this](const auto& entry) { return is_peer(entry.second.source); }));
  for (const std::uint64_t id : ids) {
    const Stream* stream = find_stream(id);
    if (stream == nullptr) continue;
    // Other streams go on: this segment is not asked of peers for a while.
    if (ids.size() < of_peers) pace_.on_refused(layout_->index_at(stream->window.offset), now);
    last_break_ = Error{ErrorCode::no_progress, options_.doing, "neither peers nor the origin deliver the rest"};
    give_up_stream(id);
  }
}

std::vector<Delivery> Fill::deliveries() const {
  std::vector<Delivery> all;
  for (const auto& [id, stream] : streams_) {
    Delivery delivery;
    delivery.id = id;
    delivery.source = stream.source;
    delivery.window = stream.window;
    delivery.begun = stream.begun;
    const auto gaps = gaps_of(stream.window);
    if (!gaps.empty()) delivery.left = bytes_of({gaps.front().begin, gaps.back().end});
    all.push_back(delivery);
  }
  return all;
}

void Fill::revise_all() {
  if (!layout_ || !bound_) return;
  for (int i = 0; i < kMaxRevisions && !stopped_ && !complete_; ++i) {
    const std::optional<Revision> revision = revise(plan_input(), deliveries());
    if (!revision) return;
    apply_revision(*revision);
  }
}

void Fill::apply_revision(const Revision& revision) {
  switch (revision.kind) {
    case Revision::Kind::cut: {
      Stream& stream = *find_stream(revision.id);
      stream.window = revision.window;
      stream.cut = true;
      if (stream.position >= stream.window.end()) give_up_stream(revision.id);
      break;
    }
    case Revision::Kind::end:
      give_up_stream(revision.id);
      break;
    case Revision::Kind::race:
      return open_stream(revision.source, revision.window);
  }
  // The plan hands out the ranges that became free, before anything else is changed.
  while (const auto window = next_window(plan_input())) open_stream(window->source, window->range);
}

}  // namespace larder::agent
