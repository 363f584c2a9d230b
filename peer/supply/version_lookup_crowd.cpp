// VersionLookup in a crowd: what members announce that they hold, and the proofs of it.
#include <algorithm>
#include <utility>

#include "peer/crowd/crowd_members.h"
#include "peer/messages/segment_bitmap.h"
#include "peer/supply/version_lookup.h"

namespace larder::peer {
namespace {

constexpr std::size_t kMaxUnproven = 8;  // announced segments of one holder; above it none of them count

}  // namespace

// Updates a holder by its manifest. In a crowd it may have announced more segments since, which stay.
void VersionLookup::believe(const HolderFacts& holder, const Manifest& manifest) {
  const auto supply = supply_.lock();
  const auto told = supply->proof().agreement_with(manifest);
  HolderFacts facts = holder;
  facts.complete = told.complete;
  if (told.complete || !crowd_) facts.segments = told.complete ? std::set<std::uint64_t>{} : told.segments;
  for (const ManifestSegment& named : manifest.segments) {
    facts.hearsay.erase(named.index);
    if (told.complete || !crowd_) continue;
    if (told.segments.contains(named.index)) {
      facts.segments.insert(named.index);
    } else if (supply->proof().root(named.index)) {
      facts.segments.erase(named.index);  // its root is not the believed one
    }
  }
  if (supply->holder_table().add_holder(facts)) report_holder_to_crowd(facts);
}

void VersionLookup::report_holder_to_crowd(const HolderFacts& holder) {
  const auto supply = supply_.lock();
  if (!supply || supply->membership() == nullptr) return;
  supply->membership()->on_holder(holder.agent, holder.complete, bitmap_of(holder.segments));
}

// Reports to the crowd the segments that a holder announced and that its manifest does not name.
void VersionLookup::report_unproven(const HolderFacts& asked) {
  const auto supply = supply_.lock();
  if (supply->membership() == nullptr) return;
  const std::uint64_t count = supply->proof().layout().count();
  std::vector<std::uint64_t> unproven;
  for (std::uint64_t segment = 0; segment < count; ++segment) {
    if (asked.has(segment) && named(asked.agent, segment) == nullptr) unproven.push_back(segment);
  }
  if (unproven.size() > kMaxUnproven) return supply->membership()->on_nothing_proven(asked.agent);
  for (const std::uint64_t segment : unproven) supply->membership()->on_segment_not_given(asked.agent, segment);
}

void VersionLookup::on_crowd_entry(const AgentId& agent, const CrowdEntry& entry) {
  const auto supply = supply_.lock();
  const KnownPeer* peer = tools_->discovery.peers().find_peer(agent);
  if (!supply || ended_ || !peer || !peer->serving || !usable(agent)) return;
  HolderTable& table = supply->holder_table();
  const SteadyTime now = tools_->runtime.clock.now();
  if (table.was_dropped(agent)) {
    if (now - readmitted_at_[agent] < kReadmit) return;
    readmitted_at_[agent] = now;
    table.readmit(agent);
  }
  const HolderFacts* known = table.find_holder(agent);
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
  if (!table.add_holder(facts)) return;
  supply->count_new_holdings(news.size());
  if (started_at_ == SteadyTime{}) return;  // replayed from the crowd's memory, before start()
  if (found_) return pump();                // the hand-over is still to come: one more holder to ask
  ask_proofs();
  supply->on_holders_learnt();
}

// Reports holders that name different roots for a segment of which none is believed. Neither counts as its holder for a
// while, so the origin is asked.
void VersionLookup::report_contradicted(const AgentId& agent) {
  const auto supply = supply_.lock();
  if (supply->membership() == nullptr) return;
  std::map<AgentId, std::vector<std::uint64_t>> contradicted;
  for (const ManifestSegment& said : manifests_.at(agent).segments) {
    if (supply->proof().root(said.index)) continue;
    for (const auto& [other, manifest] : manifests_) {
      const ManifestSegment* of_other = named(other, said.index);
      if (of_other == nullptr || of_other->root == said.root) continue;
      contradicted[other].push_back(said.index);
      contradicted[agent].push_back(said.index);
    }
  }
  for (auto& [who, segments] : contradicted) {
    segments.erase(std::unique(segments.begin(), segments.end()), segments.end());  // they are ascending
    if (segments.size() > CrowdMembers::kMaxRefusals) {
      supply->membership()->on_nothing_proven(who);
      continue;
    }
    for (const std::uint64_t segment : segments) supply->membership()->on_segment_not_given(who, segment);
  }
}

void VersionLookup::note_without_answer(const HolderFacts& asked) {
  const auto supply = supply_.lock();
  if (!supply || !crowd_) return;
  for (std::uint64_t segment = 0; segment < supply->proof().layout().count(); ++segment) {
    if (asked.has(segment) && named(asked.agent, segment) == nullptr) {
      supply->opinions().note_without_answer(segment, asked.agent);
    }
  }
}

std::size_t VersionLookup::named_alike(std::uint64_t segment, const Digest& root) const {
  return static_cast<std::size_t>(std::count_if(manifests_.begin(), manifests_.end(), [&](const auto& item) {
    const ManifestSegment* said = usable(item.first) ? named(item.first, segment) : nullptr;
    return said != nullptr && said->root == root;
  }));
}

// Decides for each believed segment whether it may be taken or waits for a second member's manifest. True: a segment
// that waited does so no more.
bool VersionLookup::hear_opinions() {
  const auto supply = supply_.lock();
  Opinions& opinions = supply->opinions();
  const Proof& proof = supply->proof();
  std::vector<std::uint64_t> open;
  for (std::uint64_t segment = 0; segment < proof.layout().count(); ++segment) {
    if (!proof.root(segment)) {
      opinions.contradicted(segment);
    } else if (!opinions.is_decided(segment)) {
      open.push_back(segment);
    }
  }
  if (open.empty()) return false;
  const auto holders = supply->holder_table().ranked();
  bool some = false;
  for (const std::uint64_t segment : open) {
    std::size_t others = 0;
    for (const HolderFacts& holder : holders) {
      if (usable(holder.agent) && named(holder.agent, segment) == nullptr && may_name(holder, segment)) ++others;
    }
    some |= opinions.judge(SegmentIndex(segment), named_alike(segment, *proof.root(segment)), others,
                           tools_->runtime.clock.now());
  }
  await_opinions();
  return some;
}

void VersionLookup::await_opinions() {
  const auto due = supply_.lock()->opinions().due();
  if (!due || opinions_timer_ != 0) return;
  opinions_timer_ = tools_->runtime.timers.after(*due - tools_->runtime.clock.now(), [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self || self->ended_) return;
    self->opinions_timer_ = 0;
    self->ask_proofs();
  });
}

