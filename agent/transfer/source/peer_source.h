// All peers together as one source of a content: passes a supply's deliveries on as streams of blocks. Loop thread
// only; owned by the fill. Rate limit: consumption and the end of a delivery are reported with a delay, so that the
// next one starts no sooner, however far the supply delivers ahead.
#pragma once

#include <deque>
#include <map>
#include <memory>

#include "agent/transfer/source/source.h"
#include "base/index.h"
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
  void on_origin_progress(SegmentIndex segment, std::uint64_t bytes) override {
    supply_->on_origin_progress(segment, bytes);
  }
  void set_origin_usable(bool usable) override { supply_->set_origin_usable(usable); }
  SourceStreamId start_stream(ByteRange window, std::shared_ptr<SourceEvents> events) override;
  void cancel_stream(SourceStreamId stream) override;
  void consumed(SourceStreamId, std::size_t) override {}  // blocks only
  void consumed_blocks(SourceStreamId stream, ByteRange range) override;
  [[nodiscard]] bool throttled() const override;
  void set_rate(SourceStreamId stream, std::uint64_t bytes_per_second) override;

 private:
  class BlockSink;
  struct Stream {
    peer::DeliveryId delivery = 0;
    std::shared_ptr<BlockSink> sink;
    std::uint64_t rate = 0;
    std::uint64_t unreported = 0;             // bytes delivered, whose consumption is not yet reported
    std::deque<ByteRange> unreported_ranges;  // consumed, not yet reported; bounded by the supply's read-ahead
    SteadyTime next_report_at{};              // when the first of them may be reported
    TimerId timer = 0;
    bool delivered = false;  // all is delivered; the end waits for the rate
    TimerId end_timer = 0;
  };
  void report_consumed(SourceStreamId stream);
  void report_rest(const Stream& over);  // of an ended delivery
  void count_delivered(SourceStreamId stream, std::uint64_t bytes);
  void on_delivered(SourceStreamId stream, Status status);
  void end_stream_at_rate(SourceStreamId stream);
  void end_stream(SourceStreamId stream, Status status);

  Runtime runtime_;
  std::shared_ptr<peer::Supply> supply_;
  SourceStreamId next_stream_ = 1;
  std::map<SourceStreamId, Stream> streams_;
};

}  // namespace larder::agent
