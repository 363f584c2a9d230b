// Composes the facts for GET /v1/peers (agent/peer_facts.h). Pure.
#pragma once

#include <string>
#include <vector>

#include "agent/lan/lan_composition.h"
#include "agent/peer_facts.h"
#include "base/runtime/clock.h"
#include "peer/discovery/discovery_socket.h"
#include "peer/swarm/swarm.h"
#include "peer/trust/trust.h"

namespace larder::agent {

// The composition's own facts; `serving_trouble` is empty if nothing prevents serving.
[[nodiscard]] SharingFacts sharing_facts(const LanFacts& lan, const Config& config, std::string serving_trouble);
// Present peers, then absent ones that are shunned or doubted; `now` and `wall` are the same moment.
[[nodiscard]] std::vector<PeerFact> peer_facts(const peer::PeerTable& around, const peer::Trust& trust, SteadyTime now,
                                               WallTime wall);
void add_trust(const peer::Trust& trust, WallTime wall, SharingFacts& facts);
// Returns the agent that an admin named by id, by its beginning (at least 4 digits) or by name. A full id may be
// unknown.
[[nodiscard]] Result<peer::AgentId> find_agent(const std::vector<PeerFact>& peers, const std::string& agent);
// Adds the figures of discovery, and its trouble if there is no other.
void add_discovery(const peer::DiscoveryFigures& figures, SharingFacts& facts);
void add_swarm(const peer::SwarmFigures& figures, SharingFacts& facts);

}  // namespace larder::agent
