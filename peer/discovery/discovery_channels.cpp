#include "peer/discovery/discovery_channels.h"

#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/io/log.h"
#include "peer/discovery/udp_socket.h"
#include "peer/messages/datagram.h"

namespace larder::peer {
namespace {

constexpr int kPortTries = 16;  // for a port that is free for all sockets

// Returns whether the error means that the machine has no IPv6: then IPv4 is enough.
bool no_such_family(bool v4, bool wildcard, const Error& error) {
  return wildcard && !v4 && error.code == ErrorCode::connect_failed &&
         (error.detail == std::strerror(EAFNOSUPPORT) || error.detail == std::strerror(EADDRNOTAVAIL));
}

}  // namespace

struct DiscoveryChannels::Channel {
  Channel(Loop& loop, UdpSocket socket, Endpoint at, bool every, bool group)
      : descriptor(loop.context(), socket.release()), bound(at), wildcard(every), group_only(group) {}
  boost::asio::posix::stream_descriptor descriptor;
  Endpoint bound;
  bool wildcard;
  bool group_only;  // receives multicast, sends nothing
  bool closed = false;
  [[nodiscard]] int fd() { return descriptor.native_handle(); }
};

DiscoveryChannels::DiscoveryChannels(std::vector<Endpoint> listen, std::uint16_t multicast_port, bool multicast,
                                     Loop& loop)
    : listen_(std::move(listen)), multicast_port_(multicast_port), multicast_(multicast), loop_(loop) {
  std::stable_sort(listen_.begin(), listen_.end(),
                   [](const Endpoint& a, const Endpoint& b) { return a.is_v4() && !b.is_v4(); });
}

DiscoveryChannels::~DiscoveryChannels() {
  close();
}

Result<std::unique_ptr<DiscoveryChannels>> DiscoveryChannels::open(const std::vector<Endpoint>& listen,
                                                                   std::uint16_t port, std::uint16_t multicast_port,
                                                                   bool multicast, Loop& loop) {
  std::unique_ptr<DiscoveryChannels> channels(new DiscoveryChannels(listen, multicast_port, multicast, loop));
  Status opened = channels->open_all(port);
  // Port 0: the port that the first socket got may be in use for the second.
  for (int i = 1; port == 0 && !opened && i < kPortTries; ++i) {
    channels->channels_.clear();
    opened = channels->open_all(0);
  }
  if (!opened) return tl::unexpected<Error>(opened.error());
  if (multicast && !listen.empty()) channels->open_groups();
  channels->refresh();
  return channels;
}

Status DiscoveryChannels::open_all(std::uint16_t port) {
  port_ = port;
  if (listen_.empty()) {
    if (auto opened = open_one(any_address(true, port_), true); !opened) return opened;
    if (auto opened = open_one(any_address(false, port_), true); !opened) {
      if (!no_such_family(false, true, opened.error())) return opened;
      log::info("discovery without IPv6 error=\"{}\"", opened.error().detail);
    }
    return {};
  }
  for (const Endpoint& at : listen_) {
    if (auto opened = open_one(at.with_port(port_), false); !opened) return opened;
  }
  return {};
}

Status DiscoveryChannels::open_one(const Endpoint& at, bool wildcard) {
  auto socket = UdpSocket::open(at);
  if (!socket) return tl::unexpected<Error>(socket.error());
  const auto bound = bound_address(socket->fd());
  if (!bound) return tl::unexpected<Error>(bound.error());
  if (port_ == 0) port_ = bound->port;
  channels_.push_back(std::make_shared<Channel>(loop_, std::move(*socket), *bound, wildcard, false));
  return {};
}

// Opens the sockets that receive multicast: a socket bound to one address does not.
void DiscoveryChannels::open_groups() {
  for (const bool v4 : {true, false}) {
    const bool used =
        std::any_of(listen_.begin(), listen_.end(), [v4](const Endpoint& at) { return at.is_v4() == v4; });
    if (!used) continue;
    auto socket = UdpSocket::open_group(v4, multicast_port_);
    if (!socket) {
      trouble_ = socket.error().text();
      log::warn("multicast is not heard error=\"{}\"", trouble_);
      continue;
    }
    channels_.push_back(
        std::make_shared<Channel>(loop_, std::move(*socket), multicast_group(v4, multicast_port_), false, true));
  }
}

void DiscoveryChannels::receive(Received received) {
  received_ = std::make_shared<Received>(std::move(received));
  for (const auto& channel : channels_) wait(channel);
}

void DiscoveryChannels::close() {
  received_ = nullptr;
  for (const auto& channel : channels_) {
    channel->closed = true;
    boost::system::error_code ignored;
    channel->descriptor.close(ignored);
  }
  channels_.clear();
}

void DiscoveryChannels::wait(const std::shared_ptr<Channel>& channel) {
  channel->descriptor.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                                 [this, channel](const boost::system::error_code& error) {
                                   if (!error && !channel->closed) read(channel);
                                 });
}

