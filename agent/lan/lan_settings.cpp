#include "agent/lan/lan_settings.h"

#include "agent/lan/own_addresses.h"
#include "base/version.h"
#include "peer/discovery/interfaces.h"
#include "peer/reach/listening.h"
#include "peer/reach/tcp_probe.h"

namespace larder::agent {

peer::DiscoveryIdentity discovery_identity(const peer::Membership& membership, std::uint64_t start_epoch) {
  const peer::Identity& identity = *membership.identity();
  return {identity.key,
          start_epoch,
          identity.group.authority_pem,
          identity.group.certificate_pem,
          identity.group.tag(),
          identity.group.key,
          identity.old_keys};
}

peer::SwarmCredentials swarm_credentials(const peer::Membership& membership) {
  const peer::LinkCredentials credentials = membership.credentials();
  return {credentials.authority_pem, credentials.certificate_pem, credentials.private_key_pem};
}

std::vector<SeenMember> seen_members(const peer::PeerTable& around) {
  std::vector<SeenMember> out;
  for (const peer::KnownPeer* peer : around.all()) out.push_back({peer->id, peer->name, peer->catalogue()});
  return out;
}

peer::DiscoverySelf discovery_self(const peer::Membership& membership, const peer::CatalogueLink& link,
                                   const peer::Swarm& swarm) {
  const peer::Identity& identity = *membership.identity();
  peer::DiscoverySelf me;
  me.id = identity.id();
  me.catalogue_port = link.port();
  me.swarm_port = swarm.port();
  me.group_version = identity.group.state.version;
  me.name = machine_name();
  me.version = kVersion;
  return me;
}

std::unique_ptr<ReachWatch> make_reach_watch(const LanParts& parts, const peer::Membership& membership,
                                             const Config& config, peer::DiscoverySocket& discovery,
                                             peer::CatalogueLink& link, peer::Swarm& swarm, std::function<bool()> use,
                                             std::function<void()> renew_run) {
  const peer::Identity& identity = *membership.identity();
  auto probe = std::make_shared<peer::TcpProbe>(parts.loop);
  const auto not_listened = [listen = config.peer_listen, port = swarm.port()] {
    const auto interfaces = peer::list_interfaces();
    if (!interfaces) return std::vector<peer::Endpoint>();  // looked at again
    return peer::not_listened(*interfaces, listen, peer::listening_sockets(), port);
  };
  return std::make_unique<ReachWatch>(
      ReachParts{discovery, link, parts.disk, parts.runtime, identity.id(), identity.is_authority(), std::move(use),
                 not_listened, [&swarm] { swarm.listen_anew(); },
                 [probe](const peer::Endpoint& to, peer::TcpProbe::Done done) { probe->connect(to, std::move(done)); },
                 std::move(renew_run)});
}

}  // namespace larder::agent
