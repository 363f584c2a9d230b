// Puts together what GET /v1/peers tells (agent/peer_facts.h). Pure.
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

// What the composition itself knows; `serving_trouble` is empty where nothing keeps it from serving.
[[nodiscard]] SharingFacts sharing_facts(const LanFacts& lan, const Config& config, std::string serving_trouble);
// The peers around and those shunned or doubted that are not; `now` and `wall` are the same moment.
[[nodiscard]] std::vector<PeerFact> peer_facts(const peer::PeerTable& around, const peer::Trust& trust, SteadyTime now,
                                               WallTime wall);
void add_trust(const peer::Trust& trust, WallTime wall, SharingFacts& facts);
// Whom an admin means: by id, by the beginning of it (at least 4 digits) or by name; a whole id needs not be known.
[[nodiscard]] Result<peer::AgentId> find_agent(const std::vector<PeerFact>& peers, const std::string& agent);
// Takes over what discovery counts, and what is wrong with it.
void add_discovery(const peer::DiscoveryFigures& figures, SharingFacts& facts);
void add_swarm(const peer::SwarmFigures& figures, SharingFacts& facts);

}  // namespace larder::agent
