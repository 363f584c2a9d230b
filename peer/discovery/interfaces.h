// The network interfaces of this machine, and the choice of those that discovery uses. The choice is pure;
// list_interfaces() reads the kernel's list (getifaddrs(3)). Any thread.
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
  std::vector<unsigned> prefixes{};  // prefix length of each address, of 128 bits (IPv4: 96 and more)
};

inline constexpr std::size_t kMaxMulticastInterfaces = 16;  // the kernel's default limit of memberships is 20

[[nodiscard]] Result<std::vector<Interface>> list_interfaces();
// Returns whether the address is in the network of one of the interfaces' addresses, so that no router is in between.
[[nodiscard]] bool on_link(const std::vector<Interface>& all, const Endpoint& address);
// Returns whether a datagram from this address was sent by this machine: the address of one of its interfaces, or any
// loopback address. Where `listen` (peer.listen) names loopback addresses, those alone: other agents are on the rest.
[[nodiscard]] bool is_own_address(const std::vector<Interface>& all, const std::vector<std::string>& listen,
                                  const Endpoint& address);
// Returns the indices of the interfaces for multicast of one family: up, capable, with an address of the family. With
// `listen` only those that have one of its addresses; loopback only where it names a loopback address.
[[nodiscard]] std::vector<unsigned> multicast_interfaces(const std::vector<Interface>& all,
                                                         const std::vector<Endpoint>& listen, bool v4);
// Returns the index in `own` of the address nearest to `to`: of its family, with the longest common prefix. -1: none is
// of the family.
[[nodiscard]] int nearest(const std::vector<Endpoint>& own, const Endpoint& to);

}  // namespace larder::peer
