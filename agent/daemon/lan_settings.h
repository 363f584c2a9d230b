// What the configuration says to the parts that have sockets on the LAN. Pure.
#pragma once

#include "agent/config/config.h"
#include "peer/catalogue_link.h"
#include "peer/discovery_socket.h"
#include "peer/swarm.h"

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

}  // namespace larder::agent
