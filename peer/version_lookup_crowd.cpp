// VersionLookup in a crowd: what members say that they hold, and the proof of it.
#include <algorithm>

#include "peer/segment_bitmap.h"
#include "peer/version_lookup.h"

namespace larder::peer {
namespace {

constexpr std::size_t kMaxUnproven = 8;  // of what one says that it has: beyond, nothing of it is believed

}  // namespace

// What of a holder is true by its manifest. In a crowd it may have said more since.
void VersionLookup::believe(const HolderFacts& holder, const Manifest& manifest) {
  const auto supply = supply_.lock();
  const auto told = supply->proof().told(manifest);
  HolderFacts facts = holder;
  facts.complete = told.complete;
  if (told.complete || !crowd_) facts.segments = told.complete ? std::set<std::uint64_t>{} : told.segments;
  for (const ManifestSegment& named : manifest.segments) {
    facts.hearsay.erase(named.index);
    if (told.complete || !crowd_) continue;
    if (told.segments.contains(named.index)) {
      facts.segments.insert(named.index);
    } else if (supply->proof().root(named.index)) {
      facts.segments.erase(named.index);  // of another content than the one that is believed
    }
  }
  if (supply->holder_table().add(facts)) tell_crowd(facts);
}

void VersionLookup::tell_crowd(const HolderFacts& holder) {
  const auto supply = supply_.lock();
  if (!supply || supply->seat() == nullptr) return;
  supply->seat()->holder(holder.agent, holder.complete, bitmap_of(holder.segments));
}

// What it said that it has, and cannot prove now that it was asked for that.
void VersionLookup::tell_unproven(const HolderFacts& asked) {
  const auto supply = supply_.lock();
  if (supply->seat() == nullptr) return;
  const std::uint64_t count = supply->proof().layout().count();
  std::vector<std::uint64_t> unproven;
  for (std::uint64_t segment = 0; segment < count; ++segment) {
    if (asked.has(segment) && named(asked.agent, segment) == nullptr) unproven.push_back(segment);
  }
  if (unproven.size() > kMaxUnproven) return supply->seat()->gives_nothing(asked.agent);
  for (const std::uint64_t segment : unproven) supply->seat()->not_given(asked.agent, segment);
}

void VersionLookup::heard(const AgentId& agent, const CrowdEntry& entry) {
  const auto supply = supply_.lock();
  const KnownPeer* peer = tools_->discovery.peers().find(agent);
  if (!supply || ended_ || !peer || !peer->serving || !usable(agent)) return;
  HolderTable& table = supply->holder_table();
  const SteadyTime now = tools_->runtime.clock.now();
  if (table.dropped(agent)) {
    if (now - readmitted_[agent] < kReadmit) return;
    readmitted_[agent] = now;
    table.readmit(agent);
  }
  const HolderFacts* known = table.find(agent);
  const std::uint64_t count = supply->proof().layout().count();
  std::vector<std::uint64_t> news;
  const auto has = [&](std::uint64_t segment) {
    const bool told = segment >= count || (known && known->has(segment)) || contradicts(agent, segment);
    if (!told) news.push_back(segment);
  };
  for (std::uint64_t segment = 0; entry.complete && segment < count; ++segment) has(segment);
  for (std::size_t i = 0; i < entry.held.size() * 8; ++i) {
    if (has_bit(entry.held, i)) has(entry.first + i);
  }
  if (news.empty()) return;
  if (!known && table.size() >= HolderTable::kMaxHolders) {
    const std::vector<bool> held = table.held(count);
    const bool rare = std::any_of(news.begin(), news.end(), [&held](std::uint64_t segment) { return !held[segment]; });
    if (rare) table.make_room();
  }
  HolderFacts facts = known ? *known : HolderFacts{};
  facts.agent = agent;
  facts.catalogue = peer->catalogue();
  facts.swarm = peer->swarm();
  if (!known) facts.draw = tools_->runtime.random.next();
  facts.segments.insert(news.begin(), news.end());
  facts.hearsay.insert(news.begin(), news.end());
  if (!table.add(facts)) return;
  supply->found_holdings(news.size());
  if (started_ == SteadyTime{}) return;  // told while it takes its place in the crowd
  if (found_) return pump();             // still looking: one more to ask
  ask_proofs();
  supply->updated();
}

// Segments that somebody has and this agent could not believe yet.
std::vector<bool> VersionLookup::unproven() const {
  const auto supply = supply_.lock();
  std::vector<bool> out = supply->holder_table().held(supply->proof().layout().count());
  const bool wants_bytes = small() && !supply->has_bytes();
  for (std::uint64_t segment = 0; segment < out.size(); ++segment) {
    if (out[segment]) out[segment] = wants_bytes || !supply->proof().root(segment);
  }
  for (const auto& [agent, asked] : proving_) {
    for (std::uint64_t segment = 0; segment < out.size(); ++segment) {
      if (out[segment] && asked.has(segment)) out[segment] = false;  // its manifest is under way
    }
  }
  return out;
}

// Its manifest named the segment, with whatever root.
const ManifestSegment* VersionLookup::named(const AgentId& agent, std::uint64_t segment) const {
  const auto manifest = manifests_.find(agent);
  if (manifest == manifests_.end()) return nullptr;
  const auto& all = manifest->second.segments;
  const auto found =
      std::lower_bound(all.begin(), all.end(), segment,
                       [](const ManifestSegment& one, std::uint64_t index) { return one.index < index; });
  return found != all.end() && found->index == segment ? &*found : nullptr;
}

bool VersionLookup::contradicts(const AgentId& agent, std::uint64_t segment) const {
  const ManifestSegment* said = named(agent, segment);
  const auto root = supply_.lock()->proof().root(segment);
  return said != nullptr && root && *root != said->root;
}

// Whoever can prove most of it. Who was asked just now is asked a moment later (`later`), and nobody for what it has
// told before the next look.
std::optional<HolderFacts> VersionLookup::next_to_prove(const std::vector<bool>& unproven, bool& later) const {
  const auto supply = supply_.lock();
  const SteadyTime now = tools_->runtime.clock.now();
  std::optional<HolderFacts> best;
  std::size_t most = 0;
  for (const HolderFacts& holder : supply->holder_table().ranked()) {
    if (proving_.contains(holder.agent) || !usable(holder.agent)) continue;
    std::size_t proves = 0;
    for (std::uint64_t segment = 0; segment < unproven.size(); ++segment) {
      if (unproven[segment] && holder.has(segment) && named(holder.agent, segment) == nullptr) ++proves;
    }
    if (proves <= most) continue;
    const auto asked = manifest_at_.find(holder.agent);
    if (asked != manifest_at_.end() && now - asked->second < kProofGap) {
      later = true;
      continue;
    }
    most = proves;
    best = holder;
  }
  return best;
}

void VersionLookup::ask_proofs() {
  const auto supply = supply_.lock();
  if (!supply || ended_) return;
  bool later = false;
  while (under_way_ < together_) {
    const auto holder = next_to_prove(unproven(), later);
    if (!holder) break;
    call(*holder);
  }
  if (!later || proofs_ != 0) return;
  proofs_ = tools_->runtime.timers.after(kProofGap, [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self || self->ended_) return;
    self->proofs_ = 0;
    self->ask_proofs();
  });
}

}  // namespace larder::peer
