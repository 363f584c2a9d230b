// CoDel (RFC 8289): which packets of a queue are dropped so that the time spent in it does not stay above a target.
// Pure: the time comes in with each call.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>

namespace larder::test {

// Since any fixed moment, the same for all calls.
using LineTime = std::chrono::nanoseconds;

// Drawn for a packet when it enters the line.
struct PacketFate {
  bool lost = false;     // takes its time on the line and never arrives
  bool held_up = false;  // later ones overtake it
  double jitter = 0;     // share of the most that there is
};

class SentPacket;

struct LinePacket {
  std::shared_ptr<const SentPacket> sent;  // its content; none where only sizes matter
  std::size_t segment = 0;                 // of `sent`
  std::size_t size = 0;
  std::uint64_t number = 0;  // from 0, of all that entered the line; set by Line, as is the fate
  PacketFate fate;
};

// Packets that wait for the line, the oldest first, with the moment each came.
class PacketQueue {
 public:
  struct Waiting {
    LinePacket packet;
    LineTime since{};
  };

  void push(LinePacket packet, LineTime now);
  [[nodiscard]] Waiting pop();  // not of an empty queue
  [[nodiscard]] const Waiting& front() const { return waiting_.front(); }
  [[nodiscard]] bool empty() const { return waiting_.empty(); }
  [[nodiscard]] std::size_t count() const { return waiting_.size(); }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  std::deque<Waiting> waiting_;
  std::size_t bytes_ = 0;
};

struct CodelOptions {
  LineTime target = std::chrono::milliseconds(5);
  LineTime interval = std::chrono::milliseconds(100);
  std::size_t largest_packet = 1500;  // a queue of at most so many bytes is none
};

class Codel {
 public:
  explicit Codel(const CodelOptions& options = {}) : options_(options) {}

  // The packet to send at `now`, or none where the queue is empty; adds to `dropped` what was dropped on the way there.
  [[nodiscard]] std::optional<PacketQueue::Waiting> take(PacketQueue& queue, LineTime now, std::uint64_t& dropped);

 private:
  struct Head {
    std::optional<PacketQueue::Waiting> waiting;
    bool may_drop = false;
  };
  [[nodiscard]] Head next_head(PacketQueue& queue, LineTime now);
  [[nodiscard]] LineTime next_drop_after(LineTime time) const;
  void drop_while_due(PacketQueue& queue, LineTime now, Head& head, std::uint64_t& dropped);
  void begin_to_drop(LineTime now);

  CodelOptions options_;
  std::optional<LineTime> above_until_;  // when the queue will have been above the target for an interval
  bool dropping_ = false;
  LineTime next_drop_at_{};
  std::uint64_t drops_ = 0;       // since dropping began
  std::uint64_t last_drops_ = 0;  // as it began, the time before
};

}  // namespace larder::test
