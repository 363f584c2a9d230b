// What of a changed configuration concerns the LAN. Pure.
#pragma once

#include "agent/config/config.h"

namespace larder::agent {

// Otherwise: changes that the sockets do not survive.
[[nodiscard]] inline bool same_network(const Config& a, const Config& b) {
  return a.peer_enabled == b.peer_enabled && a.peer_port == b.peer_port && a.swarm_port == b.swarm_port &&
         a.peer_listen == b.peer_listen && a.peer_addresses == b.peer_addresses && a.peer_srv == b.peer_srv &&
         a.peer_multicast == b.peer_multicast && a.peer_encryption == b.peer_encryption &&
         a.peer_max_connections == b.peer_max_connections;
}

// Otherwise: what is offered has to be looked through anew.
[[nodiscard]] inline bool same_offers(const Config& a, const Config& b) {
  return a.peer_serve == b.peer_serve && a.peer_min_size == b.peer_min_size &&
         a.peer_never_share == b.peer_never_share &&
         a.url_policy.sharing.private_hosts == b.url_policy.sharing.private_hosts;
}

}  // namespace larder::agent
