#include "peer/swarm/peer_book.h"

#include <algorithm>

namespace larder::peer {

bool PeerBook::add_peer(const SwarmPeer& peer) {
  if (was_dropped(peer.agent)) return false;
  const auto found = peers_.find(peer.agent);
  if (found == peers_.end()) {
    if (peers_.size() >= kMaxPeers) {
      // A lost or dropped peer makes room; peers that work stay.
      const auto gone = std::find_if(peers_.begin(), peers_.end(), [this](const auto& entry) {
        return entry.second.connections == 0 && (entry.second.lost || was_dropped(entry.first));
      });
      if (gone == peers_.end()) return false;
      peers_.erase(gone);
    }
    peers_.emplace(peer.agent, Entry{peer.swarm});
    return true;
  }
  found->second.endpoint = peer.swarm;
  found->second.lost = false;
  return found->second.connections == 0;
}

std::optional<AgentId> PeerBook::at(const Endpoint& endpoint) const {
  for (const auto& [agent, entry] : peers_) {
    if (entry.endpoint == endpoint) return agent;
  }
  return std::nullopt;
}

void PeerBook::on_connected(const AgentId& agent) {
  const auto found = peers_.find(agent);
  if (found == peers_.end()) return;
  ++found->second.connections;
  found->second.lost = false;
}

bool PeerBook::on_connection_ended(const AgentId& agent, bool was_connected) {
  const auto found = peers_.find(agent);
  if (found == peers_.end()) return false;
  Entry& entry = found->second;
  if (was_connected && entry.connections > 0) --entry.connections;
  if (entry.connections > 0 || entry.lost || was_dropped(agent)) return false;
  entry.lost = true;
  return true;
}

}  // namespace larder::peer
