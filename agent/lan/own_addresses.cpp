#include "agent/lan/own_addresses.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>

#include "peer/common/endpoint.h"

namespace larder::agent {
namespace {

constexpr std::size_t kMost = 8;

std::string with_port(const std::string& address, std::uint16_t port) {
  const bool v6 = address.find(':') != std::string::npos;
  return (v6 ? "[" + address + "]" : address) + ":" + std::to_string(port);
}

// Returns an empty text for an address that no other machine can use.
std::string usable(const ifaddrs& interface) {
  if (interface.ifa_addr == nullptr || (interface.ifa_flags & IFF_UP) == 0 || (interface.ifa_flags & IFF_LOOPBACK) != 0)
    return {};
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (interface.ifa_addr->sa_family == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(interface.ifa_addr);
    return ::inet_ntop(AF_INET, &v4->sin_addr, text.data(), text.size()) != nullptr ? text.data() : "";
  }
  if (interface.ifa_addr->sa_family != AF_INET6) return {};
  const auto* v6 = reinterpret_cast<const sockaddr_in6*>(interface.ifa_addr);
  if (IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr)) return {};
  return ::inet_ntop(AF_INET6, &v6->sin6_addr, text.data(), text.size()) != nullptr ? text.data() : "";
}

}  // namespace

std::vector<std::string> own_addresses(const std::vector<std::string>& listen, std::uint16_t port) {
  std::vector<std::string> out;
  for (const std::string& address : listen) {
    if (address != "0.0.0.0" && address != "::") out.push_back(with_port(address, port));
  }
  ifaddrs* all = nullptr;
  if (out.empty() && ::getifaddrs(&all) == 0) {
    const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owned(all, &::freeifaddrs);
    for (const ifaddrs* one = all; one != nullptr; one = one->ifa_next) {
      if (const std::string address = usable(*one); !address.empty()) out.push_back(with_port(address, port));
    }
    std::stable_partition(out.begin(), out.end(), [](const std::string& text) { return text.front() != '['; });
  }
  out.resize(std::min(out.size(), kMost));
  return out;
}

std::string machine_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "unnamed";
  const std::string whole(name.data());
  const std::string host = whole.substr(0, whole.find('.'));
  return host.empty() ? "unnamed" : host;
}

}  // namespace larder::agent
