#include "agent/config/proxy_url.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "origin/url/host_name.h"
#include "origin/url/url.h"

namespace larder::agent {
namespace {

constexpr std::array<std::string_view, 6> kSchemes = {"http", "https", "socks4", "socks4a", "socks5", "socks5h"};

}  // namespace

std::optional<std::string> check_proxy(const std::string& proxy) {
  if (proxy.empty() || proxy == "none") return std::nullopt;
  const auto colon = proxy.find("://");
  if (colon == std::string::npos) return "must be a URL such as \"http://proxy.example:3128\", or \"none\"";
  if (std::find(kSchemes.begin(), kSchemes.end(), std::string_view(proxy).substr(0, colon)) == kSchemes.end())
    return "must be of the scheme http, https, socks4, socks4a, socks5 or socks5h";
  // Behind its scheme, a proxy's URL has the same form as any other.
  const auto url = origin::parse_url("http" + proxy.substr(colon));
  if (!url) return "must be a URL with a host: " + url.error().detail;
  // libcurl takes the text unchanged, and would read it in the character set of the process.
  if (!origin::is_ascii(proxy.substr(proxy.find('@') == std::string::npos ? 0 : proxy.rfind('@'))))
    return "must have a host name in ASCII: \"" + url->host + "\"";
  const auto end = proxy.find_first_of("/?#", colon + 3);
  if (end != std::string::npos && proxy.substr(end) != "/") return "must end after the port: a proxy has no path";
  return std::nullopt;
}

std::string shown_proxy(const std::string& proxy) {
  const auto colon = proxy.find("://");
  if (colon == std::string::npos) return proxy;
  const auto at = proxy.rfind('@');
  if (at == std::string::npos || at < colon) return proxy;
  const auto user_end = proxy.find(':', colon + 3);
  if (user_end == std::string::npos || user_end > at) return proxy;
  return proxy.substr(0, user_end) + ":***" + proxy.substr(at);
}

}  // namespace larder::agent
