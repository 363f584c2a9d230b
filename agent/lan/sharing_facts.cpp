#include "agent/lan/sharing_facts.h"

#include <algorithm>
#include <utility>

namespace larder::agent {
namespace {

constexpr std::size_t kLeastDigits = 4;

std::string reason(const peer::Shunned& shunned) {
  if (shunned.reason == peer::ShunReason::sent_bad_blocks) return "it sent damaged blocks";
  return "a share of the group contradicts it: " + shunned.detail;
}

std::string reason(const peer::Doubted& doubted) {
  const std::string of_what = doubted.https ? "" : ", of what comes by plain HTTP";
  switch (doubted.reason) {
    case peer::DoubtReason::contradicted_here:
      return "this agent's own download contradicts it" + of_what;
    case peer::DoubtReason::contradicts_too_much:
      return "it contradicts others too often" + of_what;
  }
  return "its word is in doubt";
}

PeerFact& fact_of(const peer::AgentId& agent, std::vector<PeerFact>& facts) {
  const std::string id = to_hex(agent);
  const auto found = std::find_if(facts.begin(), facts.end(), [&](const PeerFact& fact) { return fact.id == id; });
  if (found != facts.end()) return *found;
  facts.emplace_back().id = id;
  return facts.back();
}

}  // namespace

std::vector<PeerFact> peer_facts(const peer::PeerTable& around, const peer::Trust& trust, SteadyTime now,
                                 WallTime wall) {
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
    fact.version = peer->version;
    fact.protocol = peer->protocol;
  }
  for (const peer::Shunned& one : trust.all_shunned(wall)) {
    PeerFact& fact = fact_of(one.agent, facts);
    fact.shunned = reason(one);
    fact.shunned_until = one.spell.until;
  }
  for (const peer::Doubted& one : trust.all_doubted(wall)) {
    PeerFact& fact = fact_of(one.agent, facts);
    fact.doubted = reason(one);
    fact.doubted_until = one.spell.until;
  }
  return facts;
}

void add_trust(const peer::Trust& trust, WallTime wall, SharingFacts& facts) {
  facts.condemned_versions = trust.condemned_count();
  facts.inconstant_hosts = trust.inconstant_hosts(wall).size();
}

Result<peer::AgentId> find_agent(const std::vector<PeerFact>& peers, const std::string& agent) {
  if (const auto id = digest_from_hex(agent)) return *id;
  const std::string doing = "pardon agent " + agent;
  std::vector<std::string> found;
  for (const PeerFact& peer : peers) {
    const bool by_id = agent.size() >= kLeastDigits && peer.id.starts_with(agent);
    if (by_id || (!agent.empty() && peer.name == agent)) found.push_back(peer.id);
  }
  if (found.size() == 1) return *digest_from_hex(found.front());
  if (found.empty()) {
    return fail(ErrorCode::not_found, doing,
                "no agent that is known here has that id or name; \"larder peers\" lists them");
  }
  std::string all;
  for (const std::string& id : found) all += (all.empty() ? "" : ", ") + id.substr(0, 16);
  return fail(ErrorCode::invalid_argument, doing, "that is more than one agent; name one by its id: " + all);
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
  out.protocol = peer::kProtocol;
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
