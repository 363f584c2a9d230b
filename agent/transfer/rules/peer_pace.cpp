#include "agent/transfer/rules/peer_pace.h"

#include <algorithm>

namespace larder::agent {
namespace {

constexpr Duration kStep = std::chrono::milliseconds(50);
constexpr Duration kFirstRefusal = std::chrono::seconds(5);
constexpr unsigned kMaxDoublings = 5;
constexpr unsigned kRefusalsToRest = 4;  // deliveries in a row that ended without success

Duration doubled(Duration first, unsigned times, Duration longest) {
  return std::min(longest, first * (1U << std::min(times, kMaxDoublings)));
}

}  // namespace

void PeerPace::on_opened(std::uint64_t delivery, SteadyTime now) {
  if (open_.empty()) {
    count_began_at_ = last_byte_at_ = now;
    arrivals_.clear();
    arrived_bytes_ = 0;
  }
  open_[delivery] = {now};
}

void PeerPace::on_received(std::uint64_t delivery, std::uint64_t bytes, SteadyTime now) {
  const auto found = open_.find(delivery);
  if (found == open_.end()) return;
  found->second.last_byte_at = last_byte_at_ = now;
  if (arrivals_.empty() || now - arrivals_.back().at >= kStep) arrivals_.push_back({now, 0});
  arrivals_.back().bytes += bytes;
  arrived_bytes_ += bytes;
  forget_before(now - rules_.patience);
}

void PeerPace::on_closed(std::uint64_t delivery, bool success, SteadyTime) {
  open_.erase(delivery);
  if (success) {
    probation_ = false;
    refusals_in_a_row_ = 0;
  }
  if (open_.empty()) slow_ = false;
}

void PeerPace::set_throttled(bool held, SteadyTime now) {
  // Bytes that were not taken could not arrive: the count begins anew.
  if (held || throttled_) {
    count_began_at_ = last_byte_at_ = now;
    for (auto& [id, open] : open_) open.last_byte_at = now;
    arrivals_.clear();
    arrived_bytes_ = 0;
  }
  throttled_ = held;
}

void PeerPace::forget_before(SteadyTime time) {
  while (!arrivals_.empty() && arrivals_.front().at <= time) {
    arrived_bytes_ -= arrivals_.front().bytes;
    arrivals_.pop_front();
  }
}

std::vector<std::uint64_t> PeerPace::take_stalled(SteadyTime now) {
  std::vector<std::uint64_t> ids;
  if (open_.empty() || throttled_) return ids;
  const bool all = now - last_byte_at_ >= stall_time();
  for (const auto& [id, open] : open_) {
    if (all || now - open.last_byte_at >= kStarved) ids.push_back(id);
  }
  if (all) rest_peers(now);
  return ids;
}

bool PeerPace::too_slow(SteadyTime now) {
  forget_before(now - rules_.patience);
  if (open_.empty() || rules_.min_rate == 0) return slow_ = false;
  if (throttled_ || now - count_began_at_ < rules_.patience) return slow_;
  const double rate = static_cast<double>(arrived_bytes_) / std::chrono::duration<double>(rules_.patience).count();
  return slow_ = rate < static_cast<double>(rules_.min_rate);
}

void PeerPace::rest_peers(SteadyTime now) {
  if (rests_in_a_row_ > 0 && now - last_stall_at_ >= kForgive) rests_in_a_row_ = 0;
  rest_until_ = now + doubled(kFirstRest, rests_in_a_row_, kLongestRest);
  ++rests_in_a_row_;
  last_stall_at_ = rest_until_;
  probation_ = true;
}

void PeerPace::on_refused(std::uint64_t segment, SteadyTime now) {
  Refusal& refusal = refused_[segment];
  refusal.until = now + doubled(kFirstRefusal, refusal.times, kLongestRest);
  ++refusal.times;
  if (++refusals_in_a_row_ < kRefusalsToRest) return;
  refusals_in_a_row_ = 0;
  rest_peers(now);
}

bool PeerPace::may_ask(std::uint64_t segment, SteadyTime now) const {
  const auto found = refused_.find(segment);
  return found == refused_.end() || now >= found->second.until;
}

void PeerPace::end_rests() {
  refused_.clear();
  rest_until_ = {};
}

unsigned PeerPace::windows(SteadyTime now) const {
  if (now < rest_until_) return 0;
  return probation_ ? 1 : kWindows;
}

}  // namespace larder::agent
