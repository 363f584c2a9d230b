// All sockets of discovery: opens them, joins and sends multicast on every suitable interface, chooses the socket to
// send from, reads a bounded number of datagrams per wake-up. Loop thread. Private to discovery_socket.cpp.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/hash/digest.h"
#include "base/result.h"
#include "base/runtime/loop.h"
#include "peer/common/endpoint.h"
#include "peer/discovery/interfaces.h"

namespace larder::peer {

class DiscoveryChannels {
 public:
  static constexpr int kPerWakeup = 64;  // datagrams read before the loop's other handlers run
  using Received = std::function<void(Bytes packet, const Endpoint& from, bool multicast)>;

  // `listen` with ports 0; empty: all addresses. Error: connect_failed when an address of `listen` fails, or, without
  // `listen`, IPv4 or an IPv6 that the machine has.
  static Result<std::unique_ptr<DiscoveryChannels>> open(const std::vector<Endpoint>& listen, std::uint16_t port,
                                                         std::uint16_t multicast_port, bool multicast, Loop& loop);
  ~DiscoveryChannels();
  DiscoveryChannels(const DiscoveryChannels&) = delete;
  DiscoveryChannels& operator=(const DiscoveryChannels&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  void receive(Received received);  // starts reading; `received` is not called after close(), and may call it
  void close();
  // Reads the interfaces again and joins the groups there. True: the set of interfaces has changed.
  bool refresh();
  void send(Bytes packet, const Endpoint& to);
  void send_multicast(Bytes packet, bool v4);    // to the group of one family, on every interface
  [[nodiscard]] std::size_t interfaces() const;  // number of those with multicast
  [[nodiscard]] const std::string& trouble() const { return trouble_; }

 private:
  struct Channel;
  DiscoveryChannels(std::vector<Endpoint> listen, std::uint16_t multicast_port, bool multicast, Loop& loop);
  Status open_all(std::uint16_t port);
  Status open_one(const Endpoint& at, bool wildcard);
  void open_groups();
  void wait(const std::shared_ptr<Channel>& channel);
  void read(const std::shared_ptr<Channel>& channel);
  void join(Channel& channel, const std::vector<unsigned>& interfaces);
  void note(int error, const Endpoint& to);

  std::vector<Endpoint> listen_;
  std::uint16_t multicast_port_;
  bool multicast_;
  Loop& loop_;
  std::uint16_t port_ = 0;
  std::vector<std::shared_ptr<Channel>> channels_;  // IPv4 first
  std::vector<unsigned> interfaces_[2];             // of IPv4 and IPv6
  std::shared_ptr<Received> received_;
  std::string trouble_;
};

}  // namespace larder::peer
