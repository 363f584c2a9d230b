// Numeric addresses and their scope, as far as a policy tells scopes apart. Pure, no name resolution.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace larder::origin {

enum class AddressScope {
  global,
  private_network,  // RFC 1918, shared (100.64.0.0/10), unique local, site-local: an office's own
  loopback,         // this machine
  link_local,       // 169.254.0.0/16, fe80::/10, and the metadata services that give a cloud machine its credentials
  no_host,          // multicast, broadcast, reserved: no host answers there
};

// An IPv4 address in any form that resolvers take (inet_aton): "127.0.0.1", "127.1", "0x7f000001", "2130706433",
// "0177.0.0.1". Host byte order.
[[nodiscard]] std::optional<std::uint32_t> parse_ipv4(std::string_view text);
// True when the last label is a number, so that the host can only be meant as an IPv4 address.
[[nodiscard]] bool ends_in_number(std::string_view host);
[[nodiscard]] std::string format_ipv4(std::uint32_t address);
// IPv6 without brackets and zone in its shortest form (RFC 5952); empty when it is none.
[[nodiscard]] std::string normalise_ipv6(std::string_view text);

// Absent: not a numeric address. IPv4 inside IPv6 (mapped, compatible, translated, NAT64, 6to4) counts as the IPv4
// address; 0.0.0.0/8 and :: count as loopback, since connecting to them reaches this host.
[[nodiscard]] std::optional<AddressScope> address_scope(std::string_view text);
// The scope of a URL's host: its address, or loopback for "localhost" and its subdomains (RFC 6761 §6.3); other names
// are global until they are resolved.
[[nodiscard]] AddressScope host_scope(std::string_view host);

// Returns whether the scope is loopback or link_local, IPv4 inside IPv6 too: on another machine the same address is
// another host. False for text that is not a numeric address.
[[nodiscard]] bool is_local_address(std::string_view text);
// The same for a URL's host, names of this machine itself ("localhost") included.
[[nodiscard]] bool is_local_host(std::string_view host);

}  // namespace larder::origin
