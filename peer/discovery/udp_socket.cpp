#include "peer/discovery/udp_socket.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace larder::peer {
namespace {

constexpr int kReceiveBuffer = 1024 * 1024;  // bytes; holds a burst while the loop is busy

union Address {
  sockaddr any;
  sockaddr_in v4;
  sockaddr_in6 v6;
};

socklen_t to_sockaddr(const Endpoint& endpoint, Address& out) {
  std::memset(&out, 0, sizeof out);
  if (endpoint.is_v4()) {
    out.v4.sin_family = AF_INET;
    out.v4.sin_port = htons(endpoint.port);
    std::memcpy(&out.v4.sin_addr, endpoint.address.data() + 12, 4);
    return sizeof out.v4;
  }
  out.v6.sin6_family = AF_INET6;
  out.v6.sin6_port = htons(endpoint.port);
  out.v6.sin6_scope_id = endpoint.scope;
  std::memcpy(&out.v6.sin6_addr, endpoint.address.data(), 16);
  return sizeof out.v6;
}

bool set(int fd, int level, int name, int value) {
  return ::setsockopt(fd, level, name, &value, sizeof value) == 0;
}

tl::unexpected<Error> cannot_open(const Endpoint& at, int error) {
  std::string why = std::strerror(error);
  if (error == EADDRINUSE) why += ": another program has the port; peer.port chooses another one";
  return fail(ErrorCode::connect_failed, "listen on UDP " + at.text(), why);
}

Result<UniqueFd> make(const Endpoint& at) {
  const bool v4 = at.is_v4();
  UniqueFd made(::socket(v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!made) return cannot_open(at, errno);
  const int fd = made.get();
  // Options that an old kernel lacks are not necessary.
  set(fd, SOL_SOCKET, SO_RCVBUF, kReceiveBuffer);
  if (v4) {
    set(fd, IPPROTO_IP, IP_PKTINFO, 1);
    set(fd, IPPROTO_IP, IP_MULTICAST_ALL, 0);  // only what this socket itself has joined
    set(fd, IPPROTO_IP, IP_FREEBIND, 1);       // for an address that is not assigned yet (DHCP)
  } else {
    set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
    set(fd, IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0);
    set(fd, IPPROTO_IPV6, IPV6_FREEBIND, 1);
    set(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, 1);
  }
  return made;
}

Status bind_to(int fd, const Endpoint& at) {
  Address address{};
  const socklen_t size = to_sockaddr(at, address);
  if (::bind(fd, &address.any, size) != 0) return cannot_open(at, errno);
  return {};
}

Endpoint from_in_addr(const in_addr& address) {
  sockaddr_in full{};
  full.sin_family = AF_INET;
  full.sin_addr = address;
  Address any{};
  any.v4 = full;
  return *from_sockaddr(any.any);
}

// Returns whether the datagram was sent to the group, from the kernel's control message.
bool sent_to_group(msghdr& message) {
  for (cmsghdr* each = CMSG_FIRSTHDR(&message); each != nullptr; each = CMSG_NXTHDR(&message, each)) {
    if (each->cmsg_level == IPPROTO_IP && each->cmsg_type == IP_PKTINFO) {
      in_pktinfo info{};
      std::memcpy(&info, CMSG_DATA(each), sizeof info);
      return from_in_addr(info.ipi_addr).address == multicast_group(true, 0).address;
    }
    if (each->cmsg_level == IPPROTO_IPV6 && each->cmsg_type == IPV6_PKTINFO) {
      in6_pktinfo info{};
      std::memcpy(&info, CMSG_DATA(each), sizeof info);
      return std::memcmp(&info.ipi6_addr, multicast_group(false, 0).address.data(), 16) == 0;
    }
  }
  return false;
}

}  // namespace

Endpoint any_address(bool v4, std::uint16_t port) {
  return *parse_endpoint((v4 ? "0.0.0.0:" : "[::]:") + std::to_string(port));
}

Endpoint multicast_group(bool v4, std::uint16_t port) {
  static const Endpoint group4 = *parse_endpoint("239.255.76.82:0");
  static const Endpoint group6 = *parse_endpoint("[ff02::4c52]:0");
  return (v4 ? group4 : group6).with_port(port);
}

Result<UdpSocket> UdpSocket::open(const Endpoint& at) {
  auto made = make(at);
  if (!made) return tl::unexpected<Error>(made.error());
  UdpSocket socket(std::move(*made));
  if (const auto bound = bind_to(socket.fd(), at); !bound) return tl::unexpected<Error>(bound.error());
  return socket;
}

Result<UdpSocket> UdpSocket::open_group(bool v4, std::uint16_t port) {
  const Endpoint at = multicast_group(v4, port);
  auto made = make(at);
  if (!made) return tl::unexpected<Error>(made.error());
  UdpSocket socket(std::move(*made));
  set(socket.fd(), SOL_SOCKET, SO_REUSEADDR, 1);  // several agents on one machine, each at an address of its own
  if (const auto bound = bind_to(socket.fd(), at); !bound) return tl::unexpected<Error>(bound.error());
  return socket;
}

Result<Endpoint> bound_address(int fd) {
  Address address{};
  socklen_t size = sizeof address;
  if (::getsockname(fd, &address.any, &size) == 0) {
    if (const auto endpoint = from_sockaddr(address.any)) return *endpoint;
  }
  return fail(ErrorCode::internal, "read a socket's address", std::strerror(errno));
}

Status join_group(int fd, bool v4, unsigned interface) {
  Address group{};
  to_sockaddr(multicast_group(v4, 0), group);
  int result = 0;
  if (v4) {
    ip_mreqn request{};
    request.imr_multiaddr = group.v4.sin_addr;
    request.imr_ifindex = static_cast<int>(interface);
    result = ::setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof request);
  } else {
    ipv6_mreq request{};
    request.ipv6mr_multiaddr = group.v6.sin6_addr;
    request.ipv6mr_interface = interface;
    result = ::setsockopt(fd, IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, &request, sizeof request);
  }
  if (result == 0 || errno == EADDRINUSE) return {};
  return fail(ErrorCode::network_unreachable, "join the multicast group on interface " + std::to_string(interface),
              std::strerror(errno));
}

