// Whether an address is (still) this machine's: a connection from an address that is gone receives nothing more, and
// gets no error. Any thread.
#pragma once

#include <sys/socket.h>

#include <string_view>

namespace larder {

// Returns true if the machine certainly does not have the address, so that no packet to it arrives here. False for text
// that is not an address, and in doubt (a link-local address without its interface).
[[nodiscard]] bool is_foreign_address(std::string_view numeric);
[[nodiscard]] bool is_foreign_address(const sockaddr& address, socklen_t size);

}  // namespace larder
