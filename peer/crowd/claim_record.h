// Whose claims came to nothing lately: such an agent is not waited for again for a while. How long claims are waited
// for at all: longer, after it turned out that they had been given up too soon. And what comes from peers in all. One
// for an agent, shared by all its crowds, so that who disappoints in one is not waited for in two hundred. Pure; loop
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
  static constexpr int kStrike = 2;                                 // for a broken claim; a kept one takes one back
  static constexpr int kTooMany = 4;                                // two broken claims
  static constexpr Duration kFirstRest = std::chrono::seconds(30);  // not waited for so long, then twice, …
  static constexpr Duration kLongestRest = std::chrono::minutes(10);
  static constexpr Duration kForgive = std::chrono::minutes(5);  // since the last
  static constexpr std::size_t kMaxAgents = 1024;
  static constexpr unsigned kMostStretch = 4;
  static constexpr Duration kTryEvery = std::chrono::seconds(20);
  static constexpr Duration kStretchFor = std::chrono::minutes(1);

  void broke(const AgentId& agent, SteadyTime now);    // a claim of it became void
  void revived(const AgentId& agent, SteadyTime now);  // and was not: it goes on. Claims are waited for longer
  void kept(const AgentId& agent);                     // it came to hold what it claimed
  [[nodiscard]] bool waits_for(const AgentId& agent, SteadyTime now) const;
  // Whether something that may be in vain may be tried now: once in kTryEvery, over all crowds.
  bool may_try(SteadyTime now);
  [[nodiscard]] unsigned stretch(SteadyTime now) const;  // 1, 2 or 4 times as long as usual
  // Payload from peers, of whatever version: who gets enough in one crowd is not starving in another.
  void came(std::uint64_t bytes) { came_ += bytes; }
  [[nodiscard]] std::uint64_t all_that_came() const { return came_; }

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
  std::uint64_t came_ = 0;
};

}  // namespace larder::peer
