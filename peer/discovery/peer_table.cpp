#include "peer/discovery/peer_table.h"

#include <utility>

namespace larder::peer {
namespace {

// Returns the latest place that was heard lately. A link-local place is taken only where there is no other: libtorrent
// silently does not dial those. A place that does not answer comes after the others: of a machine with several cards
// not every address leads to it.
Endpoint best_place(const std::vector<KnownPeer::Place>& places, SteadyTime now) {
  for (const bool unreached : {false, true}) {
    const auto better = std::find_if(places.rbegin(), places.rend(), [&](const KnownPeer::Place& place) {
      return !place.at.is_link_local() && now - place.heard < PeerTable::kSilence && place.unreached == unreached;
    });
    if (better != places.rend()) return better->at;
  }
  return places.back().at;
}

}  // namespace

bool PeerTable::is_news(const AgentId& id, std::uint64_t start_epoch, const Hello& hello, const Endpoint& from) const {
  const KnownPeer* peer = find_peer(id);
  return peer == nullptr || peer->start_epoch != start_epoch || !peer->speaks_from(from) ||
         peer->catalogue_port != hello.catalogue_port || peer->swarm_port != hello.swarm_port ||
         peer->serving != hello.serving || peer->group_version != hello.group_version || peer->name != hello.name ||
         peer->certificate != hello.certificate;
}

void PeerTable::on_checked(const AgentId& id, SteadyTime now) {
  if (const auto found = peers_.find(id); found != peers_.end()) found->second.checked_at = now;
}

void PeerTable::doubt(const AgentId& id) {
  if (const auto found = peers_.find(id); found != peers_.end()) found->second.prompt = false;
}

void PeerTable::doubt_all() {
  for (auto& [id, peer] : peers_) peer.prompt = false;
}

PeerTable::Change PeerTable::on_hello(const AgentId& id, std::uint64_t start_epoch, const Hello& hello,
                                      const Endpoint& from, bool multicast, SteadyTime now) {
  auto found = peers_.find(id);
  const bool is_new = found == peers_.end();
  const bool changed = is_news(id, start_epoch, hello, from);
  if (is_new && peers_.size() >= kMaxPeers) return Change::none;
  if (is_new) found = peers_.emplace(id, KnownPeer{}).first;
  KnownPeer& peer = found->second;
  const bool restarted = !is_new && peer.start_epoch != start_epoch;
  if (is_new) peer.first_heard = now;
  peer.id = id;
  peer.name = hello.name;
  if (restarted) peer.places.clear();
  bool unreached = false;
  std::erase_if(peer.places, [&](const KnownPeer::Place& place) {
    unreached = unreached || (place.at == from && place.unreached);
    return place.at == from;
  });
  peer.places.push_back({from, now, unreached});
  if (peer.places.size() > kMaxPlaces) peer.places.erase(peer.places.begin());
  const Endpoint before = std::exchange(peer.from, best_place(peer.places, now));
  peer.catalogue_port = hello.catalogue_port;
  peer.swarm_port = hello.swarm_port;
  peer.serving = hello.serving;
  peer.multicast = peer.multicast || multicast;
  if (multicast && from.is_v4()) peer.in_v4_group = now;
  peer.group_version = hello.group_version;
  peer.last_heard = now;
  peer.start_epoch = start_epoch;
  peer.protocol = hello.protocol;
  peer.version = hello.version;
  peer.certificate = hello.certificate;
  peer.prompt = true;
  if (is_new) return Change::appeared;
  if (restarted) return Change::restarted;
  return changed || peer.from != before ? Change::changed : Change::none;
}

bool PeerTable::on_datagram(const AgentId& id, SteadyTime now) {
  const auto found = peers_.find(id);
  if (found == peers_.end()) return false;
  found->second.last_heard = now;
  found->second.prompt = true;
  return true;
}

void PeerTable::set_load(const AgentId& id, std::uint8_t load) {
  if (const auto found = peers_.find(id); found != peers_.end()) found->second.load = load;
}

bool PeerTable::mark_place(const AgentId& id, const Endpoint& place, bool answers, SteadyTime now) {
  const auto found = peers_.find(id);
  if (found == peers_.end()) return false;
  KnownPeer& peer = found->second;
  for (KnownPeer::Place& one : peer.places) {
    if (one.at.address == place.address) one.unreached = !answers;
  }
  const Endpoint before = std::exchange(peer.from, best_place(peer.places, now));
  return peer.from != before;
}

bool PeerTable::remove(const AgentId& id) {
  return peers_.erase(id) != 0;
}

PeerTable::Families PeerTable::families(SteadyTime now) const {
  Families needed{false, false};
  for (const auto& [id, peer] : peers_) {
    if (!peer.multicast) continue;
    const bool by_v4 = peer.in_v4_group != SteadyTime{} && now - peer.in_v4_group < kSilence;
    needed.v4 = needed.v4 || by_v4;
    needed.v6 = needed.v6 || !by_v4;
  }
  return needed.v4 || needed.v6 ? needed : Families{};
}

std::vector<AgentId> PeerTable::expire(SteadyTime now) {
  std::vector<AgentId> gone;
  for (auto peer = peers_.begin(); peer != peers_.end();) {
    if (now - peer->second.last_heard < kSilence) {
      ++peer;
      continue;
    }
    gone.push_back(peer->first);
    peer = peers_.erase(peer);
  }
  return gone;
}

const KnownPeer* PeerTable::find_peer(const AgentId& id) const {
  const auto found = peers_.find(id);
  return found == peers_.end() ? nullptr : &found->second;
}

std::vector<const KnownPeer*> PeerTable::all() const {
  std::vector<const KnownPeer*> peers;
  peers.reserve(peers_.size());
  for (const auto& [id, peer] : peers_) peers.push_back(&peer);
  return peers;
}

}  // namespace larder::peer
