// Puts together what GET /v1/peers tells (agent/peer_facts.h). Pure.
#pragma once

#include <string>
#include <vector>

#include "agent/daemon/lan_composition.h"
#include "agent/peer_facts.h"
#include "base/clock.h"
#include "peer/discovery_socket.h"
#include "peer/swarm.h"
#include "peer/trust.h"

namespace larder::agent {

// What the composition itself knows; `serving_trouble` is empty where nothing keeps it from serving.
[[nodiscard]] SharingFacts sharing_facts(const LanFacts& lan, const Config& config, std::string serving_trouble);
// The peers around and the shunned that are not; `now` and `wall` are the same moment.
[[nodiscard]] std::vector<PeerFact> peer_facts(const peer::PeerTable& around, const std::vector<peer::Shunned>& shunned,
                                               SteadyTime now, WallTime wall);
// Takes over what discovery counts, and what is wrong with it.
void add_discovery(const peer::DiscoveryFigures& figures, SharingFacts& facts);
void add_swarm(const peer::SwarmFigures& figures, SharingFacts& facts);

}  // namespace larder::agent
