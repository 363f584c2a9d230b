#include "agent/daemon/network_watch.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cerrno>
#include <cstring>

#include "base/log.h"

namespace larder::agent {
namespace {

constexpr std::chrono::seconds kSettle{1};  // a link that comes up tells many things at once

int open_netlink() {
  const int fd = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
  if (fd < 0) return -1;
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE;
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) return fd;
  ::close(fd);
  return -1;
}

bool tells_of_return(const std::byte* data, std::size_t size) {
  while (size >= sizeof(nlmsghdr)) {
    nlmsghdr header{};
    std::memcpy(&header, data, sizeof(header));
    if (header.nlmsg_len < sizeof(header) || header.nlmsg_len > size) return false;
    if (header.nlmsg_type == RTM_NEWADDR || header.nlmsg_type == RTM_NEWROUTE) return true;
    const std::size_t step = std::min<std::size_t>(NLMSG_ALIGN(header.nlmsg_len), size);
    data += step;
    size -= step;
  }
  return false;
}

}  // namespace

struct NetworkWatch::Parts : std::enable_shared_from_this<NetworkWatch::Parts> {
  Parts(Loop& l, std::function<void()> r, int fd) : loop(l), returned(std::move(r)), socket(l.context(), fd) {}

  void wait() {
    socket.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                      [self = shared_from_this()](const boost::system::error_code& error) {
                        if (!error && !self->ended) self->read();
                      });
  }

  void read() {
    std::array<std::byte, 16384> buffer{};
    bool back = false;
    for (;;) {
      const ssize_t size = ::recv(socket.native_handle(), buffer.data(), buffer.size(), 0);
      if (size > 0) back = tells_of_return(buffer.data(), static_cast<std::size_t>(size)) || back;
      if (size < 0 && errno == ENOBUFS)
        back = true;  // some were lost; it may have been among them
      else if (size <= 0)
        break;
    }
    if (back) settle();
    wait();
  }

  void settle() {
    if (timer != 0) return;
    timer = loop.after(kSettle, [weak = weak_from_this()] {
      const auto self = weak.lock();
      if (!self || self->ended) return;
      self->timer = 0;
      self->returned();
    });
  }

  Loop& loop;
  std::function<void()> returned;
  boost::asio::posix::stream_descriptor socket;
  TimerId timer = 0;
  bool ended = false;
};

NetworkWatch::NetworkWatch(Loop& loop, std::function<void()> returned) {
  const int fd = open_netlink();
  if (fd < 0) {
    log::info("network not watched error=\"{}\"", std::strerror(errno));
    return;
  }
  parts_ = std::make_shared<Parts>(loop, std::move(returned), fd);
  parts_->wait();
}

NetworkWatch::~NetworkWatch() {
  if (!parts_) return;
  parts_->ended = true;
  if (parts_->timer != 0) parts_->loop.cancel(parts_->timer);
  boost::system::error_code ignored;
  parts_->socket.close(ignored);
}

}  // namespace larder::agent
