// An office in virtual time: hosts with transfers, the crowd's own rules and driver, datagrams that take a moment or
// get lost, and one origin. What a neighbour holds comes at the rate of a LAN; the swarm and the catalogue are played.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "agent/transfer/manager.h"
#include "base/hash/merkle.h"
#include "base/io/log.h"
#include "base/runtime/alive.h"
#include "peer/crowd/crowd_host.h"
#include "tests/support/virtual_loop.h"
#include "tests/unit/transfer/fake_cache.h"
#include "tests/unit/transfer/fake_origin.h"
#include "tests/unit/transfer/transfer_lab.h"

namespace larder::test {

class CrowdOffice;

// What the others hold of the one file there is.
class OfficeSupply final : public peer::Supply,
                           public peer::CrowdUser,
                           public std::enable_shared_from_this<OfficeSupply> {
 public:
  OfficeSupply(CrowdOffice& office, std::size_t host) : office_(office), host_(host) {}

  std::unique_ptr<peer::CrowdMembership> seat;
  std::map<peer::AgentId, std::set<std::uint64_t>> known;  // what members said they hold

  void on_crowd_changed() override { tell_changed(); }
  void on_crowd_entry(const peer::AgentId& agent, const peer::CrowdEntry& entry) override;

  [[nodiscard]] std::uint64_t size() const override;
  [[nodiscard]] bool complete() const override { return false; }
  [[nodiscard]] std::vector<std::uint64_t> segments() const override;
  [[nodiscard]] std::size_t holders() const override { return known.size() + news_; }
  [[nodiscard]] std::vector<std::byte> attestation(std::uint64_t) const override { return std::vector<std::byte>(4); }
  peer::DeliveryId deliver(ByteRange window, std::shared_ptr<peer::DeliveryEvents> events) override;
  void cancel(peer::DeliveryId delivery) override { deliveries_.erase(delivery); }
  void consumed(peer::DeliveryId, ByteRange) override {}
  [[nodiscard]] std::optional<std::vector<std::uint64_t>> from_origin() const override { return seat->fetch(); }
  [[nodiscard]] std::vector<std::uint64_t> order() const override { return seat->to_take(64); }
  [[nodiscard]] bool promising() const override { return !seat->missing_everywhere(); }
  [[nodiscard]] std::optional<peer::CrowdFigures> crowd() const override { return seat->figures(); }
  void on_origin_progress(SegmentIndex segment, std::uint64_t bytes) override { seat->on_progress(segment, bytes); }
  void set_origin_usable(bool usable) override { seat->set_origin_usable(usable); }

 private:
  struct Delivery {
    ByteRange window;
    std::shared_ptr<peer::DeliveryEvents> events;
    std::uint64_t done = 0;
  };
  void tell_changed();
  void step(peer::DeliveryId id);
  [[nodiscard]] std::optional<std::size_t> holder_of(std::uint64_t segment) const;

  CrowdOffice& office_;
  std::size_t host_;
  std::map<peer::DeliveryId, Delivery> deliveries_;
  peer::DeliveryId next_ = 1;
  std::size_t news_ = 0;
  bool telling_ = false;
  Alive alive_;
};

class CrowdOffice {
 public:
  CrowdOffice(std::size_t hosts, std::size_t size, std::uint64_t seed);
  ~CrowdOffice();

  // Starts the download there.
  std::shared_ptr<Recorder> start(std::size_t host);
  // As kill -9: nobody hears of it again, and what it held is gone.
  void kill(std::size_t host);
  [[nodiscard]] bool all_done() const;
  // All that live have the right bytes, figures that add up, and together fetched what the origin sent.
  void check();
  [[nodiscard]] double copies() const {
    return static_cast<double>(origin.delivered) / static_cast<double>(file.bytes.size());
  }
  [[nodiscard]] std::vector<std::uint64_t> held_by(std::size_t host) const;
  [[nodiscard]] std::optional<std::size_t> index_of(const peer::AgentId& agent) const;
  [[nodiscard]] static peer::AgentId agent(std::size_t host);

  VirtualLoop loop;
  FakeOrigin origin;
  FakeFile file;
  double loss = 0;                                        // of datagrams
  Duration datagram = std::chrono::milliseconds(1);       // on its way
  Duration chunk_every = std::chrono::microseconds(600);  // 64 KiB of a neighbour
  Digest key{};
  std::uint64_t datagrams = 0;

 private:
  friend class OfficeSupply;
  struct Host;
  class HostNeighbours;
  void say(std::size_t host, const std::vector<peer::CrowdEntry>& entries);
  void notice_held(std::size_t host);

  std::vector<std::unique_ptr<Host>> hosts_;
};

}  // namespace larder::test
