#include "peer/crowd/crowd_pace.h"

#include <algorithm>

namespace larder::peer {
namespace {

constexpr double kJitterClaims = 0.2;  // either way
constexpr double kJitterPaced = 0.5;

Duration scaled(Duration time, double factor) {
  return std::chrono::duration_cast<Duration>(time * factor);
}

}  // namespace

CrowdPace::CrowdPace(Random& random) : random_(&random), now_heard_(random.next()), heard_before_(now_heard_) {}

void CrowdPace::shift_slices(SteadyTime now) {
  const std::int64_t slice = now.time_since_epoch() / kSlice;
  const std::int64_t passed = slice - slice_;
  if (passed == 0) return;
  // The clock went back, or far forward: the counts say nothing about this second.
  if (passed < 0 || passed >= static_cast<std::int64_t>(kSlices)) slices_.fill(0);
  for (std::int64_t i = 1; i <= passed && i < static_cast<std::int64_t>(kSlices); ++i) {
    slices_[static_cast<std::size_t>((slice_ + i) % static_cast<std::int64_t>(kSlices))] = 0;
  }
  slice_ = slice;
}

void CrowdPace::on_datagram(const AgentId& sender, SteadyTime now) {
  shift_slices(now);
  ++slices_[static_cast<std::size_t>(slice_ % static_cast<std::int64_t>(kSlices))];
  if (epoch_began_at_ == SteadyTime{}) epoch_began_at_ = now;
  if (now - epoch_began_at_ > kEpoch) {
    heard_before_ = now_heard_;
    now_heard_.clear();
    epoch_began_at_ = now;
  }
  now_heard_.count_agent(sender);
}

std::size_t CrowdPace::members() const {
  return std::max(now_heard_.count(), heard_before_.count());
}

double CrowdPace::heard_lately(SteadyTime now) {
  shift_slices(now);
  std::uint32_t sum = 0;
  for (const std::uint32_t slice : slices_) sum += slice;
  return sum;
}

void CrowdPace::announce_soon(const Digest& version, SteadyTime now) {
  versions_[version].urgent = true;
  if (!urgent_at_) urgent_at_ = now + kGather;
}

void CrowdPace::announce_at_pace(const Digest& version, bool claims, SteadyTime now) {
  Version& known = versions_[version];
  known.paced = true;
  known.claims = claims;
  if (turn_at_ && (!claims || claims_turn_)) return;
  claims_turn_ = claims;
  turn_drawn_at_ = now;
  turn_at_ = now + interval(claims, now);
}

void CrowdPace::drop_version(const Digest& version) {
  versions_.erase(version);
  if (versions_.empty()) turn_at_.reset();
  if (std::none_of(versions_.begin(), versions_.end(), [](const auto& known) { return known.second.urgent; }))
    urgent_at_.reset();
}

bool CrowdPace::any_claims() const {
  return std::any_of(versions_.begin(), versions_.end(), [](const auto& known) { return known.second.claims; });
}

Duration CrowdPace::interval(bool claims, SteadyTime now) {
  const double draw = 2 * random_->unit() - 1;
  if (claims) return scaled(kClaimEvery, (heard_lately(now) >= kLoud ? 1.5 : 1) * (1 + kJitterClaims * draw));
  const auto share = std::chrono::duration_cast<Duration>(
      std::chrono::duration<double>(static_cast<double>(members() + 1) / kForPaced));
  return scaled(std::max(kShortest, share), 1 + kJitterPaced * draw);
}

std::optional<SteadyTime> CrowdPace::next() const {
  std::optional<SteadyTime> next = turn_at_;
  if (urgent_at_) {
    const SteadyTime at = std::max(*urgent_at_, urgent_tokens_.free_at());
    next = next ? std::min(*next, at) : at;
  }
  return next;
}

// Returns the urgent versions first, then those with claims, then those sent longest ago.
std::vector<Digest> CrowdPace::in_turn() const {
  using Known = std::pair<Digest, Version>;
  std::vector<Known> all(versions_.begin(), versions_.end());
  const std::size_t count = std::min(all.size(), kMaxCrowdEntries);
  std::partial_sort(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(count), all.end(),
                    [](const Known& left, const Known& right) {
                      const Version& a = left.second;
                      const Version& b = right.second;
                      if (a.urgent != b.urgent) return a.urgent;
                      if (a.claims != b.claims) return a.claims;
                      return a.sent < b.sent;
                    });
  std::vector<Digest> versions;
  for (std::size_t i = 0; i < count; ++i) versions.push_back(all[i].first);
  return versions;
}

std::vector<Digest> CrowdPace::due(SteadyTime now) {
  urgent_tokens_.fill(now);
  if (urgent_at_ && now >= *urgent_at_ && urgent_tokens_.take_token(now)) return in_turn();
  if (!turn_at_ || now < *turn_at_) return {};
  const bool claims = any_claims();
  // The interval is drawn again with the number of agents that is known by now.
  if (!claims || !claims_turn_) {
    const Duration drawn = interval(claims, now);
    claims_turn_ = claims;
    if (turn_drawn_at_ + drawn > now) {
      turn_at_ = turn_drawn_at_ + drawn;
      return {};
    }
  }
  if (!claims && heard_lately(now) >= kQuiet) {
    turn_at_ = now + scaled(kShortest, 0.2 + 0.8 * random_->unit());
    return {};
  }
  return in_turn();
}

void CrowdPace::on_sent(const std::vector<Digest>& versions, SteadyTime now) {
  for (const Digest& version : versions) {
    const auto at = versions_.find(version);
    if (at == versions_.end()) continue;
    at->second.urgent = false;
    at->second.sent = now;
    if (!at->second.paced) versions_.erase(at);
  }
  urgent_at_.reset();
  bool paced = false;
  for (const auto& [version, known] : versions_) {
    if (known.urgent) urgent_at_ = now;
    paced = paced || known.paced;
  }
  if (!paced) return turn_at_.reset();
  claims_turn_ = any_claims();
  turn_drawn_at_ = now;
  turn_at_ = now + interval(claims_turn_, now);
}

std::size_t fitting(const std::vector<CrowdEntry>& entries) {
  std::size_t bytes = 0;
  std::size_t count = 0;
  for (const CrowdEntry& entry : entries) {
    bytes += encoded_size(entry);
    if (count == kMaxCrowdEntries || (count > 0 && bytes > kMaxCrowdBytes)) break;
    ++count;
  }
  return count;
}

}  // namespace larder::peer
