// Which proxy a URL is fetched through. Decided here and not in libcurl, since the address check must know whether the
// connection goes to the origin or to a proxy. Pure: the environment is an argument.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "origin/url/url.h"

namespace larder::origin {

using Environment = std::function<std::optional<std::string>(const char* name)>;

// Returns the proxy's URL, or empty for none. `configured`: "none", a URL, or empty for the environment: http_proxy
// (lower case only, since a CGI turns a request's Proxy field into HTTP_PROXY), https_proxy, all_proxy, no_proxy, the
// latter three in either case.
[[nodiscard]] std::string choose_proxy(const std::string& configured, const Url& url, const Environment& environment);
// Returns the host of a proxy's URL, in lower case and without brackets; the URL may have no scheme.
[[nodiscard]] std::string proxy_host(std::string_view proxy);
// Returns whether no URL is fetched through a proxy.
[[nodiscard]] bool goes_without_proxy(const std::string& configured, const Environment& environment);
// Returns whether `no_proxy` exempts the URL's host. `no_proxy`: "*", names with their subdomains, addresses, IPv4
// networks (10.0.0.0/8); separated by commas or spaces.
[[nodiscard]] bool bypasses_proxy(std::string_view no_proxy, const Url& url);

}  // namespace larder::origin
