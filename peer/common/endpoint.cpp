#include "peer/common/endpoint.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace larder::peer {
namespace {

constexpr std::array<std::byte, 12> kMappedPrefix = {std::byte{0}, std::byte{0}, std::byte{0},    std::byte{0},
                                                     std::byte{0}, std::byte{0}, std::byte{0},    std::byte{0},
                                                     std::byte{0}, std::byte{0}, std::byte{0xff}, std::byte{0xff}};

template <class T>
std::optional<T> parse_number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool parse_v4(const std::string& host, Endpoint& out) {
  in_addr address{};
  if (inet_pton(AF_INET, host.c_str(), &address) != 1) return false;
  std::copy(kMappedPrefix.begin(), kMappedPrefix.end(), out.address.begin());
  const auto* bytes = reinterpret_cast<const std::byte*>(&address);
  std::copy(bytes, bytes + 4, out.address.begin() + 12);
  return true;
}

bool parse_v6(std::string host, Endpoint& out) {
  if (const auto percent = host.find('%'); percent != std::string::npos) {
    const auto scope = parse_number<std::uint32_t>(std::string_view(host).substr(percent + 1));
    if (!scope) return false;
    out.scope = *scope;
    host.resize(percent);
  }
  return inet_pton(AF_INET6, host.c_str(), out.address.data()) == 1;
}

}  // namespace

bool Endpoint::is_v4() const {
  return std::equal(kMappedPrefix.begin(), kMappedPrefix.end(), address.begin());
}

bool Endpoint::is_link_local() const {
  return address[0] == std::byte{0xfe} && (address[1] & std::byte{0xc0}) == std::byte{0x80};
}

bool Endpoint::is_loopback() const {
  if (is_v4()) return address[12] == std::byte{127};
  return address[15] == std::byte{1} &&
         std::all_of(address.begin(), address.end() - 1, [](std::byte byte) { return byte == std::byte{0}; });
}

bool Endpoint::is_one_machine() const {
  if (port == 0) return false;
  if (is_v4()) return address[12] != std::byte{0} && std::to_integer<unsigned>(address[12]) < 224;
  if (address[0] == std::byte{0xff}) return false;
  // :: and IPv4 in the obsolete form ::a.b.c.d do not count; ::1 does.
  const bool compatible =
      std::all_of(address.begin(), address.begin() + 12, [](std::byte byte) { return byte == std::byte{0}; });
  return !compatible || is_loopback();
}

Endpoint Endpoint::with_port(std::uint16_t other) const {
  Endpoint copy = *this;
  copy.port = other;
  return copy;
}

std::string Endpoint::host() const {
  char text[INET6_ADDRSTRLEN] = "";
  if (is_v4()) return inet_ntop(AF_INET, address.data() + 12, text, sizeof text);
  std::string host = inet_ntop(AF_INET6, address.data(), text, sizeof text);
  if (scope != 0) host += "%" + std::to_string(scope);
  return host;
}

std::string Endpoint::text() const {
  return (is_v4() ? host() : "[" + host() + "]") + ":" + std::to_string(port);
}

bool listens_on_loopback(const std::vector<std::string>& listen) {
  return std::any_of(listen.begin(), listen.end(), [](const std::string& text) {
    const bool v6 = text.find(':') != std::string::npos;
    const auto at = parse_endpoint((v6 ? "[" + text + "]" : text) + ":0");
    return at && at->is_loopback();
  });
}

std::optional<Endpoint> parse_endpoint(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos || text.size() > 80) return std::nullopt;
  const auto port = parse_number<std::uint16_t>(text.substr(colon + 1));
  if (!port) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  Endpoint endpoint;
  endpoint.port = *port;
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    return parse_v6(std::string(host.substr(1, host.size() - 2)), endpoint) ? std::optional(endpoint) : std::nullopt;
  }
  return parse_v4(std::string(host), endpoint) ? std::optional(endpoint) : std::nullopt;
}

std::optional<Endpoint> from_sockaddr(const sockaddr& address) {
  Endpoint endpoint;
  if (address.sa_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &address, sizeof v4);
    endpoint.address[10] = endpoint.address[11] = std::byte{0xff};
    std::memcpy(endpoint.address.data() + 12, &v4.sin_addr, 4);
    endpoint.port = ntohs(v4.sin_port);
    return endpoint;
  }
  if (address.sa_family != AF_INET6) return std::nullopt;
  sockaddr_in6 v6{};
  std::memcpy(&v6, &address, sizeof v6);
  std::memcpy(endpoint.address.data(), &v6.sin6_addr, 16);
  endpoint.port = ntohs(v6.sin6_port);
  if (IN6_IS_ADDR_LINKLOCAL(&v6.sin6_addr)) endpoint.scope = v6.sin6_scope_id;
  return endpoint;
}

}  // namespace larder::peer
