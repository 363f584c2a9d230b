// Which agents of the group are around, where, and how fresh that is. Pure; loop thread.
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
  Endpoint from;  // where it is reached (discovery port): see best_place()
  std::uint16_t catalogue_port = 0;
  std::uint16_t swarm_port = 0;
  bool serving = true;
  bool multicast = false;    // heard by multicast: an ASK by multicast reaches it
  SteadyTime in_v4_group{};  // heard there last; zero: never
  std::uint8_t load = 0;
  std::uint32_t group_version = 0;
  SteadyTime first_heard{};
  SteadyTime last_heard{};
  std::uint64_t start_epoch = 0;
  std::uint8_t protocol = 0;  // as it says, not signed; 0: it does not
  std::string version{};
  std::vector<std::byte> certificate;  // DER, as its HELLO carries it
  SteadyTime checked_at{};             // its HELLO's signature, last
  struct Place {
    Endpoint at;
    SteadyTime heard{};
    bool unreached = false;  // its TCP ports did not answer there
  };
  std::vector<Place> places{};  // where HELLOs of it came from, the latest last; what else comes from there counts
  bool prompt = true;           // it answered when it was asked last, or spoke since: worth waiting for
  [[nodiscard]] Endpoint catalogue() const { return from.with_port(catalogue_port); }
  [[nodiscard]] Endpoint swarm() const { return from.with_port(swarm_port); }
  [[nodiscard]] bool speaks_from(const Endpoint& place) const {
    return std::any_of(places.begin(), places.end(), [&place](const Place& known) { return known.at == place; });
  }
};

class PeerTable {
 public:
  static constexpr std::size_t kMaxPlaces = 4;    // of one agent
  static constexpr std::size_t kMaxPeers = 4096;  // beyond it new ones are ignored until others fall silent
  static constexpr Duration kSilence = std::chrono::seconds(35);  // three announcements missed: gone

  enum class Change { none, appeared, restarted, changed };
  Change heard_hello(const AgentId& id, std::uint64_t start_epoch, const Hello& hello, const Endpoint& from,
                     bool multicast, SteadyTime now);
  // Whether that HELLO says anything that is not known: a new peer, a restart, other facts.
  [[nodiscard]] bool is_news(const AgentId& id, std::uint64_t start_epoch, const Hello& hello,
                             const Endpoint& from) const;
  void checked(const AgentId& id, SteadyTime now);
  void doubt(const AgentId& id);  // not prompt until it is heard again
  void doubt_all();
  // Any other datagram of a known peer refreshes it. False when it is not known yet.
  bool heard(const AgentId& id, SteadyTime now);
  void set_load(const AgentId& id, std::uint8_t load);
  // Whether its TCP ports answer at one of its places: where they do not, another place is where it is reached, as long
  // as there is one. True when it is reached elsewhere now.
  bool mark_place(const AgentId& id, const Endpoint& place, bool answers, SteadyTime now);
  bool remove(const AgentId& id);  // BYE, revoked or shunned; whether it was there
  // To which multicast groups something has to go so that all who hear multicast hear it: IPv4's alone where it
  // reaches everybody. Both while nobody is known.
  struct Families {
    bool v4 = true;
    bool v6 = true;
  };
  [[nodiscard]] Families families(SteadyTime now) const;
  // Those silent for kSilence.
  std::vector<AgentId> expire(SteadyTime now);

  [[nodiscard]] const KnownPeer* find(const AgentId& id) const;
  [[nodiscard]] std::vector<const KnownPeer*> all() const;  // ascending by id; valid until the next change
  [[nodiscard]] std::size_t size() const { return peers_.size(); }

 private:
  std::map<AgentId, KnownPeer> peers_;
};

}  // namespace larder::peer
