// CROWD entries of versions that this agent does not want (yet). If it joins such a crowd a moment later, it knows the
// holders and claims at once, and does not ask the origin for what another agent has just fetched. Pure; loop thread;
// one for this agent; bounded.
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
  static constexpr std::size_t kMaxAgents = 16;  // for a version: the latest that have claims or segments

  struct Heard {
    AgentId agent{};
    CrowdStamp stamp;
    CrowdEntry entry;
    SteadyTime at{};
  };

  void on_entry(const AgentId& agent, const CrowdStamp& stamp, const CrowdEntry& entry, SteadyTime now);
  void on_agent_gone(const AgentId& agent);
  // Removes and returns the entries of a version, oldest first, for Crowd::on_entry() with the times at which they
  // came.
  [[nodiscard]] std::vector<Heard> take_entries(const Digest& version, SteadyTime now);

 private:
  struct Version {
    std::deque<Heard> heard;
    SteadyTime last{};
  };
  std::map<Digest, Version> versions_;
};

}  // namespace larder::peer
