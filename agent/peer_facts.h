// Sharing as the API tells it: who is around, what this agent's own part is, and what stands in the way. Implemented in
// agent/daemon; tests choose another. Loop thread only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

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
  std::vector<PeerFact> peers;  // those around, then the shunned and doubted who are not
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
