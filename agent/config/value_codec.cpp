#include "agent/config/value_codec.h"

#include <algorithm>

#include "agent/config/proxy_url.h"

namespace larder::agent {
namespace {

std::optional<std::string> check_host_pattern(const std::string& text) {
  std::string_view host = text;
  if (host.substr(0, 2) == "*.") host.remove_prefix(2);
  const bool good = !host.empty() && host.size() <= 253 && std::all_of(host.begin(), host.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == ':';
  });
  return good ? std::nullopt
              : std::optional<std::string>("must be host names in lower case, or \"*.suffix\" for all names under one");
}

}  // namespace

TextCodec proxy() {
  return {"URL", "–", "http, https, socks4, socks4a, socks5 or socks5h URL; \"none\"; or \"\"", check_proxy,
          shown_proxy};
}
ListCodec host_patterns() {
  return {"list of hosts", "–", "at most 1024; \"name\" or \"*.suffix\"", 0, 1024, check_host_pattern};
}

}  // namespace larder::agent
