// The agents of the group that are around, with their addresses and the time they were last heard. Pure; loop thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/runtime/clock.h"
#include "peer/common/endpoint.h"
#include "peer/group/keys.h"
#include "peer/messages/datagram.h"

namespace larder::peer {

struct KnownPeer {
  AgentId id{};
  std::string name;
  Endpoint from;  // best address of the agent (discovery port): see best_place()
  std::uint16_t catalogue_port = 0;
  std::uint16_t swarm_port = 0;
  bool serving = true;
  bool multicast = false;    // heard by multicast: an ASK by multicast reaches it
  SteadyTime in_v4_group{};  // last heard by IPv4 multicast; zero: never
  std::uint8_t load = 0;
  std::uint32_t group_version = 0;
  SteadyTime first_heard{};
  SteadyTime last_heard{};
  std::uint64_t start_epoch = 0;
  std::uint8_t protocol = 0;  // as the HELLO states, not signed; 0: not stated
  std::string version{};
  std::vector<std::byte> certificate;  // DER, from its HELLO
  SteadyTime checked_at{};             // last check of a HELLO's signature
  struct Place {
    Endpoint at;
    SteadyTime heard{};
    bool unreached = false;  // its TCP ports did not answer at this address
  };
  std::vector<Place> places{};  // sources of its HELLOs, the latest last; other datagrams count only from these
  bool prompt = true;           // worth waiting for: it answered the last query, or was heard since
  [[nodiscard]] Endpoint catalogue() const { return from.with_port(catalogue_port); }
  [[nodiscard]] Endpoint swarm() const { return from.with_port(swarm_port); }
  [[nodiscard]] bool speaks_from(const Endpoint& place) const {
    return std::any_of(places.begin(), places.end(), [&place](const Place& known) { return known.at == place; });
  }
};

class PeerTable {
 public:
  static constexpr std::size_t kMaxPlaces = 4;                    // of one agent
  static constexpr std::size_t kMaxPeers = 4096;                  // with more, new ones are ignored until others expire
  static constexpr Duration kSilence = std::chrono::seconds(35);  // three announcements missed: gone

  enum class Change { none, appeared, restarted, changed };
  Change on_hello(const AgentId& id, std::uint64_t start_epoch, const Hello& hello, const Endpoint& from,
                  bool multicast, SteadyTime now);
  // Returns whether a HELLO says something new: a new peer, a restart, a new place or other facts.
  [[nodiscard]] bool is_news(const AgentId& id, std::uint64_t start_epoch, const Hello& hello,
                             const Endpoint& from) const;
  void on_checked(const AgentId& id, SteadyTime now);
  void doubt(const AgentId& id);  // not prompt until it is heard again
  void doubt_all();
  // Refreshes a known peer, for any other datagram of it. False: the peer is not known.
  bool on_datagram(const AgentId& id, SteadyTime now);
  void set_load(const AgentId& id, std::uint8_t load);
  // Records whether the agent's TCP ports answer at one of its places. Where they do not, `from` becomes another place
  // if there is one. True: `from` has changed.
  bool mark_place(const AgentId& id, const Endpoint& place, bool answers, SteadyTime now);
  bool remove(const AgentId& id);  // false: it was not in the table
  // The multicast groups that together reach all peers with multicast: IPv4's alone where that is enough. Both while no
  // peer is known.
  struct Families {
    bool v4 = true;
    bool v6 = true;
  };
  [[nodiscard]] Families families(SteadyTime now) const;
  // Removes and returns the peers that were silent for kSilence.
  std::vector<AgentId> expire(SteadyTime now);

  [[nodiscard]] const KnownPeer* find_peer(const AgentId& id) const;
  [[nodiscard]] std::vector<const KnownPeer*> all() const;  // ascending by id; valid until the next change
  [[nodiscard]] std::size_t size() const { return peers_.size(); }

 private:
  std::map<AgentId, KnownPeer> peers_;
};

}  // namespace larder::peer
