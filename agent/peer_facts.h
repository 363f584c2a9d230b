// Sharing as the API tells it: who is around, what this agent's own part is, and what stands in the way. Implemented in
// agent/lan; tests choose another. Loop thread only.
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
  std::optional<Duration> last_heard;     // ago; none: not around
  std::string shunned;                    // why; empty: it is not
  std::optional<WallTime> shunned_until;  // none: not shunned
  std::string doubted;                    // why its word alone does not count; empty: it does
  std::optional<WallTime> doubted_until;
  std::string unreachable;   // which of its ports does not answer, and why; empty: both do, as far as was tried
  std::string cannot_reach;  // which ports of this agent do not answer it, as it says; empty: it does not say so
  std::string second_place;  // address of a second machine that runs with its identity; empty: there is none
  std::string version;       // of its program, as it says; empty: it does not
  unsigned protocol = 0;     // that it speaks, as it says; 0: it does not
};

struct SharingFacts {
  std::string id;        // of this agent, hex; empty without a group
  bool enabled = false;  // peer.enabled
  bool in_group = false;
  bool up = false;      // ports are open
  std::string trouble;  // why it is not up although it should be, or what fails now
  std::uint16_t catalogue_port = 0, swarm_port = 0, discovery_port = 0;
  bool use = false;  // peer.use
  bool serving = false;
  std::string serving_trouble;  // why not
  std::size_t offered = 0;      // contents that others may have
  bool multicast = false;       // peer.multicast
  std::size_t multicast_interfaces = 0;
  std::uint64_t multicast_hellos = 0, unicast_hellos = 0;  // heard since it is up
  std::uint64_t clock_rejections = 0;  // agents whose certificate is not in its time by this machine's clock
  std::uint64_t given = 0;             // bytes that others took from this agent by the swarm, since it is up
  std::uint64_t taken = 0;             // and it from others
  std::uint64_t refused_fetches = 0;   // of windows from others, since too many were under way
  std::size_t condemned_versions = 0;  // not shared: agents were given different bytes under one name
  // Of which nothing is shared for a while. Their names are in the log alone: they tell what others fetch.
  std::size_t inconstant_hosts = 0;
  std::string listening_trouble;  // where the swarm does not listen although it should; empty: nowhere
  std::size_t not_listened = 0;   // addresses of that kind
  std::string unreached_trouble;  // which ports of this agent do not answer others, as they say
  std::size_t unreached_by = 0;   // agents that say so
  std::size_t unreached_catalogues = 0, unreached_swarms = 0;  // of agents around: ports that do not answer
  std::string copied;                 // another machine that runs with this agent's identity; empty: none is known
  std::string copied_command;         // what ends that, on the copy
  std::size_t known_members = 0;      // of the group, met at some time, without this agent
  std::optional<Duration> alone_for;  // nobody is around for so long, although somebody was since it is up
  unsigned protocol = 0;              // that this agent speaks
  std::vector<PeerFact> peers;        // those around, then the shunned and doubted who are not
};

struct PardonAnswer {
  std::string id;         // hex
  bool pardoned = false;  // something held against it
};

class PeerFactsSource {
 public:
  virtual ~PeerFactsSource() = default;
  [[nodiscard]] virtual SharingFacts sharing_facts() const = 0;
  // `agent`: its id, the beginning of it (at least 4 digits), or the machine's name, where that is one agent only. What
  // was said against it until now counts no more here.
  virtual Result<PardonAnswer> pardon(const std::string& agent) = 0;
};

}  // namespace larder::agent
