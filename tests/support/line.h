// One direction of a line: what becomes of packets on it, and when they arrive. Pure: the time comes in with each call,
// chance from a seed, and nobody sleeps.
//
//   sent -> queue (drop-tail, with or without CoDel) -> transmission at the rate -> delay, jitter, loss -> arrives
#pragma once

#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/codel.h"

namespace larder::test {

struct LineOptions {
  double bits_per_second = 0;   // 0: no limit, and so no queue
  LineTime delay{};             // from one end to the other
  LineTime jitter{};            // up to so much more, drawn for each packet; the order stays
  std::size_t queue_bytes = 0;  // 0: not limited by bytes
  LineTime queue_time{};        // as long as it takes to send what waits; 0: not limited by time
  bool codel = false;
  double loss = 0;     // share of the packets
  double reorder = 0;  // share of the packets that are held up, so that later ones overtake them
  LineTime held_up = std::chrono::milliseconds(1);
  std::uint64_t seed = 1;
};

// "mbit=100,delay_ms=12.5,jitter_ms=1,queue_ms=50,queue_kib=64,codel=1,loss=0.005,reorder=0.01,held_up_ms=2,seed=7",
// each of them optional, changes what it names. The text of an error, or none.
[[nodiscard]] std::optional<std::string> read_line_options(std::string_view text, LineOptions& options);

struct LineFigures {
  std::uint64_t entered = 0, arrived = 0;
  std::uint64_t lost = 0;           // by chance
  std::uint64_t queue_full = 0;     // at the end of the queue
  std::uint64_t codel_dropped = 0;  // at its head
};

class Line {
 public:
  // Packets on the line and in its queue, whatever the options say.
  static constexpr std::size_t kMostPackets = 65'536;

  explicit Line(const LineOptions& options);

  // Rate, delay and the like of the packets that are not on their way yet. Chance goes on as it was, unless the seed is
  // another one.
  void change(const LineOptions& options);
  [[nodiscard]] const LineOptions& options() const { return options_; }

  // A packet is sent. The nth packet meets the same fate by chance for the same seed, whatever becomes of the others.
  void take_in(LineTime now, LinePacket packet);
  // Adds what has arrived by `now` to `arrived`, in the order of arrival.
  void give_out(LineTime now, std::vector<LinePacket>& arrived);
  // No packet arrives before; none: nothing is on the way.
  [[nodiscard]] std::optional<LineTime> next_at() const;
  [[nodiscard]] const LineFigures& figures() const { return figures_; }

 private:
  struct Flying {
    LineTime at;
    LinePacket packet;
  };

  [[nodiscard]] static bool later(const Flying& one, const Flying& other);
  [[nodiscard]] double draw();
  [[nodiscard]] LineTime time_to_send(std::size_t bytes) const;
  [[nodiscard]] bool has_room(std::size_t bytes) const;
  // Begins with all packets whose turn came by `now`.
  void send_due(LineTime now);
  void fly(LineTime sent_at, LinePacket packet);

  LineOptions options_;
  std::mt19937_64 chance_;
  PacketQueue queue_;
  Codel codel_;
  LineTime free_at_{};          // when the line is through with the packet that it sends
  LineTime last_order_{};       // arrival of the last one that nobody may overtake
  std::vector<Flying> flying_;  // a heap, the earliest on top
  LineFigures figures_;
};

}  // namespace larder::test
