// The lines of `larder doctor` on sharing. Pure.
#include <fmt/format.h>

#include <algorithm>

#include "agent/cli/command/doctor.h"
#include "base/text/units.h"

namespace larder::agent {
namespace {

DoctorLine network_line(const PeersView& peers) {
  const bool in_use =
      peers.trouble.find("has the port") != std::string::npos || peers.trouble.find("in use") != std::string::npos;
  return {"sharing", Grade::bad, peers.trouble.empty() ? "the ports are not open" : peers.trouble,
          in_use ? "another program has the port (ss -tulpn shows which): end it, or choose another peer.port or "
                   "peer.swarm_port; it is tried again every 10 s"
                 : "mend the cause; it is tried again every 10 s"};
}

DoctorLine around_line(const PeersView& peers) {
  const auto around = static_cast<std::size_t>(std::count_if(
      peers.peers.begin(), peers.peers.end(), [](const auto& peer) { return peer.last_heard_s.has_value(); }));
  if (around == 0 && peers.alone_for_s) {
    return {"peers", Grade::warn,
            fmt::format("nobody of the group has been heard for {}, and before there were others",
                        format_duration(std::chrono::seconds(static_cast<std::int64_t>(*peers.alone_for_s)))),
            fmt::format("are the others on, and is this machine's network as it was? Firewalls have to let UDP {} in",
                        peers.discovery_port)};
  }
  if (around == 0) {
    const std::string known =
        peers.known_members > 0 ? fmt::format(", of {} members met before", peers.known_members) : "";
    return {"peers", Grade::warn, "nobody of the group is around" + known,
            fmt::format(
                "are the others on, and in this group? Firewalls have to let UDP {} and TCP {} and {} in; agents in "
                "other subnets need peer.addresses or peer.srv",
                peers.discovery_port, peers.catalogue_port, peers.swarm_port)};
  }
  return {"peers", Grade::ok, fmt::format("{} around", around), ""};
}

// That multicast is not received shows only where unicast gets through.
DoctorLine multicast_line(const PeersView& peers) {
  if (!peers.multicast) return {"multicast", Grade::ok, "not used: peer.multicast is false", ""};
  if (peers.multicast_interfaces == 0)
    return {"multicast", Grade::warn, "there is no network interface for it",
            "is the network up? peer.listen may name addresses that this machine does not have"};
  if (peers.multicast_hellos == 0 && peers.unicast_hellos > 0)
    return {"multicast", Grade::warn, "agents are heard by unicast, none by multicast",
            "where they are in this subnet, a switch or access point filters multicast (IGMP snooping, client "
            "isolation): allow 239.255.76.82 and ff02::4c52, or list agents in peer.addresses"};
  return {"multicast", Grade::ok, fmt::format("on {} interfaces", peers.multicast_interfaces), ""};
}

DoctorLine serving_line(const PeersView& peers) {
  if (!peers.serving)
    return {"serving", Grade::warn, "peers get nothing from here: " + peers.serving_trouble,
            "nothing, if that is meant so; else change the key named"};
  // An offer is useless if others cannot fetch it.
  if (!peers.listening_trouble.empty() || !peers.unreached_trouble.empty())
    return {"serving", Grade::warn,
            fmt::format("{} contents are offered, but not everybody can fetch them", peers.offered),
            "mend what the line before says"};
  if (peers.offered == 0)
    return {"serving", Grade::warn, "there is nothing that peers could have from here",
            "contents are offered once they are complete and found valid; not those of private requests, without "
            "validators, below peer.min_size or matched by peer.never_share: larder cache list"};
  return {"serving", Grade::ok, fmt::format("{} contents are offered", peers.offered), ""};
}

void add_reach(const PeersView& peers, std::vector<DoctorLine>& lines) {
  if (!peers.copied.empty())
    lines.push_back({"identity", Grade::bad, peers.copied,
                     "on the copy run `" + peers.copied_command +
                         "`, with a new invitation of `larder group invite`; until then the two do not share"});
  if (!peers.listening_trouble.empty())
    lines.push_back({"listening", Grade::warn, peers.listening_trouble,
                     fmt::format("does another program have the port there (ss -tlnp 'sport = :{}')? It is tried again "
                                 "by itself; restarting the agent does no harm",
                                 peers.swarm_port)});
  if (!peers.unreached_trouble.empty())
    lines.push_back({"reached", Grade::warn, peers.unreached_trouble,
                     fmt::format("let TCP {} and {} in through this machine's firewall and what is between",
                                 peers.catalogue_port, peers.swarm_port)});
  constexpr std::size_t kMaxLines = 8;
  std::size_t more = 0, told = 0;
  for (const PeersView::Peer& peer : peers.peers) {
    const std::string name = peer.name.empty() ? peer.id.substr(0, 8) : peer.name;
    if (peer.unreachable.empty() && peer.second_place.empty()) continue;
    if (told++ >= kMaxLines) {
      ++more;
      continue;
    }
    if (!peer.second_place.empty())
      lines.push_back(
          {"peer " + peer.id.substr(0, 8), Grade::warn,
           fmt::format("{} is two machines with one identity, the other at {}", name, peer.second_place),
           "its disk or state directory was copied; on the copy: larder group leave, then larder group join "
           "with a new invitation"});
    if (!peer.unreachable.empty())
      lines.push_back(
          {"peer " + peer.id.substr(0, 8), Grade::warn, name + ": " + peer.unreachable,
           "let the port in through the firewall of that machine; what it has comes from others or the origin "
           "meanwhile"});
  }
  if (more > 0) lines.push_back({"peers", Grade::warn, fmt::format("{} more are not reached", more), "larder peers"});
}

void add_shunned(const PeersView& peers, std::vector<DoctorLine>& lines) {
  for (const PeersView::Peer& peer : peers.peers) {
    const bool shunned = !peer.shunned.empty();
    if (!shunned && peer.doubted.empty()) continue;
    lines.push_back({"peer " + peer.id.substr(0, 8), Grade::warn,
                     (peer.name.empty() ? "it" : peer.name) +
                         (shunned ? " is shunned: " + peer.shunned : "'s word alone does not count: " + peer.doubted),
                     "it ends by itself; `larder peers pardon` ends it at once, where that machine's memory, disk and "
                     "what runs on it are sound; `larder group revoke` shuts it out"});
  }
}

}  // namespace

void diagnose_peers(const PeersView& peers, std::vector<DoctorLine>& lines) {
  if (!peers.enabled) {
    lines.push_back({"peers", Grade::ok, "sharing is off: peer.enabled is false", ""});
    return;
  }
  if (!peers.in_group) {
    lines.push_back({"group", Grade::warn, "in no group: this agent works alone",
                     "`larder group create NAME` on one machine, `larder group invite` there, `larder group join` on "
                     "the others"});
    return;
  }
  if (!peers.up) {
    lines.push_back(network_line(peers));
    return;
  }
  lines.push_back(around_line(peers));
  if (!peers.trouble.empty()) lines.push_back({"network", Grade::warn, peers.trouble, "see the agent's log"});
  lines.push_back(multicast_line(peers));
  add_reach(peers, lines);
  lines.push_back(serving_line(peers));
  if (peers.clock_rejections > 0)
    lines.push_back({"time", Grade::warn,
                     "agents are not believed: their certificates are not in their time by this clock",
                     "compare the clocks of this machine and the others; expired certificates are renewed while the "
                     "group's authority is around"});
  if (!peers.use)
    lines.push_back({"use", Grade::warn, "nothing is taken from peers: peer.use is false", "set it to true"});
  add_shunned(peers, lines);
}

}  // namespace larder::agent
