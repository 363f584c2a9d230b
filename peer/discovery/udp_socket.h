// UDP sockets of discovery: thin wrappers of the system calls, all non-blocking. Owned by the opener; loop thread.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "base/hash/digest.h"
#include "base/io/unique_fd.h"
#include "base/result.h"
#include "peer/common/endpoint.h"

namespace larder::peer {

[[nodiscard]] Endpoint any_address(bool v4, std::uint16_t port);
// 239.255.76.82 or ff02::4c52.
[[nodiscard]] Endpoint multicast_group(bool v4, std::uint16_t port);

class UdpSocket {
 public:
  struct Received {
    std::size_t size = 0;  // of the datagram; larger than the buffer: it was cut off
    Endpoint from;
    bool multicast = false;  // was sent to the multicast group
  };

  // Opens a socket at one address, or at all of a family (which receives multicast once it has joined). Error:
  // connect_failed with the address and the reason, such as a port in use.
  [[nodiscard]] static Result<UdpSocket> open(const Endpoint& at);
  // Opens a socket that receives multicast only; several agents on one machine can each have one.
  [[nodiscard]] static Result<UdpSocket> open_group(bool v4, std::uint16_t port);

  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] int release() { return fd_.release(); }

 private:
  explicit UdpSocket(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

// Returns the address of any of the descriptors above.
[[nodiscard]] Result<Endpoint> bound_address(int fd);
[[nodiscard]] Status join_group(int fd, bool v4, unsigned interface);  // already joined is success
// Sends a datagram. Returns errno, or 0.
[[nodiscard]] int send_datagram(int fd, Bytes packet, const Endpoint& to);
// Sends to the group on one interface; `from` is the socket's own address (all zero: the interface's).
[[nodiscard]] int send_to_group(int fd, Bytes packet, const Endpoint& group, unsigned interface, const Endpoint& from);
// Receives a datagram; nullopt: none is there now. Size 0: an error of the socket, to be ignored; read on.
[[nodiscard]] std::optional<UdpSocket::Received> receive_datagram(int fd, std::span<std::byte> buffer);

}  // namespace larder::peer
