// SupplyImpl: its membership in the version's crowd.
#include <algorithm>
#include <utility>

#include "peer/common/seconds.h"
#include "peer/supply/supply.h"

namespace larder::peer {
namespace {

constexpr std::size_t kMaxAsked = 16;  // holders of one segment
// Time over which peers' bytes are summed before their rate is compared with min_rate.
constexpr Duration kRound = std::chrono::milliseconds(250);

}  // namespace

void SupplyImpl::join_crowd(std::unique_ptr<CrowdMembership> seat, std::uint64_t min_rate) {
  membership_ = std::move(seat);
  min_rate_ = min_rate;
}

std::optional<std::vector<std::uint64_t>> SupplyImpl::from_origin() const {
  if (closed_ || !membership_ || membership_->alone()) return std::nullopt;
  return membership_->fetch();
}

std::vector<std::uint64_t> SupplyImpl::order() const {
  if (closed_ || !membership_) return {};
  const std::vector<std::uint64_t> can = segments();
  std::vector<std::uint64_t> out;
  for (const std::uint64_t segment : membership_->to_take(Crowd::kToTake)) {
    if (std::binary_search(can.begin(), can.end(), segment)) out.push_back(segment);
  }
  return out;
}

bool SupplyImpl::promising() const {
  return !closed_ && membership_ && !membership_->missing_everywhere();
}

std::optional<CrowdFigures> SupplyImpl::crowd() const {
  if (closed_ || !membership_) return std::nullopt;
  return membership_->figures();
}

void SupplyImpl::on_origin_progress(SegmentIndex segment, std::uint64_t bytes) {
  if (membership_) membership_->on_progress(segment, bytes);
}

void SupplyImpl::set_origin_usable(bool usable) {
  if (membership_) membership_->set_origin_usable(usable);
}

// Each asker sorts the holders in an order of its own, so that askers spread over them.
std::vector<HolderFacts> SupplyImpl::ranked_with(std::uint64_t segment) {
  std::vector<HolderFacts> all = table_.ranked_with(segment);
  if (!membership_) return all;
  const std::vector<AgentId> order = membership_->holders(SegmentIndex(segment), kMaxAsked);
  const auto place = [&order](const HolderFacts& holder) {
    return std::find(order.begin(), order.end(), holder.agent) - order.begin();
  };
  std::stable_sort(all.begin(), all.end(),
                   [&place](const HolderFacts& a, const HolderFacts& b) { return place(a) < place(b); });
  return all;
}

void SupplyImpl::on_segment_not_given(std::uint64_t segment, const AgentId& agent) {
  if (membership_) membership_->on_segment_not_given(agent, segment);
}

// A fetch without own content serves no peers: lingering, it would keep them waiting for the segment.
void SupplyImpl::on_offered(std::uint64_t segment) {
  const auto found = by_segment_.find(segment);
  if (found == by_segment_.end() || found->second->gives()) return;
  if (has_delivery(*found->second)) return;
  unused_since_.erase(found->second);
  found->second->stop();
  by_segment_.erase(found);
}

void SupplyImpl::count_for_crowd(ByteRange received) {
  if (!membership_) return;
  membership_->on_bytes_from_peers(received.length);
  const SteadyTime now = tools_->runtime.clock.now();
  const std::uint64_t segment = proof_.layout().index_at(received.offset);
  if (round_.segments.empty()) round_ = {now, 0, {}};
  // A segment's first bytes count as delivering until their rate is measured.
  if (round_.segments.insert(segment).second) membership_->on_delivering(segment);
  round_.bytes += received.length;
  const Duration passed = now - round_.since;
  if (passed < kRound) return;
  const double rate = static_cast<double>(round_.bytes) / seconds(passed);
  if (rate >= static_cast<double>(min_rate_)) {
    for (const std::uint64_t each : round_.segments) membership_->on_delivering(each);
  }
  round_.segments.clear();
}

}  // namespace larder::peer
