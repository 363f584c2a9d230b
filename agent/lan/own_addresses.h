// Where others reach this machine: for invitations. Asks the kernel for the interfaces' addresses; any thread, quick.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace larder::agent {

// "host:port", the best first: what is configured to be listened on, else every address of an interface that is up
// (IPv4 before IPv6, no loopback and link-local ones). At most 8.
[[nodiscard]] std::vector<std::string> own_addresses(const std::vector<std::string>& listen, std::uint16_t port);
[[nodiscard]] std::string machine_name();  // without its domain

}  // namespace larder::agent
