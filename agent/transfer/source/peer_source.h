// All peers together as one source of a content: passes a supply's deliveries on as runs of blocks. Loop thread only;
// owned by the fill. Rate limit: consumption and the end of a delivery are reported with a delay, so that the next one
// starts no sooner, however far the supply delivers ahead.
#pragma once

#include <deque>
#include <map>
#include <memory>

#include "agent/transfer/source/source.h"
#include "base/runtime/clock.h"
#include "peer/supply/neighbours.h"

namespace larder::agent {

class PeerSource final : public Source {
 public:
  PeerSource(Runtime runtime, std::shared_ptr<peer::Supply> supply);
  ~PeerSource() override;
  PeerSource(const PeerSource&) = delete;
  PeerSource& operator=(const PeerSource&) = delete;

  [[nodiscard]] SourceKind kind() const override { return SourceKind::peer; }
  [[nodiscard]] bool windows() const override { return true; }
  [[nodiscard]] bool blocks() const override { return true; }
  [[nodiscard]] std::optional<std::vector<std::uint64_t>> segments() const override;
  [[nodiscard]] std::size_t holders() const override { return supply_->holders(); }
  [[nodiscard]] std::vector<std::byte> attestation(std::uint64_t segment) const override {
    return supply_->attestation(segment);
  }
  [[nodiscard]] std::optional<std::vector<std::uint64_t>> from_origin() const override {
    return supply_->from_origin();
  }
  [[nodiscard]] std::vector<std::uint64_t> order() const override { return supply_->order(); }
  [[nodiscard]] bool promising() const override { return supply_->promising(); }
  [[nodiscard]] std::optional<peer::CrowdFigures> crowd() const override { return supply_->crowd(); }
  void origin_came(std::uint64_t segment, std::uint64_t bytes) override { supply_->origin_came(segment, bytes); }
  void origin_usable(bool usable) override { supply_->origin_usable(usable); }
  RunId start(ByteRange window, std::shared_ptr<SourceEvents> events) override;
  void cancel(RunId run) override;
  void consumed(RunId, std::size_t) override {}  // blocks only
  void consumed_blocks(RunId run, ByteRange range) override;
  [[nodiscard]] bool held_back() const override;
  void set_rate(RunId run, std::uint64_t bytes_per_second) override;

 private:
  class Inlet;
  struct Run {
    peer::DeliveryId delivery = 0;
    std::shared_ptr<Inlet> inlet;
    std::uint64_t rate = 0;
    std::uint64_t untold = 0;    // bytes delivered, whose consumption is not yet reported
    std::deque<ByteRange> late;  // consumed, not yet reported; bounded by the supply's read-ahead
    SteadyTime next{};           // when the first of them may be reported
    TimerId timer = 0;
    bool done = false;  // all is delivered; the end waits for the rate
    TimerId end_timer = 0;
  };
  void tell(RunId run);
  void tell_rest(const Run& over);  // of an ended delivery
  void came(RunId run, std::uint64_t bytes);
  void done(RunId run, Status status);
  void end_in_time(RunId run);
  void end(RunId run, Status status);

  Runtime runtime_;
  std::shared_ptr<peer::Supply> supply_;
  RunId next_run_ = 1;
  std::map<RunId, Run> runs_;
};

}  // namespace larder::agent
