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

void PeerPace::opened(std::uint64_t delivery, SteadyTime now) {
  if (open_.empty()) {
    since_ = last_ = now;
    came_.clear();
    came_bytes_ = 0;
  }
  open_[delivery] = {now};
}

void PeerPace::received(std::uint64_t delivery, std::uint64_t bytes, SteadyTime now) {
  const auto found = open_.find(delivery);
  if (found == open_.end()) return;
  found->second.last = last_ = now;
  if (came_.empty() || now - came_.back().at >= kStep) came_.push_back({now, 0});
  came_.back().bytes += bytes;
  came_bytes_ += bytes;
  forget_before(now - rules_.patience);
}

void PeerPace::closed(std::uint64_t delivery, bool success, SteadyTime) {
  open_.erase(delivery);
  if (success) {
    probation_ = false;
    refusals_in_a_row_ = 0;
  }
  if (open_.empty()) slow_ = false;
}

void PeerPace::hold(bool held, SteadyTime now) {
  // Bytes that were not taken could not arrive: the count begins anew.
  if (held || held_) {
    since_ = last_ = now;
    for (auto& [id, open] : open_) open.last = now;
    came_.clear();
    came_bytes_ = 0;
  }
  held_ = held;
}

void PeerPace::forget_before(SteadyTime time) {
  while (!came_.empty() && came_.front().at <= time) {
    came_bytes_ -= came_.front().bytes;
    came_.pop_front();
  }
}

std::vector<std::uint64_t> PeerPace::stalled(SteadyTime now) {
  std::vector<std::uint64_t> ids;
  if (open_.empty() || held_) return ids;
  const bool all = now - last_ >= stall_time();
  for (const auto& [id, open] : open_) {
    if (all || now - open.last >= kStarved) ids.push_back(id);
  }
  if (all) disappointed(now);
  return ids;
}

bool PeerPace::too_slow(SteadyTime now) {
  forget_before(now - rules_.patience);
  if (open_.empty() || rules_.min_rate == 0) return slow_ = false;
  if (held_ || now - since_ < rules_.patience) return slow_;
  const double rate = static_cast<double>(came_bytes_) / std::chrono::duration<double>(rules_.patience).count();
  return slow_ = rate < static_cast<double>(rules_.min_rate);
}

void PeerPace::disappointed(SteadyTime now) {
  if (disappointments_ > 0 && now - last_stall_ >= kForgive) disappointments_ = 0;
  rest_until_ = now + doubled(kFirstRest, disappointments_, kLongestRest);
  ++disappointments_;
  last_stall_ = rest_until_;
  probation_ = true;
}

void PeerPace::refused(std::uint64_t segment, SteadyTime now) {
  Refusal& refusal = refused_[segment];
  refusal.until = now + doubled(kFirstRefusal, refusal.times, kLongestRest);
  ++refusal.times;
  if (++refusals_in_a_row_ < kRefusalsToRest) return;
  refusals_in_a_row_ = 0;
  disappointed(now);
}

bool PeerPace::may_ask(std::uint64_t segment, SteadyTime now) const {
  const auto found = refused_.find(segment);
  return found == refused_.end() || now >= found->second.until;
}

void PeerPace::ask_again() {
  refused_.clear();
  rest_until_ = {};
}

unsigned PeerPace::windows(SteadyTime now) const {
  if (now < rest_until_) return 0;
  return probation_ ? 1 : kWindows;
}

}  // namespace larder::agent
