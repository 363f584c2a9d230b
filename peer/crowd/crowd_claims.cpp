// Crowd: which segments this agent claims, gives up, and fetches a second time.
#include <algorithm>
#include <cmath>

#include "peer/common/seconds.h"
#include "peer/crowd/crowd.h"
#include "peer/crowd/crowd_choice.h"

namespace larder::peer {
namespace {

constexpr std::size_t kMostOwnClaims = kMaxCrowdClaims;
constexpr std::ptrdiff_t kUnfinished = 2;  // own claims not wholly fetched: the present one and the next
constexpr std::size_t kMostTries = 2;      // concurrent fetchers of one segment, when the first is a straggler
constexpr unsigned kLastResort = 3;        // patience windows without a byte; then no limit of fetchers applies
constexpr Duration kAheadMargin = std::chrono::milliseconds(100);  // about the interval of on_progress() calls

}  // namespace

const Crowd::Own* Crowd::own_claim(std::uint64_t segment) const {
  const auto own = std::find_if(own_.begin(), own_.end(), [segment](const Own& o) { return o.segment == segment; });
  return own == own_.end() ? nullptr : &*own;
}

bool Crowd::has_uncommitted() const {
  return std::any_of(own_.begin(), own_.end(),
                     [this](const Own& own) { return own.full() && !offered_.has(own.segment); });
}

double Crowd::seconds_left(const CrowdMembers::Claimant& claimant, const CrowdMembers::Claim& claim) const {
  const std::uint64_t size = layout_.range(claim.segment).length;
  return static_cast<double>(size - claim.bytes) / std::max(1.0, claimant.rate);
}

// Returns whether another agent's claim for the same segment has precedence over this one. Both sides decide alike when
// they have heard the same datagrams; otherwise both fetch it for a moment, or it is claimed anew.
bool Crowd::yields(const Own& own, SteadyTime now) const {
  for (const CrowdMembers::Claimant& other : members_.claimants()) {
    if (!other.live) continue;
    for (const CrowdMembers::Claim& claim : other.claims) {
      if (claim.segment != own.segment || claim.broken) continue;
      const bool other_half = claim.bytes * 2 > own.size;
      if (own.full() || (own.second && now - own.since < 2 * rules_.void_after)) continue;
      const bool grown = now - claim.since > rules_.void_after && now - own.since > rules_.void_after;
      const double mine = static_cast<double>(own.size - own.bytes) / std::max(1.0, rate_);
      const double its = seconds_left(other, claim);
      if (grown && mine * 2 < its) continue;
      if (grown && its * 2 < mine) return true;
      if (other_half != own.half()) {
        if (other_half) return true;
        continue;
      }
      if (other.rank < rank_) return true;
    }
  }
  return false;
}

void Crowd::drop_claims(SteadyTime now) {
  const bool stop = !origin_ || (!rules_.may_fetch && !starving_ && !alone());
  const std::size_t before = own_.size();
  std::erase_if(own_, [&](const Own& own) {
    if (offered_.has(own.segment)) return true;
    if (own.full()) return false;
    if (stop || yields(own, now)) return true;
    // Another member holds or delivers the segment by now: the rest of it comes from there, unless this agent starves.
    const bool elsewhere = members_.holders(own.segment) > 0 || is_delivered(own.segment, now);
    return elsewhere && !own.half() && !starving_;
  });
  if (own_.size() != before) raise_urgency(SendUrgency::soon);
  if (own_.empty() && before > 0) claim_ended_at_ = now;
}

std::size_t Crowd::slots() const {
  if (empty_rounds_ >= kLastResort) return SIZE_MAX;
  const std::size_t usual = starving_ ? rules_.most_fetchers : rules_.fetchers;
  // More fetchers than segments help only where the present fetchers are too slow.
  return starving_ ? usual : std::min<std::size_t>(usual, layout_.count());
}

// Returns how long this agent waits before it claims. The first `fetchers` agents claim at once. The others wait, with
// a delay that grows with the log of their position, so that of thousands that start at once few have claimed when the
// first claims are heard.
Duration Crowd::delay() const {
  if (!rules_.may_fetch) return rules_.wait;  // agents that may fetch claim first
  const auto first = static_cast<double>(std::min<std::size_t>(rules_.fetchers, layout_.count()));
  const auto position = static_cast<double>(position_);
  if (position < first) return Duration(0);
  const double all = std::max(static_cast<double>(known_agents_) + 1, position + 1);
  const double part = std::log((position + 1) / first) / std::log(all / first);
  return std::chrono::duration_cast<Duration>(rules_.wait * std::min(1.0, part));
}

// Returns whether a fetcher may claim its next segment: not while all slots are taken by fetchers before it in the
// order.
bool Crowd::may_go_on() const {
  const std::size_t most = slots();
  return members_.fetchers() < most || !members_.outranked_by(most, rank_);
}

bool Crowd::may_claim(SteadyTime now) {
  if (!origin_ || complete()) return false;
  // Metered or on battery: only when no other member wants the version, or when this agent starves while no member
  // fetches or holds a missing segment.
  if (!rules_.may_fetch && !alone() && !(starving_ && members_.fetchers() == 0 && !takeable_since_)) return false;
  if (!own_.empty()) return may_go_on();
  if (members_.fetchers() >= slots() || !anything_open()) {
    slot_free_since_.reset();
    return false;
  }
  if (!slot_free_since_) slot_free_since_ = now;
  return now >= *slot_free_since_ + delay();
}

bool Crowd::is_delivered(std::uint64_t segment, SteadyTime now) const {
  const auto at = delivering_.find(segment);
  return at != delivering_.end() && at->second >= now;
}

bool Crowd::is_free(std::uint64_t segment, SteadyTime now) const {
  if (offered_.has(segment) || own_claim(segment) != nullptr || is_delivered(segment, now)) return false;
  return starving_ || (members_.holders(segment) == 0 && !members_.faded(segment));
}

bool Crowd::claimed_by_others(std::uint64_t segment) const {
  return std::any_of(members_.claimants().begin(), members_.claimants().end(), [segment](const auto& other) {
    return other.live && std::any_of(other.claims.begin(), other.claims.end(), [segment](const auto& claim) {
             return claim.segment == segment && !claim.broken;
           });
  });
}

std::optional<std::uint64_t> Crowd::choose(SteadyTime now) const {
  const std::uint64_t count = layout_.count();
  SegmentBits claimed(count);
  for (const CrowdMembers::Claimant& other : members_.claimants()) {
    if (!other.live) continue;
    for (const CrowdMembers::Claim& claim : other.claims) {
      if (!claim.broken) claimed.set(claim.segment);
    }
  }
  SegmentBits free(count);
  SegmentBits rare(count);  // free segments that no member holds
  for (std::uint64_t segment = 0; segment < count; ++segment) {
    if (claimed.has(segment) || !is_free(segment, now)) continue;
    free.set(segment);
    if (members_.holders(segment) == 0) rare.set(segment);
  }
  // Without other fetchers the choice begins at the first segment, otherwise at a random place. The first `fetchers`
  // agents have a stripe each.
  std::uint64_t stripe = members_.fetchers() == 0 ? 0 : mixed(rank_ ^ seed_) % count;
  if (position_ < rules_.fetchers) stripe = position_ * count / rules_.fetchers;
  if (const auto chosen = choose_segment({rare, claimed, last_claimed_, stripe})) return chosen;
  if (const auto chosen = choose_segment({free, claimed, last_claimed_, stripe})) return chosen;
  return second_try(now);
}

// Chooses a segment to fetch a second time when all are claimed: one whose fetchers are all stragglers.
std::optional<std::uint64_t> Crowd::second_try(SteadyTime now) const {
  // The other fetchers have just gained this agent's share of the line: their own rate shows a moment later.
  const bool just_freed = claim_ended_at_ && now - *claim_ended_at_ < rules_.line_shows;
  if (!own_.empty() || (just_freed && !starving_)) return std::nullopt;
  // The rate that this agent can expect: its own, or the best fetcher's; when it starves, min_rate at least.
  const double likely = std::max({rate_, members_.best_rate(), static_cast<double>(rules_.min_rate) / 16});
  const double rate = starving_ ? std::max(likely, static_cast<double>(rules_.min_rate)) : likely;
  std::map<std::uint64_t, std::pair<std::size_t, double>> tries;  // by segment: fetchers, seconds to the soonest end
  for (const CrowdMembers::Claimant& other : members_.claimants()) {
    if (!other.live) continue;
    for (const CrowdMembers::Claim& claim : other.claims) {
      if (claim.broken || !is_free(claim.segment, now)) continue;
      const bool young = now - claim.since < rules_.void_after;
      auto& known = tries.emplace(claim.segment, std::pair(std::size_t{0}, 1e18)).first->second;
      ++known.first;
      known.second = std::min(known.second, young ? 0 : seconds_left(other, claim));
    }
  }
  std::optional<std::uint64_t> slowest;
  double longest = 0;
  for (const auto& [segment, known] : tries) {
    const double again = static_cast<double>(layout_.range(segment).length) / rate;
    if (known.first >= kMostTries || known.second < 1.5 * again + 0.5 || known.second <= longest) continue;
    longest = known.second;
    slowest = segment;
  }
  if (!slowest) return slowest;
  // Whether the fetcher or the line is slow shows only by a second fetch, made now and then.
  const bool sure = longest >= 1.5 * static_cast<double>(layout_.range(*slowest).length) / likely + 0.5;
  return sure || record_->may_try(now) ? slowest : std::nullopt;
}

std::optional<double> Crowd::seconds_claimed() const {
  if (own_.empty() || rate_ <= 0) return std::nullopt;
  double left = 0;
  for (const Own& own : own_) left += static_cast<double>(own.size - own.bytes);
  return left / rate_;
}

Duration Crowd::ahead() const {
  if (!first_byte_) return rules_.ahead;
  return std::clamp<Duration>(*first_byte_ * 3 / 2 + kAheadMargin, rules_.ahead_least, rules_.ahead);
}

void Crowd::make_claims(SteadyTime now) {
  while (own_.size() < kMostOwnClaims) {
    const auto unfinished = std::count_if(own_.begin(), own_.end(), [](const Own& own) { return !own.full(); });
    if (unfinished >= kUnfinished) return;
    const auto left = seconds_claimed();
    if (unfinished > 0 && (!left || *left > seconds(ahead()))) return;
    if (!may_claim(now)) return;
    const auto segment = choose(now);
    if (!segment) return;
    if (own_.empty()) progress_at_ = now;
    // A claim that continues the last one meets no other claim: other fetchers begin elsewhere.
    const bool follows = last_claimed_ && *segment == *last_claimed_ + 1;
    const SteadyTime from = follows || known_agents_ == 0 ? now : now + rules_.confirm_after;
    own_.push_back({*segment, 0, layout_.range(*segment).length, now, from, false, claimed_by_others(*segment)});
    last_claimed_ = segment;
    slot_free_since_.reset();
    raise_urgency(SendUrgency::soon);
  }
}

}  // namespace larder::peer