namespace {
// The control message of a datagram that is sent on one interface.
class PacketInfo {
 public:
  PacketInfo(msghdr& message, bool v4, unsigned interface, const Endpoint& from) {
    message.msg_control = control_.data();
    message.msg_controllen = v4 ? CMSG_SPACE(sizeof(in_pktinfo)) : CMSG_SPACE(sizeof(in6_pktinfo));
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    if (v4) {
      in_pktinfo info{};
      info.ipi_ifindex = static_cast<int>(interface);
      // Without it the interface's first address would be the source, even if the socket is bound to another one.
      std::memcpy(&info.ipi_spec_dst, from.address.data() + 12, 4);
      put(header, IPPROTO_IP, IP_PKTINFO, info);
    } else {
      in6_pktinfo info{};
      info.ipi6_ifindex = interface;
      std::memcpy(&info.ipi6_addr, from.address.data(), 16);
      put(header, IPPROTO_IPV6, IPV6_PKTINFO, info);
    }
  }

 private:
  template <class T>
  static void put(cmsghdr* header, int level, int type, const T& info) {
    header->cmsg_level = level;
    header->cmsg_type = type;
    header->cmsg_len = CMSG_LEN(sizeof info);
    std::memcpy(CMSG_DATA(header), &info, sizeof info);
  }
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(in6_pktinfo))> control_{};
};

int send_message(int fd, Bytes packet, const Endpoint& to, msghdr& message) {
  Address address{};
  message.msg_name = &address;
  message.msg_namelen = to_sockaddr(to, address);
  // The kernel does not write through it.
  iovec part{const_cast<std::byte*>(packet.data()), packet.size()};  // NOLINT(cppcoreguidelines-pro-type-const-cast)
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  return ::sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? errno : 0;
}
}  // namespace

int send_datagram(int fd, Bytes packet, const Endpoint& to) {
  msghdr message{};
  return send_message(fd, packet, to, message);
}

int send_to_group(int fd, Bytes packet, const Endpoint& group, unsigned interface, const Endpoint& from) {
  msghdr message{};
  const PacketInfo info(message, group.is_v4(), interface, from);
  return send_message(fd, packet, group, message);
}

std::optional<UdpSocket::Received> receive_datagram(int fd, std::span<std::byte> buffer) {
  Address address{};
  iovec part{buffer.data(), buffer.size()};
  alignas(cmsghdr) std::array<char, 256> control{};
  msghdr message{};
  message.msg_name = &address;
  message.msg_namelen = sizeof address;
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const ssize_t size = ::recvmsg(fd, &message, MSG_DONTWAIT | MSG_TRUNC);
  if (size < 0) {
    // An ICMP error of an earlier datagram is reported here; the next datagram may still be there.
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EBADF) return std::nullopt;
    return UdpSocket::Received{};
  }
  const auto from = from_sockaddr(address.any);
  if (!from) return UdpSocket::Received{};
  return UdpSocket::Received{static_cast<std::size_t>(size), *from, sent_to_group(message)};
}

}  // namespace larder::peer
