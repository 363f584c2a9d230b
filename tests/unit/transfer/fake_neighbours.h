// Neighbours that do as they are told: who has what, how fast it comes, and how it goes wrong. They keep the promises
// of peer/supply/neighbours.h: right leaves, each block once, nothing from within a call, a bound on what is not
// consumed.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/runtime/alive.h"
#include "base/runtime/clock.h"
#include "peer/supply/neighbours.h"

namespace larder::test {

class FakeSupply final : public peer::Supply {
 public:
  static constexpr std::uint64_t kWindow = 8 * kMiB;  // delivered and not consumed, all deliveries together

  FakeSupply(Runtime runtime, std::vector<std::byte> bytes) : runtime_(runtime), bytes_(std::move(bytes)) {}

  // Knobs.
  std::optional<std::vector<std::uint64_t>> has;  // none: everything
  std::size_t holding = 1;
  Duration latency = std::chrono::milliseconds(2);  // of a delivery's first block
  Duration gap = std::chrono::milliseconds(1);      // between chunks, of all deliveries together
  std::size_t chunk = 64 * 1024;
  bool in_turns = true;                                      // the deliveries, not one after the other
  std::map<std::uint64_t, std::vector<std::byte>> attested;  // attestation(); else something that cannot be read
  bool backwards = false;                                    // blocks come from the end
  bool stuck = false;                                        // nothing comes any more
  std::optional<std::uint64_t> stuck_after;                  // bytes in all
  std::optional<std::uint64_t> refuse_after;                 // bytes in all; then every delivery ends with an error
  // Holders came or went.
  void change(std::optional<std::vector<std::uint64_t>> segments, std::size_t holders);
  void go_on();  // no longer stuck
  void go_on_unless(bool stay_stuck);

  // What happened.
  std::vector<ByteRange> asked;
  std::uint64_t delivered = 0;
  std::uint64_t unconsumed = 0;
  std::uint64_t most_unconsumed = 0;
  [[nodiscard]] std::size_t running() const { return deliveries_.size(); }

  [[nodiscard]] std::uint64_t size() const override { return bytes_.size(); }
  [[nodiscard]] bool complete() const override { return !has; }
  [[nodiscard]] std::vector<std::uint64_t> segments() const override;
  [[nodiscard]] std::size_t holders() const override { return holding; }
  [[nodiscard]] std::vector<std::byte> attestation(std::uint64_t segment) const override;
  peer::DeliveryId deliver(ByteRange window, std::shared_ptr<peer::DeliveryEvents> events) override;
  void cancel(peer::DeliveryId delivery) override;
  void consumed(peer::DeliveryId delivery, ByteRange range) override;

 private:
  struct Delivery {
    ByteRange window;
    std::shared_ptr<peer::DeliveryEvents> events;
    std::uint64_t done = 0;
    std::uint64_t unconsumed = 0;
    SteadyTime ready{};
  };
  void arm();
  void step();
  [[nodiscard]] std::map<peer::DeliveryId, Delivery>::iterator next_ready();

  Runtime runtime_;
  std::vector<std::byte> bytes_;
  std::map<peer::DeliveryId, Delivery> deliveries_;
  peer::DeliveryId next_ = 1;
  bool armed_ = false;
  Alive alive_;
};

class FakeNeighbours final : public peer::Neighbours {
 public:
  explicit FakeNeighbours(Runtime runtime) : runtime_(runtime) {}

  // Knobs.
  bool around = true;
  Duration latency = std::chrono::milliseconds(5);              // of find_supply()
  std::map<std::string, std::shared_ptr<FakeSupply>> supplies;  // by ETag
  std::optional<peer::NewestEdition> newest;
  bool is_contradicted = false;  // every version

  // What happened.
  std::vector<std::string> prefetched;
  std::vector<peer::NeighbourQuery> queries;
  struct Told {
    cache::Version version;
    std::vector<cache::SegmentInfo> segments;
  };
  std::vector<Told> bad, whole, merges;
  std::vector<cache::ContentId> merged_into;

  [[nodiscard]] bool anyone() const override { return around; }
  void prefetch_lookup(const std::string& url) override { prefetched.push_back(url); }
  void find_supply(peer::NeighbourQuery query, UniqueFunction<void(std::shared_ptr<peer::Supply>)> done) override;
  void find_newest(const std::string& url, UniqueFunction<void(std::optional<peer::NewestEdition>)> done) override;
  [[nodiscard]] bool contradicted(const cache::Version&) const override { return is_contradicted; }
  void judged_bad(const cache::Version& version, const std::vector<cache::SegmentInfo>& segments) override {
    bad.push_back({version, segments});
  }
  void fetched(const cache::Version& version, const std::vector<cache::SegmentInfo>& segments) override {
    whole.push_back({version, segments});
  }
  void merged(const cache::Version& version, const std::vector<cache::SegmentInfo>& segments,
              const cache::ContentId& held) override {
    merges.push_back({version, segments});
    merged_into.push_back(held);
  }

 private:
  Runtime runtime_;
};

}  // namespace larder::test
