// Checks proxies of the configuration and of jobs. Pure.
#pragma once

#include <optional>
#include <string>

namespace larder::agent {

// Returns nothing for a usable value: empty (environment), "none", or http, https, socks4, socks4a, socks5 or socks5h
// with a host; else what is wrong ("must be …").
[[nodiscard]] std::optional<std::string> check_proxy(const std::string& proxy);
// Returns the proxy with its password hidden.
[[nodiscard]] std::string shown_proxy(const std::string& proxy);

}  // namespace larder::agent
