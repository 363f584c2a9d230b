// What may be given as a proxy, in the configuration and in a job. Pure.
#pragma once

#include <optional>
#include <string>

namespace larder::agent {

// Nothing where it is usable: empty (environment), "none", or http, https, socks4, socks4a, socks5 or socks5h with a
// host; else what is wrong ("must be …").
[[nodiscard]] std::optional<std::string> check_proxy(const std::string& proxy);
// With the password hidden.
[[nodiscard]] std::string shown_proxy(const std::string& proxy);

}  // namespace larder::agent
