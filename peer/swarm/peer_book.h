// The peers that one fetch dials, with the state of their connections. Plain class; no clock, no sockets.
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

  // Adds or updates a peer. True: dial it. False: it is dropped or connected, or there is no room.
  [[nodiscard]] bool add_peer(const SwarmPeer& peer);
  [[nodiscard]] std::optional<AgentId> at(const Endpoint& endpoint) const;
  // Marks a peer as dropped: it is not dialled again, and its connections are refused.
  void drop_peer(const AgentId& agent) { dropped_.insert(agent); }
  [[nodiscard]] bool was_dropped(const AgentId& agent) const { return dropped_.contains(agent); }

  void on_connected(const AgentId& agent);
  // Records that a connection ended or an attempt failed. True: report the peer as lost. That is so for the last
  // connection of a known peer that was not dropped, and for its first failed attempt.
  [[nodiscard]] bool on_connection_ended(const AgentId& agent, bool was_connected);

 private:
  struct Entry {
    Endpoint endpoint;
    std::size_t connections = 0;
    bool lost = false;  // reported as lost
  };
  std::map<AgentId, Entry> peers_;
  std::set<AgentId> dropped_;
};

}  // namespace larder::peer
