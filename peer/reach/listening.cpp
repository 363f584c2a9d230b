#include "peer/reach/listening.h"

#include <dirent.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <optional>
#include <string_view>

namespace larder::peer {
namespace {

// Returns where a descriptor listens. It may have been closed or reused since its number was read, so the kernel is
// asked.
std::optional<Endpoint> listens_at(int fd) {
  int listens = 0, type = 0;
  socklen_t size = sizeof listens;
  if (::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0 || listens == 0) return std::nullopt;
  size = sizeof type;
  if (::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type != SOCK_STREAM) return std::nullopt;
  sockaddr_storage address{};
  size = sizeof address;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return std::nullopt;
  if (address.ss_family != AF_INET && address.ss_family != AF_INET6) return std::nullopt;
  return from_sockaddr(reinterpret_cast<const sockaddr&>(address));
}

bool is_unspecified(const Endpoint& endpoint) {
  const std::size_t from = endpoint.is_v4() ? 12 : 0;
  return std::all_of(endpoint.address.begin() + static_cast<std::ptrdiff_t>(from), endpoint.address.end(),
                     [](std::byte byte) { return byte == std::byte{0}; });
}

bool is_listened(const Endpoint& address, const std::vector<Endpoint>& listening, std::uint16_t port) {
  return std::any_of(listening.begin(), listening.end(), [&](const Endpoint& one) {
    if (one.port != port || one.is_v4() != address.is_v4()) return false;
    return is_unspecified(one) || one.address == address.address;
  });
}

bool counts(const Endpoint& address) {
  return address.with_port(1).is_one_machine() && !address.is_loopback() && !address.is_link_local();
}

std::vector<Endpoint> of_interface(const Interface& interface, const std::vector<Endpoint>& listening,
                                   std::uint16_t port) {
  std::vector<Endpoint> missing, six;
  bool four = false, any_six = false;
  for (const Endpoint& address : interface.addresses) {
    if (!counts(address)) continue;
    const bool listened = is_listened(address, listening, port);
    four = four || address.is_v4();
    any_six = any_six || (!address.is_v4() && listened);
    if (!listened) (address.is_v4() ? missing : six).push_back(address.with_port(port));
  }
  if (!four && !any_six && !six.empty()) missing.push_back(six.front());
  return missing;
}

std::vector<Endpoint> of_listed(const std::vector<Interface>& interfaces, const std::vector<std::string>& listen,
                                const std::vector<Endpoint>& listening, std::uint16_t port) {
  std::vector<Endpoint> missing;
  for (const std::string& text : listen) {
    const bool v6 = text.find(':') != std::string::npos;
    const auto wanted = parse_endpoint((v6 ? "[" + text + "]:" : text + ":") + std::to_string(port));
    if (!wanted || is_listened(*wanted, listening, port)) continue;
    const bool here =
        wanted->is_loopback() || std::any_of(interfaces.begin(), interfaces.end(), [&](const Interface& interface) {
          return interface.up && std::any_of(interface.addresses.begin(), interface.addresses.end(),
                                             [&](const Endpoint& own) { return own.address == wanted->address; });
        });
    if (here) missing.push_back(*wanted);
  }
  return missing;
}

bool names_all(const std::vector<std::string>& listen) {
  return listen.empty() || std::any_of(listen.begin(), listen.end(),
                                       [](const std::string& text) { return text == "0.0.0.0" || text == "::"; });
}

}  // namespace

std::vector<Endpoint> listening_sockets() {
  std::vector<Endpoint> out;
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir("/proc/self/fd"), &::closedir);
  if (!directory) return out;
  while (const dirent* entry = ::readdir(directory.get())) {
    const std::string_view name = entry->d_name;
    int fd = -1;
    if (std::from_chars(name.data(), name.data() + name.size(), fd).ec != std::errc()) continue;
    if (auto endpoint = listens_at(fd)) out.push_back(*endpoint);
  }
  return out;
}

std::vector<Endpoint> not_listened(const std::vector<Interface>& interfaces, const std::vector<std::string>& listen,
                                   const std::vector<Endpoint>& listening, std::uint16_t port) {
  if (!names_all(listen)) return of_listed(interfaces, listen, listening, port);
  std::vector<Endpoint> missing;
  for (const Interface& interface : interfaces) {
    if (!interface.up || interface.loopback) continue;
    for (const Endpoint& one : of_interface(interface, listening, port)) {
      if (std::find(missing.begin(), missing.end(), one) == missing.end()) missing.push_back(one);
    }
  }
  return missing;
}

}  // namespace larder::peer
