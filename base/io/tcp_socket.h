// Listening sockets of TCP, and the addresses of their connections. POSIX only, without asio; all calls return quickly.
#pragma once

#include <cstdint>
#include <string>

#include "base/io/unique_fd.h"
#include "base/result.h"

namespace larder {

// `address` in numbers, IPv4 or IPv6 (which does not take IPv4 as well); non-blocking. Port 0: any. not_found: this
// machine does not have the address, or nothing of its family.
[[nodiscard]] Result<UniqueFd> listen_tcp(const std::string& address, std::uint16_t port);
[[nodiscard]] std::uint16_t local_port(int socket);
// Of the other end of a connection, in numbers and without its port; empty: it is none, or it has gone. Of IPv6 the
// first 64 bits count: one host can use every address of its /64 network.
[[nodiscard]] std::string peer_network(int socket);

}  // namespace larder
