// Addresses by which others reach this machine, for invitations. Asks the kernel for the interfaces; any thread, quick.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace larder::agent {

// Returns "host:port", the best first: the configured listening addresses, else every address of an interface that is
// up (IPv4 before IPv6, without loopback and link-local ones). At most 8.
[[nodiscard]] std::vector<std::string> own_addresses(const std::vector<std::string>& listen, std::uint16_t port);
[[nodiscard]] std::string machine_name();  // without its domain

}  // namespace larder::agent
