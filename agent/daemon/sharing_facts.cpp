#include "agent/daemon/sharing_facts.h"

#include <algorithm>
#include <utility>

namespace larder::agent {
namespace {

constexpr Duration kForGood = std::chrono::hours(24 * 3650);

std::string reason(const peer::Shunned& shunned) {
  switch (shunned.reason) {
    case peer::ShunReason::contradicted_here:
      return "it vouched for content that this agent's own download contradicts";
    case peer::ShunReason::contradicted_by_two:
      return "it vouched for content that two other agents' downloads contradict";
    case peer::ShunReason::sent_bad_blocks:
      return "it sent damaged blocks";
  }
  return "it is shunned";
}

void add_shunned(const peer::Shunned& shunned, WallTime wall, PeerFact& fact) {
  fact.shunned = reason(shunned);
  if (shunned.until - wall < kForGood) fact.shunned_until = shunned.until;
}

}  // namespace

std::vector<PeerFact> peer_facts(const peer::PeerTable& around, const std::vector<peer::Shunned>& shunned,
                                 SteadyTime now, WallTime wall) {
  std::vector<PeerFact> facts;
  for (const peer::KnownPeer* peer : around.all()) {
    PeerFact& fact = facts.emplace_back();
    fact.id = to_hex(peer->id);
    fact.name = peer->name;
    fact.address = peer->catalogue().text();
    fact.serving = peer->serving;
    fact.multicast = peer->multicast;
    fact.load = peer->load;
    fact.last_heard = std::max(Duration{}, Duration(now - peer->last_heard));
  }
  for (const peer::Shunned& one : shunned) {
    const std::string id = to_hex(one.agent);
    auto found = std::find_if(facts.begin(), facts.end(), [&](const PeerFact& fact) { return fact.id == id; });
    if (found == facts.end()) {
      facts.emplace_back().id = id;
      found = facts.end() - 1;
    }
    add_shunned(one, wall, *found);
  }
  return facts;
}

SharingFacts sharing_facts(const LanFacts& lan, const Config& config, std::string serving_trouble) {
  SharingFacts out;
  out.enabled = lan.enabled;
  out.in_group = lan.in_group;
  out.up = lan.up;
  out.trouble = lan.trouble;
  out.use = config.peer_use;
  out.serving = lan.up && serving_trouble.empty();
  out.serving_trouble = std::move(serving_trouble);
  out.multicast = config.peer_multicast;
  out.catalogue_port = lan.catalogue_port;
  out.swarm_port = lan.swarm_port;
  out.discovery_port = lan.discovery_port;
  out.offered = lan.offered;
  return out;
}

void add_discovery(const peer::DiscoveryFigures& figures, SharingFacts& facts) {
  facts.multicast_interfaces = figures.multicast_interfaces;
  facts.multicast_hellos = figures.multicast_hellos;
  facts.unicast_hellos = figures.unicast_hellos;
  facts.clock_rejections = figures.clock_rejections;
  if (facts.trouble.empty()) facts.trouble = figures.trouble;
}

void add_swarm(const peer::SwarmFigures& figures, SharingFacts& facts) {
  facts.given = figures.uploaded;
  facts.taken = figures.downloaded;
  facts.refused_fetches = figures.refused_fetches;
}

}  // namespace larder::agent
