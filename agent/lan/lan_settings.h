// Settings of the parts with sockets on the LAN, from the configuration and the membership. Pure.
#pragma once

#include "agent/config/config.h"
#include "agent/lan/lan_composition.h"
#include "agent/lan/membership_group.h"
#include "agent/lan/reach_watch.h"
#include "peer/catalogue/catalogue_link.h"
#include "peer/discovery/discovery_socket.h"
#include "peer/membership/membership.h"
#include "peer/swarm/swarm.h"

namespace larder::agent {

inline peer::LinkSettings link_settings(const Config& config) {
  peer::LinkSettings settings;
  settings.listen = config.peer_listen;
  settings.port = config.peer_port;
  return settings;
}

inline peer::SwarmSettings swarm_settings(const Config& config) {
  peer::SwarmSettings settings;
  settings.listen = config.peer_listen;
  settings.port = config.swarm_port;
  settings.encryption = config.peer_encryption;
  settings.upload_rate = config.peer_upload_rate;
  settings.max_connections = config.peer_max_connections;
  return settings;
}

inline peer::DiscoverySettings discovery_settings(const Config& config) {
  peer::DiscoverySettings settings;
  settings.listen = config.peer_listen;
  settings.port = config.peer_port;
  settings.multicast = config.peer_multicast;
  settings.addresses = config.peer_addresses;
  settings.srv = config.peer_srv;
  return settings;
}

// Requires membership in a group.
[[nodiscard]] peer::DiscoveryIdentity discovery_identity(const peer::Membership& membership, std::uint64_t start_epoch);
[[nodiscard]] peer::SwarmCredentials swarm_credentials(const peer::Membership& membership);
[[nodiscard]] std::vector<SeenMember> seen_members(const peer::PeerTable& around);
// The part that stays the same for the run; the caller sets serving and load.
[[nodiscard]] peer::DiscoverySelf discovery_self(const peer::Membership& membership, const peer::CatalogueLink& link,
                                                 const peer::Swarm& swarm);
// The three must outlive the watch. `use`: whether bytes are taken from peers; `renew_run`: see ReachParts.
[[nodiscard]] std::unique_ptr<ReachWatch> make_reach_watch(const LanParts& parts, const peer::Membership& membership,
                                                           const Config& config, peer::DiscoverySocket& discovery,
                                                           peer::CatalogueLink& link, peer::Swarm& swarm,
                                                           std::function<bool()> use, std::function<void()> renew_run);

}  // namespace larder::agent
