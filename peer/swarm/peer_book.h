// Whom one fetch dials, and what became of them. Plain class; no clock, no sockets.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "peer/swarm/swarm.h"

namespace larder::peer {

class PeerBook {
 public:
  static constexpr std::size_t kMaxPeers = 16;

  // True when this one is to be dialled: not dropped, and there is room.
  [[nodiscard]] bool add(const SwarmPeer& peer);
  [[nodiscard]] std::optional<AgentId> at(const Endpoint& endpoint) const;
  // Not dialled again, and nothing is taken from it.
  void drop(const AgentId& agent) { dropped_.insert(agent); }
  [[nodiscard]] bool dropped(const AgentId& agent) const { return dropped_.contains(agent); }

  void connected(const AgentId& agent);
  // A connection ended, or an attempt failed. True when that is news: the last connection of a peer that was asked for
  // and not dropped, or its first failed attempt.
  [[nodiscard]] bool ended(const AgentId& agent, bool was_connected);

 private:
  struct Entry {
    Endpoint endpoint;
    std::size_t connections = 0;
    bool lost = false;  // told already
  };
  std::map<AgentId, Entry> peers_;
  std::set<AgentId> dropped_;
};

}  // namespace larder::peer
