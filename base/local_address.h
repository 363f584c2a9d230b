// Whether an address is (still) this machine's: a connection from one that is gone hears nothing any more and is not
// told so. Any thread.
#pragma once

#include <sys/socket.h>

#include <string_view>

namespace larder {

// True when the machine certainly does not have the address, so that no packet to it arrives here. False for what is
// not an address, and where it cannot be told (a link-local one without its interface).
[[nodiscard]] bool is_foreign_address(std::string_view numeric);
[[nodiscard]] bool is_foreign_address(const sockaddr& address, socklen_t size);

}  // namespace larder
