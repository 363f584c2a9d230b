// Whose claims came to nothing lately: such an agent is not waited for again for a while. One for an agent, shared by
// all its crowds, so that who disappoints in one is not waited for in two hundred. Pure; loop thread; bounded.
#pragma once

#include <cstddef>
#include <map>

#include "base/clock.h"
#include "peer/keys.h"

namespace larder::peer {

class ClaimRecord {
 public:
  static constexpr unsigned kStrikes = 2;                           // so many broken claims
  static constexpr Duration kFirstRest = std::chrono::seconds(30);  // not waited for so long, then twice, …
  static constexpr Duration kLongestRest = std::chrono::minutes(10);
  static constexpr Duration kForgive = std::chrono::minutes(5);  // since the last
  static constexpr std::size_t kMaxAgents = 1024;

  void broke(const AgentId& agent, SteadyTime now);  // a claim of it became void
  void kept(const AgentId& agent);                   // it came to hold what it claimed
  [[nodiscard]] bool waits_for(const AgentId& agent, SteadyTime now) const;

 private:
  struct Broken {
    unsigned strikes = 0;
    SteadyTime last{};
    SteadyTime until{};
  };
  std::map<AgentId, Broken> broken_;
};

}  // namespace larder::peer
