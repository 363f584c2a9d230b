// Sharing as the API reports it: the peers, this agent's own part, and what is in the way. Implemented in agent/lan;
// tests use another implementation. Loop thread only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/runtime/clock.h"

namespace larder::agent {

struct PeerFact {
  std::string id;       // hex
  std::string name;     // of the machine; may be empty
  std::string address;  // of its catalogue, "host:port"; empty: shunned and not around
  bool serving = false;
  bool multicast = false;                 // heard by multicast
  unsigned load = 0;                      // transfers that it serves
  std::optional<Duration> last_heard;     // age of the last sign; none: not around
  std::string shunned;                    // the reason; empty: not shunned
  std::optional<WallTime> shunned_until;  // none: not shunned
  std::string doubted;                    // the reason why its word alone does not count; empty: not doubted
  std::optional<WallTime> doubted_until;
  // Ports of the peer that do not answer, with the reason; empty: both answer, as far as tried.
  std::string unreachable;
  std::string cannot_reach;  // ports of this agent that do not answer the peer, as it reports; empty: no report
  std::string second_place;  // address of a second machine with its identity; empty: none
  std::string version;       // of its program, as it reports; empty: unknown
  unsigned protocol = 0;     // protocol it speaks, as it reports; 0: unknown
};

struct SharingFacts {
  std::string id;        // of this agent, hex; empty without a group
  bool enabled = false;  // peer.enabled
  bool in_group = false;
  bool up = false;      // its ports are open
  std::string trouble;  // why it is not up, or what fails now
  std::uint16_t catalogue_port = 0, swarm_port = 0, discovery_port = 0;
  bool use = false;  // peer.use
  bool serving = false;
  std::string serving_trouble;  // why it does not serve
  std::size_t offered = 0;      // contents offered to others
  bool multicast = false;       // peer.multicast
  std::size_t multicast_interfaces = 0;
  std::uint64_t multicast_hellos = 0, unicast_hellos = 0;  // received since it is up
  std::uint64_t clock_rejections = 0;  // agents whose certificate is not valid at this machine's time
  std::uint64_t given = 0;             // bytes that others took from this agent by the swarm, since it is up
  std::uint64_t taken = 0;             // bytes that this agent took from others
  std::uint64_t refused_fetches = 0;   // fetches from others refused because too many were under way
  std::size_t condemned_versions = 0;  // not shared: agents received different bytes under one name
  // Hosts of which nothing is shared for a while. Only the log has their names, since these show what others fetch.
  std::size_t inconstant_hosts = 0;
  std::string listening_trouble;  // addresses where the swarm should listen and does not; empty: none
  std::size_t not_listened = 0;   // number of these addresses
  std::string unreached_trouble;  // ports of this agent that do not answer others, as these report
  std::size_t unreached_by = 0;   // number of agents that report it
  std::size_t unreached_catalogues = 0, unreached_swarms = 0;  // ports of present agents that do not answer
  std::string copied;                 // another machine with this agent's identity; empty: none known
  std::string copied_command;         // command to run on the copy to end that
  std::size_t known_members = 0;      // members of the group met at some time, without this agent
  std::optional<Duration> alone_for;  // time without any peer, if there was one since it is up
  unsigned protocol = 0;              // protocol that this agent speaks
  std::vector<PeerFact> peers;        // present peers, then absent ones that are shunned or doubted
};

struct PardonAnswer {
  std::string id;         // hex
  bool pardoned = false;  // true: something was held against it
};

class PeerFactsSource {
 public:
  virtual ~PeerFactsSource() = default;
  [[nodiscard]] virtual SharingFacts sharing_facts() const = 0;
  // Drops what was held against an agent until now. `agent`: its id, a beginning of it (at least 4 digits), or the name
  // of its machine; it must denote one agent only.
  virtual Result<PardonAnswer> pardon(const std::string& agent) = 0;
};

}  // namespace larder::agent
