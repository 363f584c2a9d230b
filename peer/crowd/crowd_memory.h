// CROWD entries of versions that this agent does not want (yet): who joins a crowd a moment later knows at once who
// holds and fetches what, and does not ask the origin for what somebody has just fetched. Pure; loop thread; one for an
// agent; bounded.
#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <vector>

#include "base/runtime/clock.h"
#include "peer/group/keys.h"
#include "peer/messages/crowd_entry.h"

namespace larder::peer {

class CrowdMemory {
 public:
  static constexpr Duration kFor = std::chrono::seconds(20);
  static constexpr std::size_t kMaxVersions = 1024;
  static constexpr std::size_t kMaxAgents = 16;  // for a version: those with claims or segments; the latest

  struct Heard {
    AgentId agent{};
    CrowdStamp stamp;
    CrowdEntry entry;
    SteadyTime at{};
  };

  void heard(const AgentId& agent, const CrowdStamp& stamp, const CrowdEntry& entry, SteadyTime now);
  void gone(const AgentId& agent);
  // Oldest first; to be told to the Crowd with the times at which it was heard.
  [[nodiscard]] std::vector<Heard> take(const Digest& version, SteadyTime now);

 private:
  struct Version {
    std::deque<Heard> heard;
    SteadyTime last{};
  };
  std::map<Digest, Version> versions_;
};

}  // namespace larder::peer
