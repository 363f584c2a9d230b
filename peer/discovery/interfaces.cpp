#include "peer/discovery/interfaces.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <map>
#include <memory>

#include "peer/discovery/udp_socket.h"

namespace larder::peer {
namespace {

bool has_family(const Interface& interface, bool v4) {
  return std::any_of(interface.addresses.begin(), interface.addresses.end(),
                     [v4](const Endpoint& address) { return address.is_v4() == v4; });
}

bool holds(const Interface& interface, const Endpoint& listen) {
  // All of 127.0.0.0/8 is local, though the interface has one address of it only.
  if (interface.loopback && listen.is_loopback()) return true;
  return std::any_of(interface.addresses.begin(), interface.addresses.end(),
                     [&](const Endpoint& address) { return address.address == listen.address; });
}

// Returns the prefix length of a mask, of 128 bits.
unsigned prefix_of(const sockaddr& mask, bool v4) {
  const auto* bytes = v4 ? reinterpret_cast<const unsigned char*>(&reinterpret_cast<const sockaddr_in&>(mask).sin_addr)
                         : reinterpret_cast<const sockaddr_in6&>(mask).sin6_addr.s6_addr;
  unsigned bits = v4 ? 96 : 0;
  for (std::size_t i = 0; i < (v4 ? 4U : 16U); ++i) bits += static_cast<unsigned>(std::popcount(bytes[i]));
  return bits;
}

int common_bits(const Endpoint& a, const Endpoint& b) {
  int bits = 0;
  for (std::size_t i = 0; i < a.address.size(); ++i) {
    const auto differing = static_cast<unsigned char>(a.address[i] ^ b.address[i]);
    if (differing != 0) return bits + std::countl_zero(differing);
    bits += 8;
  }
  return bits;
}

}  // namespace

Result<std::vector<Interface>> list_interfaces() {
  ifaddrs* first = nullptr;
  if (getifaddrs(&first) != 0) {
    return fail(ErrorCode::network_unreachable, "list the network interfaces", std::strerror(errno));
  }
  const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> list(first, &freeifaddrs);
  std::map<std::string, Interface> found;
  for (const ifaddrs* each = first; each != nullptr; each = each->ifa_next) {
    Interface& interface = found[each->ifa_name];
    interface.name = each->ifa_name;
    interface.up = (each->ifa_flags & IFF_UP) != 0 && (each->ifa_flags & IFF_RUNNING) != 0;
    interface.loopback = (each->ifa_flags & IFF_LOOPBACK) != 0;
    interface.multicast = (each->ifa_flags & IFF_MULTICAST) != 0;
    if (each->ifa_addr == nullptr) continue;
    const auto address = from_sockaddr(*each->ifa_addr);
    if (!address) continue;
    interface.addresses.push_back(*address);
    interface.prefixes.push_back(each->ifa_netmask != nullptr ? prefix_of(*each->ifa_netmask, address->is_v4()) : 128);
  }
  std::vector<Interface> all;
  for (auto& [name, interface] : found) {
    interface.index = if_nametoindex(name.c_str());
    if (interface.index != 0) all.push_back(std::move(interface));
  }
  std::sort(all.begin(), all.end(), [](const Interface& a, const Interface& b) { return a.index < b.index; });
  return all;
}

bool on_link(const std::vector<Interface>& all, const Endpoint& address) {
  return std::any_of(all.begin(), all.end(), [&](const Interface& interface) {
    for (std::size_t i = 0; i < std::min(interface.addresses.size(), interface.prefixes.size()); ++i) {
      const Endpoint& own = interface.addresses[i];
      if (own.is_v4() == address.is_v4() && common_bits(own, address) >= static_cast<int>(interface.prefixes[i])) {
        return true;
      }
    }
    return false;
  });
}

bool is_own_address(const std::vector<Interface>& all, const std::vector<std::string>& listen,
                    const Endpoint& address) {
  if (address.is_loopback()) {
    return !listens_on_loopback(listen) || std::find(listen.begin(), listen.end(), address.host()) != listen.end();
  }
  return std::any_of(all.begin(), all.end(), [&](const Interface& interface) {
    return std::any_of(interface.addresses.begin(), interface.addresses.end(),
                       [&](const Endpoint& own) { return own.address == address.address; });
  });
}

std::vector<unsigned> multicast_interfaces(const std::vector<Interface>& all, const std::vector<Endpoint>& listen,
                                           bool v4) {
  std::vector<unsigned> chosen;
  for (const Interface& interface : all) {
    const bool able = interface.multicast || interface.loopback;  // lo lacks the flag, but is capable
    if (!interface.up || !able || !has_family(interface, v4) || chosen.size() >= kMaxMulticastInterfaces) continue;
    const bool listed = std::any_of(listen.begin(), listen.end(), [&](const Endpoint& address) {
      return address.is_v4() == v4 && holds(interface, address);
    });
    if (listen.empty() ? !interface.loopback : listed) chosen.push_back(interface.index);
  }
  return chosen;
}

int nearest(const std::vector<Endpoint>& own, const Endpoint& to) {
  int best = -1, best_bits = -1;
  for (std::size_t i = 0; i < own.size(); ++i) {
    if (own[i].is_v4() != to.is_v4()) continue;
    const int bits = common_bits(own[i], to);
    if (bits <= best_bits) continue;
    best = static_cast<int>(i);
    best_bits = bits;
  }
  return best;
}

}  // namespace larder::peer
