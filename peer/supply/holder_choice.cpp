#include "peer/supply/holder_choice.h"

#include <algorithm>
#include <tuple>

#include "base/text/units.h"

namespace larder::peer {
namespace {

constexpr std::uint64_t kOneIsEnough = 64 * kMiB;
constexpr std::size_t kTogether = 3;

template <class Fits>
std::vector<HolderFacts> ranked_where(const std::map<AgentId, HolderFacts>& holders, Fits fits) {
  std::vector<HolderFacts> out;
  for (const auto& [agent, holder] : holders) {
    if (fits(holder)) out.push_back(holder);
  }
  std::sort(out.begin(), out.end(), [](const HolderFacts& a, const HolderFacts& b) {
    return std::make_tuple(!a.complete, a.load, b.segments.size(), a.draw) <
           std::make_tuple(!b.complete, b.load, a.segments.size(), b.draw);
  });
  return out;
}

}  // namespace

bool HolderTable::add_holder(const HolderFacts& holder) {
  if (dropped_.contains(holder.agent)) return false;
  const auto known = holders_.find(holder.agent);
  if (known == holders_.end()) {
    if (holders_.size() >= kMaxHolders || (!holder.complete && holder.segments.empty())) return false;
    holders_.emplace(holder.agent, holder);
    return true;
  }
  const std::uint64_t draw = known->second.draw;
  known->second = holder;
  known->second.draw = draw;
  return true;
}

bool HolderTable::drop_holder(const AgentId& agent) {
  // dropped_ is bounded: only agents that were in the table come into it, each once.
  if (holders_.erase(agent) == 0) return false;
  dropped_.insert(agent);
  return true;
}

const HolderFacts* HolderTable::find_holder(const AgentId& agent) const {
  const auto found = holders_.find(agent);
  return found == holders_.end() ? nullptr : &found->second;
}

std::vector<HolderFacts> HolderTable::ranked() const {
  return ranked_where(holders_, [](const HolderFacts&) { return true; });
}

std::vector<HolderFacts> HolderTable::ranked_with(std::uint64_t segment) const {
  return ranked_where(holders_, [segment](const HolderFacts& holder) { return holder.has(segment); });
}

std::vector<HolderFacts> HolderTable::ranked_complete() const {
  return ranked_where(holders_, [](const HolderFacts& holder) { return holder.complete; });
}

void HolderTable::make_room() {
  if (holders_.size() < kMaxHolders) return;
  auto least = holders_.end();
  for (auto at = holders_.begin(); at != holders_.end(); ++at) {
    const bool less = least == holders_.end() || at->second.segments.size() < least->second.segments.size();
    if (!at->second.complete && less) least = at;
  }
  if (least != holders_.end()) holders_.erase(least);
}

std::vector<bool> HolderTable::held(std::uint64_t count) const {
  std::vector<bool> out(count, any_complete());
  for (const auto& [agent, holder] : holders_) {
    for (const std::uint64_t segment : holder.segments) {
      if (segment < count) out[segment] = true;
    }
  }
  return out;
}

bool HolderTable::any_complete() const {
  return std::any_of(holders_.begin(), holders_.end(), [](const auto& item) { return item.second.complete; });
}

std::size_t wanted_holders(std::uint64_t bytes) {
  return bytes <= kOneIsEnough ? 1 : kTogether;
}

void StallWatch::add_peer(const AgentId& peer, SteadyTime now) {
  if (last_.empty()) quiet_since_ = now;
  last_.emplace(peer, now);
}

void StallWatch::remove(const AgentId& peer, SteadyTime now) {
  if (last_.erase(peer) > 0) quiet_since_ = std::max(quiet_since_, now - limit() + kAfterLoss);
}

void StallWatch::delivered(const AgentId& peer, SteadyTime now) {
  quiet_since_ = now;
  const auto known = last_.find(peer);
  if (known != last_.end()) known->second = now;
}

void StallWatch::set_wanting(bool wanting, SteadyTime now) {
  if (wanting == wanting_) return;
  wanting_ = wanting;
  quiet_since_ = now;
}

std::optional<AgentId> StallWatch::stalled(SteadyTime now) const {
  const auto due = next_check();
  if (!due || now < *due) return std::nullopt;
  return std::min_element(last_.begin(), last_.end(), [](const auto& a, const auto& b) { return a.second < b.second; })
      ->first;
}

std::optional<SteadyTime> StallWatch::next_check() const {
  if (!wanting_ || last_.empty()) return std::nullopt;
  return quiet_since_ + limit();
}

}  // namespace larder::peer
