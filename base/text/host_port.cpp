#include "base/text/host_port.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

namespace larder {
namespace {

bool is_label(std::string_view label) {
  const auto is_good = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  };
  return !label.empty() && label.size() <= 63 && label.front() != '-' && label.back() != '-' &&
         std::all_of(label.begin(), label.end(), is_good);
}

bool is_address_of(int family, const std::string& text) {
  in6_addr buffer{};
  return inet_pton(family, text.c_str(), &buffer) == 1;
}

// "1.2.3" and "300.1.1.1" are misspelt addresses, not names (no top-level domain is a number).
bool ends_in_number(std::string_view name) {
  const std::string_view last = name.substr(name.rfind('.') + 1);
  return std::all_of(last.begin(), last.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

bool is_host_name(std::string_view text) {
  if (!text.empty() && text.back() == '.') text.remove_suffix(1);
  if (text.empty() || text.size() > 253 || ends_in_number(text)) return false;
  while (true) {
    const auto dot = text.find('.');
    if (!is_label(text.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    text.remove_prefix(dot + 1);
  }
}

bool is_numeric_address(const std::string& text) {
  return text.find('\0') == std::string::npos && (is_address_of(AF_INET, text) || is_address_of(AF_INET6, text));
}

std::optional<HostPort> parse_host_port(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const std::string_view digits = text.substr(colon + 1);
  HostPort parsed;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), parsed.port);
  if (error != std::errc() || end != digits.data() + digits.size() || parsed.port == 0) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const bool in_brackets = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (in_brackets) host = host.substr(1, host.size() - 2);
  parsed.host = std::string(host);
  if (parsed.host.find('\0') != std::string::npos) return std::nullopt;
  const bool good =
      in_brackets ? is_address_of(AF_INET6, parsed.host) : is_address_of(AF_INET, parsed.host) || is_host_name(host);
  return good ? std::optional(std::move(parsed)) : std::nullopt;
}

}  // namespace larder
