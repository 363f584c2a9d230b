#include "peer/crowd/crowd.h"

#include <utility>

#include "peer/common/seconds.h"

namespace larder::peer {
namespace {

constexpr std::size_t kExactRanks = 256;
constexpr Duration kDeliveringFor = std::chrono::milliseconds(1500);
constexpr Duration kSlept = std::chrono::seconds(3);
constexpr Duration kIdleStep = std::chrono::seconds(1);
constexpr Duration kClaimsStep = std::chrono::milliseconds(200);
constexpr Duration kNewcomerGap = std::chrono::milliseconds(150);
// Well before the claim expires for agents that lost the first announcement, and late enough that one fault does not
// lose both.
constexpr Duration kRepeatAfter = std::chrono::milliseconds(400);
constexpr std::size_t kSmallCrowd = 64;

}  // namespace

Crowd::Crowd(const AgentId& self, const Digest& version_key, const cache::SegmentLayout& layout,
             const CrowdRules& rules, ClaimRecord& record, std::uint64_t seed)
    : self_(self),
      version_key_(version_key),
      layout_(layout),
      rules_(rules),
      seed_(seed),
      rank_(crowd_rank(version_key, self)),
      record_(&record),
      members_(version_key, layout, rules.void_after, record, seed),
      offered_(layout.count()),
      all_(layout.count()) {
  all_.fill();
}

void Crowd::set_known_agents(std::span<const AgentId> agents) {
  known_agents_ = agents.size();
  if (known_agents_ <= kExactRanks) {
    position_ = static_cast<std::size_t>(std::count_if(agents.begin(), agents.end(), [this](const AgentId& agent) {
      return agent != self_ && crowd_rank(version_key_, agent) < rank_;
    }));
    return;
  }
  const double part = static_cast<double>(rank_) / 18446744073709551616.0;
  position_ = static_cast<std::size_t>(part * static_cast<double>(known_agents_));
}

void Crowd::begin_crowd(SteadyTime now) {
  patience_began_at_ = now;
  next_step_at_ = now;
  from_peers_before_ = record_->all_that_came();
  progress_before_ = members_.progress();
  raise_urgency(SendUrgency::at_pace);
}

void Crowd::on_entry(const AgentId& agent, const CrowdStamp& stamp, const CrowdEntry& entry, SteadyTime now) {
  if (agent == self_) return;
  const bool newcomer = members_.on_entry(agent, stamp, entry, now);
  // A newcomer with claims may not have heard this agent's claims: they are announced before it asks the origin. In a
  // large crowd some member sends soon enough anyhow.
  if (!newcomer || entry.claims.empty() || own_.empty() || members_.count() > kSmallCrowd) return;
  if (!last_sent_at_ || now - *last_sent_at_ > kNewcomerGap) raise_urgency(SendUrgency::soon);
}

void Crowd::on_agent_gone(const AgentId& agent, SteadyTime) {
  members_.on_agent_gone(agent);
}

void Crowd::on_holder(const AgentId& agent, bool complete, Bytes segments, SteadyTime now) {
  if (agent != self_) members_.on_holder(agent, complete, segments, now);
}

void Crowd::on_segment_not_given(const AgentId& agent, std::uint64_t segment, SteadyTime now) {
  members_.on_segment_not_given(agent, segment, now);
  delivering_.erase(segment);
}

void Crowd::on_nothing_proven(const AgentId& agent, SteadyTime now) {
  members_.on_nothing_proven(agent, now);
}

void Crowd::on_delivering(std::uint64_t segment, SteadyTime now) {
  if (segment < layout_.count()) delivering_[segment] = now + kDeliveringFor;
}

void Crowd::on_bytes_from_peers(std::uint64_t bytes, SteadyTime) {
  record_->count_received(bytes);
  if (bytes > 0) empty_rounds_ = 0;
}

void Crowd::on_segment_offered(std::uint64_t segment, bool first_hand, SteadyTime now) {
  if (segment >= layout_.count() || offered_.has(segment)) return;
  offered_.set(segment);
  ++offered_count_;
  delivering_.erase(segment);
  if (first_hand) {
    ++first_hand_;
    unannounced_ = true;
  }
  // Others wait for the first copies, so these are announced at once. Of agents that come to hold a further copy at the
  // same moment a few speak; more of a small content, since a holder serves few agents at a time.
  const std::uint64_t draw = mixed(seed_ ^ segment ^ 0x5a) % (members_.count() + 1);
  const std::uint64_t speakers = layout_.count() > 1 ? 4 : 16;
  const bool rare = members_.holders(segment) < 3 && draw < speakers;
  raise_urgency(first_hand || rare ? SendUrgency::soon : SendUrgency::at_pace);
  (void)now;
}

void Crowd::on_segment_lost(std::uint64_t segment, SteadyTime) {
  std::erase_if(own_, [segment](const Own& own) { return own.segment == segment; });
  if (!offered_.has(segment)) return;
  offered_.clear(segment);
  --offered_count_;
  raise_urgency(SendUrgency::soon);
}

void Crowd::on_progress(SegmentIndex segment, std::uint64_t bytes, SteadyTime now) {
  const auto own =
      std::find_if(own_.begin(), own_.end(), [segment](const Own& o) { return SegmentIndex(o.segment) == segment; });
  if (own == own_.end() || bytes <= own->bytes) return;
  const std::uint64_t gained = std::min(bytes, own->size) - std::min(own->bytes, own->size);
  const double passed = std::max(0.001, seconds(now - progress_at_));
  const double share = std::min(1.0, passed / 1.5);
  rate_ += share * (static_cast<double>(gained) / passed - rate_);
  if (own->bytes == 0) {
    const Duration waited = now - own->from;
    first_byte_ = first_byte_ ? (*first_byte_ + waited) / 2 : waited;
  }
  own->bytes = std::min(bytes, own->size);
  progress_at_ = now;
}

void Crowd::on_origin_failed(SteadyTime) {
  origin_ = false;
}

void Crowd::on_origin_back(SteadyTime) {
  origin_ = true;
}

void Crowd::set_may_fetch(bool may, SteadyTime) {
  rules_.may_fetch = may;
}

void Crowd::on_entry_sent(SteadyTime now) {
  last_sent_at_ = now;
  repeat_at_.reset();
  if (std::exchange(unannounced_, false)) repeat_at_ = now + kRepeatAfter;
}

// Repeats the announcement of a first-hand segment once. Of thousands of agents some have lost the datagram that says
// that a claimed segment is held now. With nothing left to claim this agent's next turn would come long after its claim
// has expired for them, and they would fetch the segment again.
void Crowd::repeat_news(SteadyTime now) {
  if (!repeat_at_ || now < *repeat_at_) return;
  repeat_at_.reset();
  raise_urgency(SendUrgency::soon);
}

CrowdStep Crowd::take_step(SteadyTime now) {
  if (now - next_step_at_ > kSlept) notice_sleep(now);
  members_.review(now);
  std::erase_if(delivering_, [now](const auto& known) { return known.second < now; });
  review_supply(now);
  repeat_news(now);
  drop_claims(now);
  make_claims(now);
  CrowdStep step;
  for (Own& own : own_) {
    own.confirmed = own.confirmed || own.from <= now;
    if (own.confirmed && !own.full()) step.fetch.push_back(own.segment);
  }
  step.changed = step.fetch != reported_fetch_;
  reported_fetch_ = step.fetch;
  step.urgency = std::exchange(urgency_, SendUrgency::nothing);
  if (step.urgency == SendUrgency::nothing && (!complete() || !own_.empty())) step.urgency = SendUrgency::at_pace;
  step.next_step_at = next_time(now);
  next_step_at_ = step.next_step_at;
  return step;
}

// Called after a gap of more than kSlept: the machine slept or the process was stopped. The members' silence meanwhile
// does not count against them.
void Crowd::notice_sleep(SteadyTime now) {
  members_.forgive_silence(now);
  patience_began_at_ = now;
  from_peers_before_ = record_->all_that_came();
  progress_before_ = members_.progress();
  progress_at_ = now;
  takeable_since_.reset();
  slot_free_since_.reset();
}

bool Crowd::anything_to_take() const {
  for (std::size_t i = 0; i < offered_.words(); ++i) {
    if ((members_.announced_by_any().word(i) & ~offered_.word(i)) != 0) return true;
  }
  return false;
}

// Returns whether some segment can come from the origin alone, claimed or not.
bool Crowd::anything_open() const {
  if (starving_) return true;
  for (std::size_t i = 0; i < offered_.words(); ++i) {
    if ((~(members_.announced_by_any().word(i) | offered_.word(i) | members_.faded_word(i)) & all_.word(i)) != 0)
      return true;
  }
  return false;
}

bool Crowd::is_enough(std::uint64_t bytes, Duration time) const {
  return bytes > 0 && static_cast<double>(bytes) >= static_cast<double>(rules_.min_rate) * seconds(time);
}

// Decides after each patience window whether this agent starves (rule 5). Bytes received for any other version count
// too: of hundreds of small files each waits for its turn. While members hold a missing segment, only received bytes
// count. While they hold none, the progress of the fetchers counts, since this agent waits for that.
void Crowd::review_supply(SteadyTime now) {
  if (!anything_to_take()) {
    takeable_since_.reset();
  } else if (!takeable_since_) {
    takeable_since_ = now;
  }
  const std::uint64_t from_peers = record_->all_that_came() - from_peers_before_;
  // Starvation ends early, once a whole window's bytes have come: of thousands of agents some starve at any moment.
  if (starving_ && is_enough(from_peers, rules_.patience)) starving_ = false;
  if (now - patience_began_at_ < rules_.patience) return;
  const bool took = takeable_since_ && *takeable_since_ <= patience_began_at_;
  const std::uint64_t others = took ? 0 : members_.progress() - progress_before_;
  starving_ = !is_enough(from_peers + others, now - patience_began_at_);
  if (took && from_peers == 0) ++empty_rounds_;
  patience_began_at_ = now;
  from_peers_before_ = record_->all_that_came();
  progress_before_ = members_.progress();
}

SteadyTime Crowd::next_time(SteadyTime now) const {
  SteadyTime next = now + kIdleStep;
  if (!complete()) next = std::min(next, patience_began_at_ + rules_.patience);
  if (const auto review = members_.next_review()) next = std::min(next, *review + std::chrono::milliseconds(1));
  if (repeat_at_) next = std::min(next, *repeat_at_);
  // When the delay is over the claim may be made. Later times depend on other members.
  if (slot_free_since_ && *slot_free_since_ + delay() > now) next = std::min(next, *slot_free_since_ + delay());
  if (claim_ended_at_ && *claim_ended_at_ + rules_.line_shows > now)
    next = std::min(next, *claim_ended_at_ + rules_.line_shows);
  if (!own_.empty()) next = std::min(next, now + kClaimsStep);
  if (const auto left = seconds_claimed()) {  // time of the next claim
    const std::chrono::duration<double> until(*left - seconds(ahead()));
    if (until > Duration{} && until < kClaimsStep)
      next = std::min(next, now + std::chrono::duration_cast<Duration>(until));
  }
  for (const Own& own : own_) {
    if (!own.confirmed) next = std::min(next, own.from);
  }
  return std::max(next, now + std::chrono::milliseconds(1));
}

CrowdEntry Crowd::entry() {
  CrowdEntry entry;
  entry.version_key = version_key_;
  entry.segments = static_cast<std::uint32_t>(layout_.count());
  entry.wants = !complete();
  entry.complete = complete();
  if (entry.complete) return entry;
  const std::uint64_t window = kMaxCrowdBitmap * 8;
  if (next_bitmap_start_ >= layout_.count()) next_bitmap_start_ = 0;
  entry.first = static_cast<std::uint32_t>(next_bitmap_start_);
  const std::uint64_t end = std::min(layout_.count(), next_bitmap_start_ + window);
  for (std::uint64_t segment = entry.first; segment < end; segment += 8)
    entry.held.push_back(offered_.byte_at(segment));
  while (!entry.held.empty() && entry.held.back() == std::byte{0}) entry.held.pop_back();
  next_bitmap_start_ = end;
  for (const Own& own : own_) {
    entry.claims.push_back({static_cast<std::uint32_t>(own.segment), static_cast<std::uint32_t>(own.bytes)});
  }
  return entry;
}

std::vector<std::uint64_t> Crowd::to_take(std::size_t most, SteadyTime) const {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> found;  // (number of holders with a draw, segment)
  for (std::size_t i = 0; i < offered_.words(); ++i) {
    for_each_bit(i, members_.announced_by_any().word(i) & ~offered_.word(i), [this, &found](std::uint64_t segment) {
      const std::uint64_t draw = mixed(seed_ ^ segment) >> 32;
      found.emplace_back((static_cast<std::uint64_t>(members_.holders(segment)) << 32) | draw, segment);
    });
  }
  const std::size_t count = std::min(most, found.size());
  std::partial_sort(found.begin(), found.begin() + static_cast<std::ptrdiff_t>(count), found.end());
  std::vector<std::uint64_t> segments;
  for (std::size_t i = 0; i < count; ++i) segments.push_back(found[i].second);
  return segments;
}

std::vector<AgentId> Crowd::holders(SegmentIndex segment, std::size_t most, SteadyTime) const {
  return members_.holders_of(segment, most);
}

std::vector<std::uint64_t> Crowd::missing_everywhere(SteadyTime now) const {
  std::vector<std::uint64_t> missing;
  SegmentBits claimed(layout_.count());
  for (const CrowdMembers::Claimant& other : members_.claimants()) {
    for (const CrowdMembers::Claim& claim : other.claims) {
      if (other.live && !claim.broken) claimed.set(claim.segment);
    }
  }
  for (std::uint64_t segment = 0; segment < layout_.count(); ++segment) {
    const bool somewhere = offered_.has(segment) || members_.holders(segment) > 0 || claimed.has(segment);
    if (!somewhere && own_claim(segment) == nullptr && !is_delivered(segment, now)) missing.push_back(segment);
  }
  return missing;
}

CrowdFigures Crowd::figures(SteadyTime now) const {
  CrowdFigures figures;
  figures.members = members_.count();
  figures.fetchers = members_.fetchers() + (own_.empty() ? 0 : 1);
  figures.segments = layout_.count();
  figures.held = offered_count_;
  figures.first_hand = first_hand_;
  figures.voided = members_.voided();
  for (std::uint64_t segment = 0; segment < layout_.count(); ++segment) {
    if (!offered_.has(segment) && members_.holders(segment) > 0) ++figures.elsewhere;
  }
  for (const CrowdMembers::Claimant& other : members_.claimants()) {
    if (other.live) figures.claimed += other.claims.size();
  }
  (void)now;
  return figures;
}

}  // namespace larder::peer
