// Sharing in the API (docs/api.yaml, Peers): parsing of its JSON, the page of `larder peers`, and the summary for
// `larder doctor`. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace larder::agent {

struct PeersView {
  std::string id;  // empty: no group
  bool enabled = false, in_group = false, up = false, use = false, serving = false, multicast = false;
  std::string trouble, serving_trouble;
  std::uint64_t offered = 0, catalogue_port = 0, swarm_port = 0, discovery_port = 0;
  std::uint64_t multicast_interfaces = 0, multicast_hellos = 0, unicast_hellos = 0, clock_rejections = 0;
  std::uint64_t given = 0, taken = 0;  // bytes
  std::uint64_t condemned_versions = 0, inconstant_hosts = 0;
  std::string listening_trouble, unreached_trouble, copied, copied_command;
  std::uint64_t known_members = 0;
  std::optional<double> alone_for_s;
  struct Peer {
    std::string id, name, address, shunned, shunned_until, doubted, doubted_until;
    std::string unreachable, cannot_reach, second_place, version;
    bool serving = false, multicast = false;
    std::uint64_t load = 0;
    std::optional<double> last_heard_s;
  };
  std::vector<Peer> peers;
};

[[nodiscard]] Result<PeersView> parse_peers(std::string_view json);
[[nodiscard]] std::string peers_summary(const PeersView& peers);  // one line
// Text for people; names from others go through `printable`.
[[nodiscard]] std::string peers_page(const PeersView& peers);

struct PardonedView {
  std::string id;
  bool pardoned = false;  // something was held against it
};
[[nodiscard]] Result<PardonedView> parse_pardoned(std::string_view json);

}  // namespace larder::agent
