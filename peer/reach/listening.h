// Whether this process takes TCP connections at the addresses that the machine has now. The comparison is pure; looking
// reads the kernel's facts and is for a worker thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "peer/common/endpoint.h"
#include "peer/discovery/interfaces.h"

namespace larder::peer {

// Where this process listens by TCP now, ports included. Asks each open socket of the process: whatever opened it, and
// whatever it was told to listen on.
[[nodiscard]] std::vector<Endpoint> listening_sockets();

// The addresses of interfaces that are up where nothing listens on `port` and should, with that port. Without `listen`
// (peer.listen) that is every IPv4 address, and of IPv6 where an interface has no IPv4 address: there one of its
// addresses is enough, since others may be temporary or out of use. Loopback and link-local addresses do not count.
// With `listen` it is those of its addresses that the machine has; numeric ones, what is none is passed over.
[[nodiscard]] std::vector<Endpoint> not_listened(const std::vector<Interface>& interfaces,
                                                 const std::vector<std::string>& listen,
                                                 const std::vector<Endpoint>& listening, std::uint16_t port);

}  // namespace larder::peer
