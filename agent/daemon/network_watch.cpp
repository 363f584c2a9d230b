#include "agent/daemon/network_watch.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cerrno>
#include <cstring>

#include "agent/daemon/network_news.h"
#include "base/io/log.h"
#include "base/io/unique_fd.h"

namespace larder::agent {
namespace {

constexpr std::chrono::seconds kSettle{1};  // a link that comes up sends many messages

// Returns no descriptor, with errno, on failure.
UniqueFd open_netlink() {
  UniqueFd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE));
  if (!fd) return fd;
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE;
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) fd.reset();
  return fd;
}

}  // namespace

struct NetworkWatch::Parts : std::enable_shared_from_this<NetworkWatch::Parts> {
  Parts(Loop& l, std::function<void()> c, std::function<void()> r, UniqueFd fd)
      : loop(l), changed(std::move(c)), returned(std::move(r)), socket(l.context(), fd.release()) {}

  void wait() {
    socket.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                      [self = shared_from_this()](const boost::system::error_code& error) {
                        if (!error && !self->ended) self->read();
                      });
  }

  void read() {
    std::array<std::byte, 16384> buffer{};
    NetworkNews come;
    for (;;) {
      const ssize_t size = ::recv(socket.native_handle(), buffer.data(), buffer.size(), 0);
      if (size > 0) come.add(read_network_news({buffer.data(), static_cast<std::size_t>(size)}));
      if (size < 0 && errno == ENOBUFS)
        come = {true, true};  // some messages were lost: assume both
      else if (size <= 0)
        break;
    }
    const bool first = come.changed && !news.changed;
    news.add(come);
    if (news.changed || news.returned) settle();
    const auto self = shared_from_this();
    wait();
    if (first) changed();
  }

  void settle() {
    if (timer != 0) return;
    timer = loop.after(kSettle, [weak = weak_from_this()] {
      const auto self = weak.lock();
      if (!self || self->ended) return;
      self->timer = 0;
      const NetworkNews told = std::exchange(self->news, {});
      if (told.changed) self->changed();
      if (told.returned && !self->ended) self->returned();
    });
  }

  Loop& loop;
  std::function<void()> changed, returned;
  NetworkNews news;  // since the last call of `returned`
  boost::asio::posix::stream_descriptor socket;
  TimerId timer = 0;
  bool ended = false;
};

NetworkWatch::NetworkWatch(Loop& loop, std::function<void()> changed, std::function<void()> returned) {
  UniqueFd fd = open_netlink();
  if (!fd) {
    log::info("network not watched error=\"{}\"", std::strerror(errno));
    return;
  }
  parts_ = std::make_shared<Parts>(loop, std::move(changed), std::move(returned), std::move(fd));
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
