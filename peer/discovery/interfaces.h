// The network interfaces of this machine, and which of them discovery speaks on. The choice is pure; looking reads the
// kernel's list (getifaddrs(3)). Any thread.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "peer/common/endpoint.h"

namespace larder::peer {

struct Interface {
  unsigned index = 0;
  std::string name;
  bool up = false;
  bool loopback = false;
  bool multicast = false;
  std::vector<Endpoint> addresses;   // ports 0
  std::vector<unsigned> prefixes{};  // of them, bits of the 128 (IPv4: 96 and more); one for each address
};

inline constexpr std::size_t kMaxMulticastInterfaces = 16;  // the kernel's own default bound of memberships is 20

[[nodiscard]] Result<std::vector<Interface>> list_interfaces();
// Whether it is of the same network as one of the addresses: a router would not have to be asked.
[[nodiscard]] bool on_link(const std::vector<Interface>& all, const Endpoint& address);
// Whether a datagram from there was sent by this machine: an address of one of its interfaces; of loopback any address,
// or where `listen` (peer.listen) names some of loopback those alone, since other agents are on the rest.
[[nodiscard]] bool is_own_address(const std::vector<Interface>& all, const std::vector<std::string>& listen,
                                  const Endpoint& address);
// Where to join and send multicast of one family: up, able to, with an address of the family. Of `listen` (empty: all)
// only those that have one of its addresses; loopback only where one of them is a loopback address.
[[nodiscard]] std::vector<unsigned> multicast_interfaces(const std::vector<Interface>& all,
                                                         const std::vector<Endpoint>& listen, bool v4);
// Of several own addresses the one nearest to `to`: of its family, then with the longest common prefix. The index in
// `own`, or -1 without one of the family.
[[nodiscard]] int nearest(const std::vector<Endpoint>& own, const Endpoint& to);

}  // namespace larder::peer
