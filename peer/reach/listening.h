// Finds addresses of this machine at which the process accepts no TCP connections. The comparison is pure;
// listening_sockets() reads the kernel's facts: call it on a worker thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "peer/common/endpoint.h"
#include "peer/discovery/interfaces.h"

namespace larder::peer {

// Returns the addresses and ports at which this process listens by TCP now. Asks each open socket of the process,
// whichever part opened it.
[[nodiscard]] std::vector<Endpoint> listening_sockets();

// Returns the addresses, with `port`, at which the process should listen and does not, of interfaces that are up.
// If `listen` (peer.listen) is empty or names 0.0.0.0 or ::, it should listen at every IPv4 address, and at one IPv6
// address of an interface without IPv4: its other ones may be temporary or out of use. Loopback and link-local
// addresses do not count. Otherwise it should listen at those addresses of `listen` that the machine has; texts that
// are no numeric address are skipped.
[[nodiscard]] std::vector<Endpoint> not_listened(const std::vector<Interface>& interfaces,
                                                 const std::vector<std::string>& listen,
                                                 const std::vector<Endpoint>& listening, std::uint16_t port);

}  // namespace larder::peer
