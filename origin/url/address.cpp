#include "origin/url/address.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <array>
#include <vector>

#include "base/text/text.h"

namespace larder::origin {
namespace {

// One part of an IPv4 address: decimal, octal with a leading 0, hexadecimal with 0x.
std::optional<std::uint64_t> parse_part(std::string_view part) {
  if (part.empty()) return std::nullopt;
  unsigned base = 10;
  if (part.size() >= 2 && part[0] == '0' && (part[1] == 'x' || part[1] == 'X')) {
    base = 16;
    part.remove_prefix(2);
  } else if (part.size() >= 2 && part[0] == '0') {
    base = 8;
    part.remove_prefix(1);
  }
  std::uint64_t value = 0;
  for (const char c : part) {
    const int digit = hex_value(c);
    if (digit < 0 || static_cast<unsigned>(digit) >= base) return std::nullopt;
    value = value * base + static_cast<unsigned>(digit);
    if (value > 0xffffffffU) return std::nullopt;
  }
  return value;  // "0x" alone is 0, as browsers have it
}

std::vector<std::string_view> split_labels(std::string_view host) {
  std::vector<std::string_view> labels;
  while (true) {
    const std::size_t dot = host.find('.');
    labels.push_back(host.substr(0, dot));
    if (dot == std::string_view::npos) return labels;
    host.remove_prefix(dot + 1);
  }
}

std::string_view without_trailing_dot(std::string_view host) {
  if (host.size() > 1 && host.back() == '.') host.remove_suffix(1);
  return host;
}

constexpr std::uint32_t ipv4(std::uint32_t a, std::uint32_t b, std::uint32_t c, std::uint32_t d) {
  return a << 24 | b << 16 | c << 8 | d;
}

// Metadata services at addresses that are not link-local: Alibaba Cloud, Azure, Oracle Cloud. They give the machine's
// credentials to any process on it.
bool is_metadata(std::uint32_t a) {
  return a == ipv4(100, 100, 100, 200) || a == ipv4(168, 63, 129, 16) || a == ipv4(192, 0, 0, 192);
}

AddressScope scope_of_ipv4(std::uint32_t a) {
  const std::uint32_t top = a >> 24;
  if (is_metadata(a)) return AddressScope::link_local;
  if (top == 127 || top == 0) return AddressScope::loopback;
  if (top == 10) return AddressScope::private_network;
  if ((a >> 20) == 0xac1) return AddressScope::private_network;   // 172.16.0.0/12
  if ((a >> 16) == 0xc0a8) return AddressScope::private_network;  // 192.168.0.0/16
  if ((a >> 16) == 0xa9fe) return AddressScope::link_local;       // 169.254.0.0/16
  if ((a >> 22) == 0x191) return AddressScope::private_network;   // 100.64.0.0/10
  if (top >= 224) return AddressScope::no_host;                   // multicast, reserved, broadcast
  return AddressScope::global;
}

using Ipv6 = std::array<unsigned char, 16>;

std::optional<Ipv6> parse_ipv6(std::string_view text) {
  if (text.find(':') == std::string_view::npos || text.size() > 45) return std::nullopt;
  Ipv6 bytes{};
  if (inet_pton(AF_INET6, std::string(text).c_str(), bytes.data()) != 1) return std::nullopt;
  return bytes;
}

std::uint32_t word_at(const Ipv6& b, std::size_t at) {
  return static_cast<std::uint32_t>(b[at]) << 24 | static_cast<std::uint32_t>(b[at + 1]) << 16 |
         static_cast<std::uint32_t>(b[at + 2]) << 8 | static_cast<std::uint32_t>(b[at + 3]);
}

// Metadata services over IPv6: AWS, Google Cloud, Scaleway.
bool is_metadata(const Ipv6& b) {
  for (const char* text : {"fd00:ec2::254", "fd20:ce::254", "fd00:42::42"}) {
    if (b == parse_ipv6(text)) return true;
  }
  return false;
}

AddressScope scope_of_ipv6(const Ipv6& b) {
  const std::uint32_t w0 = word_at(b, 0), w1 = word_at(b, 4), w2 = word_at(b, 8), w3 = word_at(b, 12);
  if (w0 == 0 && w1 == 0) {
    if (w2 == 0 && w3 <= 1) return AddressScope::loopback;  // :: and ::1
    if (w2 == 0 || w2 == 0xffff) return scope_of_ipv4(w3);  // compatible, mapped
    if (w2 == 0xffff0000) return scope_of_ipv4(w3);         // translated (RFC 2765)
  }
  if (w0 == 0x64ff9b && w1 == 0 && w2 == 0) return scope_of_ipv4(w3);  // NAT64
  if (w0 == 0x64ff9b && (w1 >> 16) == 1) return AddressScope::private_network;
  if ((w0 >> 16) == 0x2002) return scope_of_ipv4(w0 << 16 | w1 >> 16);  // 6to4
  if (is_metadata(b)) return AddressScope::link_local;
  if ((b[0] & 0xfe) == 0xfc) return AddressScope::private_network;                  // unique local
  if (b[0] == 0xfe && (b[1] & 0xc0) == 0x80) return AddressScope::link_local;       // fe80::/10
  if (b[0] == 0xfe && (b[1] & 0xc0) == 0xc0) return AddressScope::private_network;  // fec0::/10, site-local
  if (b[0] == 0xff) return AddressScope::no_host;                                   // multicast
  return AddressScope::global;
}

}  // namespace

std::optional<std::uint32_t> parse_ipv4(std::string_view text) {
  const std::vector<std::string_view> parts = split_labels(without_trailing_dot(text));
  if (parts.size() > 4) return std::nullopt;
  std::uint64_t address = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const std::optional<std::uint64_t> value = parse_part(parts[i]);
    if (!value) return std::nullopt;
    if (i + 1 < parts.size()) {
      if (*value > 255) return std::nullopt;
      address |= *value << (8 * (3 - i));
    } else {
      if (*value >> (8 * (5 - parts.size())) != 0) return std::nullopt;  // the last part fills the rest
      address |= *value;
    }
  }
  return static_cast<std::uint32_t>(address);
}

