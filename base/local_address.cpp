#include "base/local_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

namespace larder {

// Asks the kernel by bind(), not a list of interfaces: the kernel also knows networks that are local as a whole
// (127.0.0.0/8).
bool is_foreign_address(const sockaddr& address, socklen_t size) {
  const int fd = ::socket(address.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  const bool foreign = ::bind(fd, &address, size) != 0 && errno == EADDRNOTAVAIL;
  ::close(fd);
  return foreign;
}

bool is_foreign_address(std::string_view numeric) {
  const std::string text(numeric);
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  if (inet_pton(AF_INET, text.c_str(), &v4.sin_addr) == 1) {
    return is_foreign_address(reinterpret_cast<const sockaddr&>(v4), sizeof(v4));
  }
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  if (inet_pton(AF_INET6, text.c_str(), &v6.sin6_addr) != 1) return false;
  return is_foreign_address(reinterpret_cast<const sockaddr&>(v6), sizeof(v6));
}

}  // namespace larder
