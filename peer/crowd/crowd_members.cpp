#include "peer/crowd/crowd_members.h"

#include <utility>

#include "peer/common/seconds.h"
#include "peer/crowd/crowd_rank.h"

namespace larder::peer {
namespace {

constexpr std::uint64_t kWindow = kMaxCrowdBitmap * 8;  // segments of one bitmap
constexpr Duration kSweepEvery = std::chrono::seconds(1);

std::uint64_t bit_of(std::size_t place) {
  return std::uint64_t{1} << (place % 64);
}

}  // namespace

CrowdMembers::CrowdMembers(const Digest& version_key, const cache::SegmentLayout& layout, Duration void_after,
                           ClaimRecord& record, std::uint64_t seed)
    : version_key_(version_key),
      layout_(layout),
      void_after_(void_after),
      record_(&record),
      seed_(seed),
      all_(mixed(seed)),
      holders_(layout.count()),
      announced_by_(layout.count()),
      announced_by_any_(layout.count()),
      announced_by_one_(layout.count()),
      faded_(layout.count()),
      fading_(layout.count()),
      scratch_(layout.count()) {}

CrowdMembers::Member& CrowdMembers::member(const AgentId& agent) {
  const auto at = remembered_.find(agent);
  if (at != remembered_.end()) return at->second;
  make_room();
  all_.count_agent(agent);
  Member& made = remembered_[agent];
  made.announced = SegmentBits(layout_.count());
  made.turn = turn_.size();
  turn_.push_back(agent);
  return made;
}

// Forgets one member, in turn. Live claimants and sole holders of a segment stay where possible: among thousands it
// would be long until another holder is heard. The segments of the forgotten member fade.
void CrowdMembers::make_room() {
  if (turn_.size() < kMaxMembers) return;
  for (std::size_t tries = 0; tries < turn_.size(); ++tries) {
    hand_ = (hand_ + 1) % turn_.size();
    const AgentId agent = turn_[hand_];
    const Claimant* fetches = claimant(agent);
    const Member& leaving = remembered_.find(agent)->second;
    const bool needed = (fetches != nullptr && fetches->live) || holds_alone(leaving);
    if (needed && tries + 1 < turn_.size()) continue;
    for (std::size_t i = 0; i < faded_.words(); ++i) faded_.word(i) |= leaving.announced.word(i);
    forget(agent);
    return;
  }
}

bool CrowdMembers::holds_alone(const Member& member) const {
  for (std::size_t i = 0; i < announced_by_one_.words(); ++i) {
    if ((member.announced.word(i) & announced_by_one_.word(i)) != 0) return true;
  }
  return false;
}

void CrowdMembers::forget(const AgentId& agent) {
  const auto at = remembered_.find(agent);
  if (at == remembered_.end()) return;
  scratch_.reset();
  set_announced(at->second, scratch_, {});
  const std::size_t turn = at->second.turn;
  remembered_.erase(at);
  if (turn + 1 < turn_.size()) {
    turn_[turn] = turn_.back();
    move_place(remembered_.find(turn_[turn])->second, turn);
  }
  turn_.pop_back();
}

void CrowdMembers::move_place(Member& member, std::size_t to) {
  const std::size_t from = std::exchange(member.turn, to);
  for (std::size_t i = 0; i < member.announced.words(); ++i) {
    for_each_bit(i, member.announced.word(i), [this, from, to](std::uint64_t segment) {
      announced_by_[segment][from / 64] &= ~bit_of(from);
      announced_by_[segment][to / 64] |= bit_of(to);
    });
  }
}

// Reads the entry's bitmap into scratch_, together with what is known of the other windows.
void CrowdMembers::read_bitmap(const Member& member, const CrowdEntry& entry) {
  scratch_ = member.announced;
  if (entry.complete) return scratch_.fill();
  const std::uint64_t end = std::min<std::uint64_t>(layout_.count(), entry.first + kWindow);
  for (std::uint64_t first = entry.first, i = 0; first < end; first += 8, ++i) {
    scratch_.set_byte(first, i < entry.held.size() ? entry.held[i] : std::byte{0});
  }
}

void CrowdMembers::count_holders(SegmentIndex segment, std::uint32_t holders) {
  const std::uint64_t index = segment.value();
  holders_[index] = holders;
  holders > 0 ? announced_by_any_.set(index) : announced_by_any_.clear(index);
  holders == 1 ? announced_by_one_.set(index) : announced_by_one_.clear(index);
}

void CrowdMembers::set_announced(Member& member, const SegmentBits& said, SteadyTime now) {
  for (std::size_t i = 0; i < said.words(); ++i) {
    std::uint64_t bits = member.nothing_until > now ? 0 : said.word(i);
    for (const Refusal& refusal : member.refusals) {
      if (refusal.segment / 64 == i && refusal.until > now) bits &= ~bit_of(refusal.segment);
    }
    const std::uint64_t before = member.announced.word(i);
    if (bits == before) continue;
    member.announced.word(i) = bits;
    const std::size_t place = member.turn;
    for_each_bit(i, bits & ~before, [this, place](std::uint64_t segment) {
      announced_by_[segment][place / 64] |= bit_of(place);
      count_holders(SegmentIndex(segment), holders_[segment] + 1);
    });
    for_each_bit(i, before & ~bits, [this, place](std::uint64_t segment) {
      announced_by_[segment][place / 64] &= ~bit_of(place);
      count_holders(SegmentIndex(segment), holders_[segment] - 1);
    });
  }
}

bool CrowdMembers::on_entry(const AgentId& agent, const CrowdStamp& stamp, const CrowdEntry& entry, SteadyTime now) {
  if (entry.segments != layout_.count()) return false;
  Member& from = member(agent);
  const bool newcomer = from.stamp == CrowdStamp{};
  if (stamp <= from.stamp) return false;
  if (stamp.start_epoch != from.stamp.start_epoch && from.stamp.start_epoch != 0) {
    // The agent has restarted: its claims are over.
    if (Claimant* old = claimant(agent)) old->claims.clear();
  }
  from.stamp = stamp;
  from.heard_at = now;
  read_bitmap(from, entry);
  set_announced(from, scratch_, now);
  read_claims(agent, entry, from, now);
  return newcomer;
}

void CrowdMembers::on_holder(const AgentId& agent, bool complete, Bytes segments, SteadyTime now) {
  Member& from = member(agent);
  from.heard_at = std::max(from.heard_at, now);
  scratch_ = from.announced;
  if (complete) {
    scratch_.fill();
  } else {
    for (std::uint64_t i = 0; i < segments.size(); ++i) {
      scratch_.set_byte(8 * i, segments[i] | scratch_.byte_at(8 * i));
    }
  }
  set_announced(from, scratch_, now);
}

void CrowdMembers::on_segment_not_given(const AgentId& agent, std::uint64_t segment, SteadyTime now) {
  const auto at = remembered_.find(agent);
  if (at == remembered_.end() || segment >= layout_.count()) return;
  Member& from = at->second;
  auto refusal = std::find_if(from.refusals.begin(), from.refusals.end(),
                              [segment](const Refusal& known) { return known.segment == segment; });
  if (refusal == from.refusals.end()) {
    if (from.refusals.size() >= kMaxRefusals) from.refusals.erase(from.refusals.begin());
    refusal = from.refusals.insert(from.refusals.end(), Refusal{segment, {}, 0});
  }
  refusal->until = now + kFirstRefusal * (1U << std::min(refusal->times, kMostDoublings));
  ++refusal->times;
  scratch_ = from.announced;
  set_announced(from, scratch_, now);
  fading_.clear(segment);
  faded_.clear(segment);
}

void CrowdMembers::on_nothing_proven(const AgentId& agent, SteadyTime now) {
  const auto at = remembered_.find(agent);
  if (at == remembered_.end()) return;
  Member& from = at->second;
  from.nothing_until = now + kFirstRefusal * (1U << std::min(from.nothing_times, kMostDoublings));
  ++from.nothing_times;
  scratch_.reset();
  set_announced(from, scratch_, now);
}

void CrowdMembers::on_agent_gone(const AgentId& agent) {
  forget(agent);
  std::erase_if(claimants_, [&agent](const Claimant& claimant) { return claimant.agent == agent; });
  count_fetchers();
}

CrowdMembers::Claimant* CrowdMembers::claimant(const AgentId& agent) {
  for (Claimant& known : claimants_) {
    if (known.agent == agent) return &known;
  }
  return nullptr;
}

// Adds a claimant. Null: there are kMaxClaimants and all are live; a further one would change nothing.
CrowdMembers::Claimant* CrowdMembers::new_claimant(const AgentId& agent, SteadyTime now) {
  if (claimants_.size() >= kMaxClaimants) {
    const auto idle = std::find_if(claimants_.begin(), claimants_.end(), [](const Claimant& c) { return !c.live; });
    if (idle == claimants_.end()) return nullptr;
    claimants_.erase(idle);
  }
  Claimant made;
  made.agent = agent;
  made.rank = crowd_rank(version_key_, agent);
  made.heard_at = now;
  made.last_progress_at = now;
  claimants_.push_back(std::move(made));
  return &claimants_.back();
}

void CrowdMembers::read_claims(const AgentId& agent, const CrowdEntry& entry, const Member& member, SteadyTime now) {
  Claimant* from = claimant(agent);
  if (from == nullptr) {
    if (entry.claims.empty()) return;
    from = new_claimant(agent, now);
    if (from == nullptr) return;
  }
  advance(*from, entry, member, now);
  judge_claims(*from, now);
  count_fetchers();
}

// Replaces the claims and returns the bytes of progress since the last entry.
std::uint64_t CrowdMembers::update_claims(Claimant& claimant, const CrowdEntry& entry, const Member& member,
                                          SteadyTime now) {
  std::uint64_t gained = 0;
  for (const Claim& old : claimant.claims) {
    if (!member.announced.has(old.segment)) continue;
    gained += layout_.range(old.segment).length - old.bytes;
    if (!old.broken) record_->kept(claimant.agent);
    claimant.last_progress_at = now;
  }
  std::vector<Claim> claims;
  for (const CrowdClaim& said : entry.claims) {
    const auto same = [&said](const Claim& claim) { return claim.segment == said.segment; };
    if (claims.size() >= kCounted) break;
    if (member.announced.has(said.segment) || std::any_of(claims.begin(), claims.end(), same)) continue;
    const std::uint64_t size = layout_.range(said.segment).length;
    Claim claim{said.segment, std::min<std::uint64_t>(said.bytes, size), now, {}, false};
    const auto old = std::find_if(claimant.claims.begin(), claimant.claims.end(), same);
    if (old != claimant.claims.end()) {
      const std::uint64_t bytes = std::max(old->bytes, claim.bytes);
      gained += bytes - old->bytes;
      claim = Claim{said.segment, bytes, old->since, old->full_since, old->broken};
    }
    if (claim.bytes == size && claim.full_since == SteadyTime{}) claim.full_since = now;
    claims.push_back(claim);
  }
  claimant.claims = std::move(claims);
  return gained;
}

void CrowdMembers::advance(Claimant& claimant, const CrowdEntry& entry, const Member& member, SteadyTime now) {
  const std::uint64_t gained = update_claims(claimant, entry, member, now);
  const double passed = std::max(0.001, seconds(now - claimant.heard_at));
  claimant.rate += std::min(1.0, passed / 1.5) * (static_cast<double>(gained) / passed - claimant.rate);
  claimant.heard_at = now;
  claimant.step += gained;
  if (claimant.live) progress_ += gained;
  if (claimant.claims.empty()) {
    if (claimant.idle_since == SteadyTime{}) claimant.idle_since = now;
  } else if (claimant.idle_since != SteadyTime{}) {
    claimant.last_progress_at += now - claimant.idle_since;
    claimant.idle_since = {};
  }
  const auto& claims = claimant.claims;
  const bool all_full = !claims.empty() && std::all_of(claims.begin(), claims.end(),
                                                       [](const Claim& c) { return c.full_since != SteadyTime{}; });
  if (claimant.step < kStep && claimant.last_progress_at != now && !(all_full && gained > 0)) return;
  claimant.last_progress_at = now;
  claimant.step = 0;
  if (claimant.voided) {
    claimant.voided = false;
    record_->revived(claimant.agent, now);
  }
}

void CrowdMembers::judge_claims(Claimant& claimant, SteadyTime now) {
  bool fetching = false;
  bool believed = false;
  for (Claim& claim : claimant.claims) {
    if (claim.full_since == SteadyTime{}) {
      fetching = true;
    } else if (!claim.broken && now - claim.full_since > kHeldWithin) {
      claim.broken = true;
      ++voided_;
      record_->broke(claimant.agent, now);
    }
    believed = believed || !claim.broken;
  }
  if (fetching && !claimant.voided && now - claimant.last_progress_at > void_after(now)) {
    claimant.voided = true;
    ++voided_;
    record_->broke(claimant.agent, now);
  }
  claimant.live = believed && !claimant.voided && record_->waits_for(claimant.agent, now);
}

void CrowdMembers::count_fetchers() {
  fetchers_ = static_cast<std::size_t>(
      std::count_if(claimants_.begin(), claimants_.end(), [](const Claimant& claimant) { return claimant.live; }));
}

void CrowdMembers::review(SteadyTime now) {
  if (claimants_.empty() && now < next_sweep_at_) return;
  for (Claimant& claimant : claimants_) judge_claims(claimant, now);
  if (now >= next_sweep_at_) sweep_silent(now);
  count_fetchers();
}

void CrowdMembers::sweep_silent(SteadyTime now) {
  next_sweep_at_ = now + kSweepEvery;
  std::erase_if(claimants_, [now](const Claimant& claimant) {
    return (claimant.idle_since != SteadyTime{} && now - claimant.idle_since > kIdle) ||
           now - claimant.heard_at > kForgotten;
  });
  std::vector<AgentId> silent;
  for (const auto& [agent, member] : remembered_) {
    if (now - member.heard_at > forgotten_after()) silent.push_back(agent);
  }
  for (const AgentId& agent : silent) forget(agent);
  if (now < next_fade_at_) return;
  next_fade_at_ = now + kFade;
  fading_ = faded_;
  faded_.reset();
}

void CrowdMembers::forgive_silence(SteadyTime now) {
  for (Claimant& claimant : claimants_) {
    claimant.last_progress_at = now;
    claimant.heard_at = now;
    for (Claim& claim : claimant.claims) {
      if (claim.full_since != SteadyTime{}) claim.full_since = now;
    }
  }
  for (auto& [agent, member] : remembered_) member.heard_at = now;
}

Duration CrowdMembers::forgotten_after() const {
  // All members together send a bounded number of datagrams in a second (crowd_pace.h): 40 ms for each member leave
  // each about four tries.
  return std::max(kForgotten, Duration(std::chrono::milliseconds(40)) * static_cast<std::int64_t>(all()));
}

std::vector<AgentId> CrowdMembers::holders_of(SegmentIndex segment, std::size_t most) const {
  const std::uint64_t index = segment.value();
  if (index >= layout_.count()) return {};
  std::vector<std::pair<std::uint64_t, const AgentId*>> found;
  const std::uint64_t draw = seed_ ^ mixed(index);
  for (std::size_t i = 0; i < announced_by_[index].size(); ++i) {
    for_each_bit(i, announced_by_[index][i], [this, draw, &found](std::uint64_t place) {
      found.emplace_back(drawn(turn_[place], draw), &turn_[place]);
    });
  }
  const std::size_t count = std::min(most, found.size());
  std::partial_sort(found.begin(), found.begin() + static_cast<std::ptrdiff_t>(count), found.end(),
                    [](const auto& left, const auto& right) {
                      return left.first != right.first ? left.first < right.first : *left.second < *right.second;
                    });
  std::vector<AgentId> agents;
  for (std::size_t i = 0; i < count; ++i) agents.push_back(*found[i].second);
  return agents;
}

bool CrowdMembers::outranked_by(std::size_t fetchers, std::uint64_t rank) const {
  return static_cast<std::size_t>(std::count_if(claimants_.begin(), claimants_.end(), [rank](const Claimant& claimant) {
           return claimant.live && claimant.rank < rank;
         })) >= fetchers;
}

double CrowdMembers::best_rate() const {
  double best = 0;
  for (const Claimant& claimant : claimants_) best = std::max(best, claimant.live ? claimant.rate : 0);
  return best;
}

std::optional<SteadyTime> CrowdMembers::next_review() const {
  std::optional<SteadyTime> next;
  for (const Claimant& claimant : claimants_) {
    if (!claimant.live) continue;
    SteadyTime at = claimant.last_progress_at + void_after(claimant.heard_at);
    for (const Claim& claim : claimant.claims) {
      if (claim.full_since != SteadyTime{} && !claim.broken) at = std::min(at, claim.full_since + kHeldWithin);
    }
    if (!next || at < *next) next = at;
  }
  return next;
}

}  // namespace larder::peer