void DiscoveryChannels::read(const std::shared_ptr<Channel>& channel) {
  std::array<std::byte, kMaxDatagram + 1> buffer{};
  const auto received = received_;  // a callback may call close()
  for (int i = 0; i < kPerWakeup && !channel->closed; ++i) {
    const auto got = receive_datagram(channel->fd(), buffer);
    if (!got) break;
    if (got->size == 0 || got->size > kMaxDatagram) continue;
    (*received)(Bytes(buffer).first(got->size), got->from, got->multicast || channel->group_only);
  }
  if (!channel->closed) wait(channel);
}

bool DiscoveryChannels::refresh() {
  const auto all = list_interfaces();
  if (!all) {
    trouble_ = all.error().text();
    return false;
  }
  bool changed = false;
  for (const bool v4 : {true, false}) {
    auto now = multicast_ ? multicast_interfaces(*all, listen_, v4) : std::vector<unsigned>();
    changed = changed || now != interfaces_[v4 ? 0 : 1];
    for (const auto& channel : channels_) {
      if (channel->bound.is_v4() == v4 && (channel->wildcard || channel->group_only)) join(*channel, now);
    }
    interfaces_[v4 ? 0 : 1] = std::move(now);
  }
  return changed;
}

void DiscoveryChannels::join(Channel& channel, const std::vector<unsigned>& interfaces) {
  for (const unsigned interface : interfaces) {
    const auto joined = join_group(channel.fd(), channel.bound.is_v4(), interface);
    if (joined) continue;
    trouble_ = joined.error().text();
    log::warn("multicast is not heard error=\"{}\"", trouble_);
  }
}

void DiscoveryChannels::note(int error, const Endpoint& to) {
  if (error == 0) {
    trouble_.clear();
    return;
  }
  // A full queue or a refused port loses one datagram, as the network may. Other errors last until something changes.
  if (error == EAGAIN || error == EWOULDBLOCK || error == ENOBUFS || error == ECONNREFUSED) return;
  trouble_ = "cannot send to " + to.text() + ": " + std::strerror(error);
}

void DiscoveryChannels::send(Bytes packet, const Endpoint& to) {
  std::vector<Endpoint> own;
  std::vector<Channel*> senders;
  for (const auto& channel : channels_) {
    if (channel->group_only) continue;
    own.push_back(channel->bound);
    senders.push_back(channel.get());
  }
  const int index = nearest(own, to);
  if (index >= 0) note(send_datagram(senders[static_cast<std::size_t>(index)]->fd(), packet, to), to);
}

void DiscoveryChannels::send_multicast(Bytes packet, bool v4) {
  for (const auto& channel : channels_) {
    if (channel->group_only || channel->bound.is_v4() != v4) continue;
    Endpoint to = multicast_group(v4, multicast_port_);
    for (const unsigned interface : interfaces_[v4 ? 0 : 1]) {
      if (!v4) to.scope = interface;
      note(send_to_group(channel->fd(), packet, to, interface, channel->bound), to);
    }
  }
}

std::size_t DiscoveryChannels::interfaces() const {
  std::vector<unsigned> all = interfaces_[0];
  all.insert(all.end(), interfaces_[1].begin(), interfaces_[1].end());
  std::sort(all.begin(), all.end());
  return static_cast<std::size_t>(std::unique(all.begin(), all.end()) - all.begin());
}

}  // namespace larder::peer
