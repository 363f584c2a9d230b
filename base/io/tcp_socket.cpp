#include "base/io/tcp_socket.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

namespace larder {
namespace {

constexpr int kTcpBacklog = 512;

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

std::optional<Address> address_of(const std::string& text, std::uint16_t port) {
  Address made;
  sockaddr_in v4{};
  if (::inet_pton(AF_INET, text.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    std::memcpy(&made.storage, &v4, sizeof(v4));
    made.size = sizeof(v4);
    return made;
  }
  sockaddr_in6 v6{};
  if (::inet_pton(AF_INET6, text.c_str(), &v6.sin6_addr) != 1) return std::nullopt;
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  std::memcpy(&made.storage, &v6, sizeof(v6));
  made.size = sizeof(v6);
  return made;
}

}  // namespace

Result<UniqueFd> listen_tcp(const std::string& address, std::uint16_t port) {
  const bool is_v6 = address.find(':') != std::string::npos;
  const std::string doing = fmt::format(fmt::runtime(is_v6 ? "listen on [{}]:{}" : "listen on {}:{}"), address, port);
  const auto bound = address_of(address, port);
  if (!bound) return fail(ErrorCode::invalid_argument, doing, "it is no address in numbers");
  UniqueFd socket(::socket(bound->storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int yes = 1;
  bool good = socket && ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) == 0;
  if (is_v6) good = good && ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof(yes)) == 0;
  good = good && ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&bound->storage), bound->size) == 0;
  if (good && ::listen(socket.get(), kTcpBacklog) == 0) return socket;
  const int error = errno;
  const bool absent = error == EAFNOSUPPORT || error == EADDRNOTAVAIL;  // such as a machine without IPv6
  return fail(absent ? ErrorCode::not_found : ErrorCode::connect_failed, doing,
              fmt::format("{}{}", std::strerror(error), error == EADDRINUSE ? "; choose another port" : ""));
}

std::uint16_t local_port(int socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) return 0;
  if (address.ss_family == AF_INET) return ntohs(reinterpret_cast<const sockaddr_in*>(&address)->sin_port);
  return ntohs(reinterpret_cast<const sockaddr_in6*>(&address)->sin6_port);
}

std::string peer_network(int socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  if (::getpeername(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) return {};
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.ss_family == AF_INET) {
    ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(&address)->sin_addr, text.data(), text.size());
    return text.data();
  }
  if (address.ss_family != AF_INET6) return {};
  in6_addr network = reinterpret_cast<const sockaddr_in6*>(&address)->sin6_addr;
  std::fill(network.s6_addr + 8, network.s6_addr + 16, std::uint8_t{0});
  ::inet_ntop(AF_INET6, &network, text.data(), text.size());
  return std::string(text.data()) + "/64";
}

}  // namespace larder
