// Estimates the number of different agents heard, in little memory, from the lowest hashes seen (k minimum values).
// Exact below kKept; from there on within some 15 %. Pure.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "base/runtime/clock.h"
#include "peer/group/keys.h"

namespace larder::peer {

// Spreads bits; not a secret (splitmix64's finaliser).
[[nodiscard]] constexpr std::uint64_t mixed(std::uint64_t value) {
  value += 0x9e3779b97f4a7c15;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

// Returns a sort key for agents that differs with each seed. An id is a public key, so its bytes are spread already.
[[nodiscard]] inline std::uint64_t drawn(const AgentId& agent, std::uint64_t seed) {
  std::uint64_t bytes = 0;
  std::memcpy(&bytes, agent.data(), sizeof bytes);
  return mixed(bytes ^ seed);
}

class DistinctCount {
 public:
  static constexpr std::size_t kKept = 64;
  explicit DistinctCount(std::uint64_t seed) : seed_(seed) {}

  void count_agent(const AgentId& agent) {
    const std::uint64_t hash = drawn(agent, seed_);
    if (lowest_.size() == kKept && hash >= lowest_.back()) return;
    const auto at = std::lower_bound(lowest_.begin(), lowest_.end(), hash);
    if (at != lowest_.end() && *at == hash) return;
    lowest_.insert(at, hash);
    if (lowest_.size() > kKept) lowest_.pop_back();
  }
  [[nodiscard]] std::size_t count() const {
    if (lowest_.size() < kKept) return lowest_.size();
    const double part = static_cast<double>(lowest_.back()) / 18446744073709551616.0;
    return static_cast<std::size_t>(static_cast<double>(kKept - 1) / part);
  }
  void clear() { lowest_.clear(); }

 private:
  std::uint64_t seed_;
  std::vector<std::uint64_t> lowest_;  // ascending
};

}  // namespace larder::peer
