// A numeric IP address and port. Plain value; pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

struct sockaddr;

namespace larder::peer {

struct Endpoint {
  std::array<std::byte, 16> address{};  // IPv4 as ::ffff:a.b.c.d
  std::uint16_t port = 0;
  std::uint32_t scope = 0;  // interface of a link-local IPv6 address

  [[nodiscard]] bool is_v4() const;
  [[nodiscard]] bool is_link_local() const;  // IPv6, fe80::/10
  [[nodiscard]] bool is_loopback() const;    // 127.0.0.0/8, ::1
  // Returns whether one machine can have this address: it is neither unspecified nor multicast, broadcast or reserved,
  // and the port is not 0.
  [[nodiscard]] bool is_one_machine() const;
  [[nodiscard]] Endpoint with_port(std::uint16_t other) const;
  [[nodiscard]] std::string host() const;  // "192.0.2.7", "2001:db8::7", "fe80::1%3"
  [[nodiscard]] std::string text() const;  // "192.0.2.7:7475", "[2001:db8::7]:7475"
  friend bool operator==(const Endpoint&, const Endpoint&) = default;
  friend bool operator<(const Endpoint& a, const Endpoint& b) {
    return std::tie(a.address, a.port, a.scope) < std::tie(b.address, b.port, b.scope);
  }
};

// Returns whether one of these numeric addresses (peer.listen) is a loopback one: only then may agents be at loopback
// addresses. For tests on one machine.
[[nodiscard]] bool listens_on_loopback(const std::vector<std::string>& listen);

// Parses numeric texts only: "a.b.c.d:port" and "[v6%scope]:port".
[[nodiscard]] std::optional<Endpoint> parse_endpoint(std::string_view text);

// Returns the endpoint of an AF_INET or AF_INET6 address, whose memory has the whole size of that family.
[[nodiscard]] std::optional<Endpoint> from_sockaddr(const sockaddr& address);

}  // namespace larder::peer
