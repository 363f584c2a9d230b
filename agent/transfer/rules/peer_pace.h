// Decides whether peers deliver enough (docs/decisions/0021-transfer-with-peers.md): the patience with them, when the
// origin helps, when a delivery has stalled, and how soon stalled peers are asked again. Pure; `now` is an argument,
// and a delivery is named by the number of its stream.
//
// * No byte from any peer for the stall time (1.5 s, or the patience if that is less): all deliveries have stalled.
//   Together with the origin's answer that keeps the longest gap under 3 s. Peers then rest, 2 s at first and doubled
//   each time, and come back on probation with one segment, while the origin goes on.
// * Less than `min_rate` of all peers together over the patience: the origin helps, until peers reach that rate again.
// * One delivery without a byte for 10 s while others go on: that one has stalled.
// Time in which this side takes nothing (disk, rate limit) does not count.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <vector>

#include "base/runtime/clock.h"
#include "base/text/units.h"

namespace larder::agent {

struct PaceRules {
  Duration patience = std::chrono::seconds(5);
  std::uint64_t min_rate = 256 * kKiB;  // bytes/s; 0: any is enough
};

class PeerPace {
 public:
  static constexpr Duration kStall = std::chrono::milliseconds(1500);
  static constexpr Duration kStarved = std::chrono::seconds(10);
  static constexpr Duration kFirstRest = std::chrono::seconds(2);
  static constexpr Duration kLongestRest = std::chrono::seconds(60);
  // Time after a rest without a stall that resets the doubling
  static constexpr Duration kForgive = std::chrono::seconds(30);
  static constexpr unsigned kWindows = 8;  // concurrent deliveries of trusted peers

  void set_rules(PaceRules rules) { rules_ = rules; }

  void on_opened(std::uint64_t delivery, SteadyTime now);
  void on_received(std::uint64_t delivery, std::uint64_t bytes, SteadyTime now);
  // Success ends the probation.
  void on_closed(std::uint64_t delivery, bool success, SteadyTime now);
  // Reports whether this side takes nothing (disk, rate limit); called at each look.
  void set_throttled(bool held, SteadyTime now);

  // Returns the deliveries to take away. If they are all of them, peers rest.
  [[nodiscard]] std::vector<std::uint64_t> take_stalled(SteadyTime now);
  [[nodiscard]] bool too_slow(SteadyTime now);

  // A delivery ended without success: its segment is not asked for again for a while.
  void on_refused(std::uint64_t segment, SteadyTime now);
  [[nodiscard]] bool may_ask(std::uint64_t segment, SteadyTime now) const;
  void end_rests();  // more peers, or no other source: ends rests and refusals
  // Returns the number of concurrent deliveries: none at rest, one on probation.
  [[nodiscard]] unsigned windows(SteadyTime now) const;
  [[nodiscard]] bool on_probation() const { return probation_; }

 private:
  struct Open {
    SteadyTime last_byte_at{};  // last byte, or the start
  };
  struct Refusal {
    unsigned times = 0;
    SteadyTime until{};
  };
  struct Arrival {
    SteadyTime at{};
    std::uint64_t bytes = 0;
  };
  void forget_before(SteadyTime time);
  void rest_peers(SteadyTime now);
  [[nodiscard]] Duration stall_time() const { return std::min(rules_.patience, kStall); }

  PaceRules rules_;
  std::map<std::uint64_t, Open> open_;
  SteadyTime count_began_at_{};   // start of the present count: deliveries open and taken without a pause
  SteadyTime last_byte_at_{};     // last byte of any delivery, or count_began_at_
  std::deque<Arrival> arrivals_;  // bytes within the patience, in steps of kStep: bounded
  std::uint64_t arrived_bytes_ = 0;
  bool throttled_ = false;
  bool slow_ = false;
  bool probation_ = false;
  unsigned rests_in_a_row_ = 0;
  SteadyTime last_stall_at_{};
  SteadyTime rest_until_{};
  unsigned refusals_in_a_row_ = 0;
  std::map<std::uint64_t, Refusal> refused_;  // by segment: bounded by their number
};

}  // namespace larder::agent
