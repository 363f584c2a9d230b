// Neighbourhood: its crowds, in which agents that want one version at the same time share the origin's work.
#include <algorithm>
#include <utility>

#include "peer/messages/segment_bitmap.h"
#include "peer/supply/neighbourhood.h"
#include "peer/trust/own_attestations.h"

namespace larder::peer {
namespace {

// Upper bound of a crowd's patience, whatever the transfer's own: the longest gap without bytes stays under 3 s.
constexpr Duration kLongestPatience = std::chrono::milliseconds(1500);
constexpr std::size_t kMaxAround = 512;

}  // namespace

void Neighbourhood::make_crowds() {
  CrowdHost::Parts parts{parts_.runtime,
                         parts_.key.id(),
                         [this](std::vector<CrowdEntry> entries) { parts_.discovery.say_crowd(std::move(entries)); },
                         {},
                         parts_.serving};
  parts.around = [this] {
    std::vector<AgentId> around;
    for (const KnownPeer* peer : parts_.discovery.peers().all()) {
      if (around.size() >= kMaxAround) break;
      if (peer->serving && !is_refused(peer->id) && counted_on(peer->id)) around.push_back(peer->id);
    }
    return around;
  };
  crowds_ = std::make_unique<CrowdHost>(std::move(parts));
}

void Neighbourhood::join_crowd(const NeighbourQuery& query, const std::shared_ptr<SupplyImpl>& supply,
                               VersionLookup& lookup, bool asked) {
  if (!parts_.offers.may_offer(query.version)) return;
  CrowdHost::Joining joining;
  joining.version_key = supply->version_key();
  joining.layout = supply->proof().layout();
  joining.patience = std::min(query.patience, kLongestPatience);
  joining.min_rate = query.min_rate;
  if (const auto own = parts_.offers.find_offer(KeyKind::version, supply->version_key())) {
    for (std::uint64_t segment = 0; segment < joining.layout.count(); ++segment) {
      if (own->complete || has_bit(own->segments, segment)) joining.offered.emplace_back(segment, false);
    }
  }
  supply->set_crowd_listener([weak = lookup.weak_from_this()](const AgentId& agent, const CrowdEntry& entry) {
    if (const auto still = weak.lock()) still->on_crowd_entry(agent, entry);
  });
  lookup.in_crowd(true, asked);
  auto seat = crowds_->join_crowd(joining, supply);
  if (!seat) return lookup.in_crowd(false, false);
  supply->join_crowd(std::move(seat), query.min_rate);
}

// Returns whether the crowd waits for this member's claims. A doubted member's attestation is not believed alone, so
// waiting for its fetches would be of no use.
bool Neighbourhood::counted_on(const AgentId& agent) const {
  return !parts_.trust.doubted(agent, false, parts_.runtime.clock.wall());
}

void Neighbourhood::on_crowd_entries(const AgentId& from, const CrowdStamp& stamp,
                                     const std::vector<CrowdEntry>& entries) {
  if (crowd_ && !is_refused(from) && counted_on(from)) crowds_->on_datagram(from, stamp, entries);
}

void Neighbourhood::on_agents_changed() {
  crowds_->on_agents_changed();
}

void Neighbourhood::on_agent_gone(const AgentId& agent) {
  crowds_->on_agent_gone(agent);
  crowds_->on_agents_changed();
}

void Neighbourhood::on_serving_changed() {
  crowds_->on_may_fetch_changed();
}

void Neighbourhood::on_key_changed() {
  prefetches_.clear();  // answers to keys of the old group key mean nothing now
  prefetches_to_ask_.clear();
  crowds_->forget_all();
}

// Announces a segment as held only now that it is offered: members that hear the announcement ask at once.
void Neighbourhood::on_offered(const cache::ContentInfo& info, const std::vector<cache::SegmentInfo>& segments) {
  for (const cache::Version& version : info.versions) {
    if (!version.size || !version.has_validator()) continue;
    const Digest key = parts_.offers.key().version_key(version);
    if (!crowds_->has(key)) continue;
    const auto offer = parts_.offers.find_offer(KeyKind::version, key);
    if (!offer || offer->content != info.id) continue;
    for (const auto& weak : supplies_) {
      const auto supply = weak.lock();
      if (!supply || supply->version_key() != key) continue;
      for (const cache::SegmentInfo& segment : segments) supply->on_offered(segment.index);
    }
    const Digest name = cache::version_name(version);
    for (const cache::SegmentInfo& segment : segments) {
      crowds_->on_segment_offered(key, segment.index, self_attestable(segment, name));
    }
    const std::uint64_t count = cache::SegmentLayout(*version.size).count();
    for (std::uint64_t segment = 0; offer->complete && segment < count; ++segment)
      crowds_->on_segment_offered(key, segment, false);
  }
}

}  // namespace larder::peer