bool VersionLookup::anybody_named(std::uint64_t segment) const {
  return std::any_of(manifests_.begin(), manifests_.end(),
                     [&](const auto& item) { return named(item.first, segment) != nullptr; });
}

// Returns the segments that some holder has and for which a manifest is still to be requested: their root is not
// believed, a second opinion is awaited, or the bytes of a small content are missing.
std::vector<bool> VersionLookup::unproven() const {
  const auto supply = supply_.lock();
  std::vector<bool> out = supply->holder_table().held(supply->proof().layout().count());
  const bool wants_bytes = small() && !supply->has_bytes();
  for (std::uint64_t segment = 0; segment < out.size(); ++segment) {
    if (!out[segment]) continue;
    out[segment] = wants_bytes || !supply->proof().root(segment) || supply->opinions().waits(segment);
    if (!out[segment] || proving_.empty()) continue;
    const auto under_way = std::count_if(proving_.begin(), proving_.end(),
                                         [segment](const auto& item) { return item.second.has(segment); });
    // A segment that no manifest has named yet may be asked of two holders at once.
    out[segment] = under_way == 0 || (under_way == 1 && !anybody_named(segment));
  }
  return out;
}

// Returns the agent's manifest entry for the segment, whatever root it names; null where there is none.
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

// Keeps the holders of a small content that are known when its bytes are first asked for. An agent that comes to hold
// it later usually has it from the same holder; hearing those too would cost half as many requests again, with hundreds
// of small files. The first to announce it is believed anyhow. Called once: after a refusal the set stays as it is.
void VersionLookup::remember_first() {
  if (std::exchange(bytes_asked_, true)) return;
  for (const HolderFacts& holder : supply_.lock()->holder_table().ranked()) first_holders_.insert(holder.agent);
}

// Returns whether the holder has the segment and a manifest from it would say something new about it.
bool VersionLookup::may_name(const HolderFacts& holder, std::uint64_t segment) const {
  const auto supply = supply_.lock();
  if (!holder.has(segment) || supply->opinions().was_without_answer(segment, holder.agent)) return false;
  const bool for_bytes = small() && !supply->has_bytes() && bytes_.count() == 0;
  if (small() && !for_bytes && !first_holders_.contains(holder.agent)) return false;
  return named(holder.agent, segment) == nullptr || (for_bytes && without_bytes_.contains(holder.agent));
}

// Returns the holder that can prove most of `unproven`. A holder that was asked less than kProofGap ago is passed over
// and sets `later`; what a manifest named already is not asked for again before the next round.
std::optional<HolderFacts> VersionLookup::next_to_prove(const std::vector<bool>& unproven, bool& later) const {
  const auto supply = supply_.lock();
  const SteadyTime now = tools_->runtime.clock.now();
  std::optional<HolderFacts> best;
  std::size_t most = 0;
  for (const HolderFacts& holder : supply->holder_table().ranked()) {
    if (proving_.contains(holder.agent) || !usable(holder.agent)) continue;
    std::size_t proves = 0;
    for (std::uint64_t segment = 0; segment < unproven.size(); ++segment) {
      if (unproven[segment] && may_name(holder, segment)) ++proves;
    }
    if (proves <= most) continue;
    const auto asked = manifest_asked_at_.find(holder.agent);
    if (asked != manifest_asked_at_.end() && now - asked->second < kProofGap) {
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
  if (hear_opinions() && !found_) supply->on_holders_learnt();
  bool later = false;
  while (calls_.size() < together_) {
    const auto holder = next_to_prove(unproven(), later);
    if (!holder) break;
    call_holder(*holder);
  }
  if (!later || proofs_timer_ != 0) return;
  proofs_timer_ = tools_->runtime.timers.after(kProofGap, [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self || self->ended_) return;
    self->proofs_timer_ = 0;
    self->ask_proofs();
  });
}

}  // namespace larder::peer
