// "host:port" as people write it in the configuration. Pure; resolves nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace larder {

struct HostPort {
  std::string host;  // a name, or an address without brackets
  std::uint16_t port = 0;
  friend bool operator==(const HostPort&, const HostPort&) = default;
};

// "name:7475", "192.0.2.7:7475", "[2001:db8::7]:7475"; the port is 1 to 65535. Names are letters, digits, "-", "_" and
// dots (RFC 1123, with "_"), at most 253 characters. Absent if the text is none of these.
[[nodiscard]] std::optional<HostPort> parse_host_port(std::string_view text);
// Returns whether the text is a name by this rule; a trailing dot is allowed.
[[nodiscard]] bool is_host_name(std::string_view text);
// Returns whether the text is a numeric IPv4 or IPv6 address, without port, brackets and scope.
[[nodiscard]] bool is_numeric_address(const std::string& text);

}  // namespace larder