bool ends_in_number(std::string_view host) {
  host = without_trailing_dot(host);
  const std::string_view last = host.substr(host.rfind('.') + 1);  // npos + 1 is 0: the only label
  if (last.empty()) return false;
  if (parse_part(last)) return true;
  for (const char c : last) {
    if (!is_digit(c)) return false;
  }
  return true;  // digits only, but too large or not octal
}

std::string format_ipv4(std::uint32_t address) {
  return fmt::format("{}.{}.{}.{}", address >> 24, (address >> 16) & 0xff, (address >> 8) & 0xff, address & 0xff);
}

std::string normalise_ipv6(std::string_view text) {
  const std::optional<Ipv6> bytes = parse_ipv6(text);
  if (!bytes) return {};
  std::array<char, INET6_ADDRSTRLEN> out{};
  if (inet_ntop(AF_INET6, bytes->data(), out.data(), out.size()) == nullptr) return {};
  return out.data();
}

std::optional<AddressScope> address_scope(std::string_view text) {
  const std::size_t zone = text.find('%');
  if (const auto v6 = parse_ipv6(text.substr(0, zone))) return scope_of_ipv6(*v6);
  if (!text.empty() && ends_in_number(text)) {
    if (const auto v4 = parse_ipv4(text)) return scope_of_ipv4(*v4);
  }
  return std::nullopt;
}

AddressScope host_scope(std::string_view host) {
  if (const auto scope = address_scope(host)) return *scope;
  const std::string_view name = without_trailing_dot(host);
  if (name == "localhost" || name.ends_with(".localhost")) return AddressScope::loopback;
  return AddressScope::global;
}

bool is_local_address(std::string_view text) {
  const auto scope = address_scope(text);
  return scope == AddressScope::loopback || scope == AddressScope::link_local;
}

bool is_local_host(std::string_view host) {
  return host_scope(host) == AddressScope::loopback || is_local_address(host);
}

}  // namespace larder::origin
