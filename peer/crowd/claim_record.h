// The record of other agents' broken claims: crowds do not wait for such an agent's claims for a while. Also the factor
// by which claim expiry is stretched after claims had been voided too soon, and the bytes that came from peers in all.
// One for this agent, shared by all its crowds, so that a claim broken in one crowd counts in two hundred. Pure; loop
// thread; bounded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>

#include "base/runtime/clock.h"
#include "peer/group/keys.h"

namespace larder::peer {

class ClaimRecord {
 public:
  static constexpr int kStrike = 2;                                 // score of a broken claim; a kept one subtracts 1
  static constexpr int kTooMany = 4;                                // two broken claims
  static constexpr Duration kFirstRest = std::chrono::seconds(30);  // not waited for; doubles each time
  static constexpr Duration kLongestRest = std::chrono::minutes(10);
  static constexpr Duration kForgive = std::chrono::minutes(5);  // without a broken claim: the record is cleared
  static constexpr std::size_t kMaxAgents = 1024;
  static constexpr unsigned kMostStretch = 4;
  static constexpr Duration kTryEvery = std::chrono::seconds(20);
  static constexpr Duration kStretchFor = std::chrono::minutes(1);

  void broke(const AgentId& agent, SteadyTime now);    // a claim of the agent expired or was broken
  void revived(const AgentId& agent, SteadyTime now);  // a voided claim goes on after all; stretches claim expiry
  void kept(const AgentId& agent);                     // the agent came to hold a segment that it claimed
  [[nodiscard]] bool waits_for(const AgentId& agent, SteadyTime now) const;
  // Returns whether a second fetch that may bring nothing may be made now: once in kTryEvery, over all crowds.
  bool may_try(SteadyTime now);
  [[nodiscard]] unsigned stretch(SteadyTime now) const;  // factor of claim expiry: 1, 2 or 4
  // Adds bytes from peers, of any version: an agent that gets enough in one crowd does not starve in another.
  void count_received(std::uint64_t bytes) { received_ += bytes; }
  [[nodiscard]] std::uint64_t all_that_came() const { return received_; }

 private:
  struct Broken {
    int score = 0;
    unsigned rests = 0;
    SteadyTime last{};
    SteadyTime until{};
  };
  std::map<AgentId, Broken> broken_;
  unsigned stretch_ = 1;
  SteadyTime stretched_{};
  SteadyTime tried_{};
  std::uint64_t received_ = 0;
};

}  // namespace larder::peer
