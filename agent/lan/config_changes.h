// Parts of the configuration that concern the LAN, and what a change of them requires. Pure.
#pragma once

#include "agent/config/config.h"
#include "cache/record/version.h"
#include "origin/url/url.h"
#include "peer/offer/share_policy.h"

namespace larder::agent {

// False: the change needs new sockets.
[[nodiscard]] inline bool same_network(const Config& a, const Config& b) {
  return a.peer_enabled == b.peer_enabled && a.peer_port == b.peer_port && a.swarm_port == b.swarm_port &&
         a.peer_listen == b.peer_listen && a.peer_addresses == b.peer_addresses && a.peer_srv == b.peer_srv &&
         a.peer_multicast == b.peer_multicast && a.peer_encryption == b.peer_encryption &&
         a.peer_max_connections == b.peer_max_connections;
}

// Returns true if the version may be offered. A host may be listed as private after its contents were kept as
// shareable.
[[nodiscard]] inline bool may_offer(const Config& config, const cache::Version& version) {
  const auto& private_hosts = config.url_policy.sharing.private_hosts;
  if (!private_hosts.empty()) {
    const auto url = origin::parse_url(version.url);
    if (!url || origin::matching_host(private_hosts, url->host) != nullptr) return false;
  }
  return config.peer_serve &&
         peer::SharePolicy(config.peer_never_share, config.peer_min_size).may_offer(version.url, version.size);
}

// False: all offers must be examined again.
[[nodiscard]] inline bool same_offers(const Config& a, const Config& b) {
  return a.peer_serve == b.peer_serve && a.peer_min_size == b.peer_min_size &&
         a.peer_never_share == b.peer_never_share &&
         a.url_policy.sharing.private_hosts == b.url_policy.sharing.private_hosts;
}

}  // namespace larder::agent
