// Whether peers deliver enough (docs/decisions/0021-transfer-with-peers.md): patience with them, when the origin helps,
// when a delivery has stalled, and how soon peers that disappointed are asked again. Pure; `now` is an argument,
// deliveries are named by their stream.
//
// * Nothing from any peer for the stall time (1.5 s, or the patience where that is less): every delivery has stalled.
//   Together with the origin's answer that keeps the longest gap under 3 s. Peers then rest, 2 s at first and twice as
//   long each time, and come back on probation, with one segment, while the origin goes on.
// * Less than `min_rate` of all peers together for the patience: the origin helps, until they deliver it again.
// * Others go on while one delivery has got nothing for 10 s: that one has stalled.
// Time in which this side takes nothing (disk, rate limit) is nobody's fault and is not counted.
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
  static constexpr Duration kForgive = std::chrono::seconds(30);  // without a stall
  static constexpr unsigned kWindows = 8;                         // deliveries at once of peers that are trusted

  void set_rules(PaceRules rules) { rules_ = rules; }

  void opened(std::uint64_t delivery, SteadyTime now);
  void received(std::uint64_t delivery, std::uint64_t bytes, SteadyTime now);
  // Success is what takes peers off probation.
  void closed(std::uint64_t delivery, bool success, SteadyTime now);
  // This side takes nothing (more) now; call at each look.
  void hold(bool held, SteadyTime now);

  // The deliveries to take away, which counts as a disappointment where they are all of them.
  [[nodiscard]] std::vector<std::uint64_t> stalled(SteadyTime now);
  [[nodiscard]] bool too_slow(SteadyTime now);

  // A delivery ended without success: the segment is not asked for again for a while.
  void refused(std::uint64_t segment, SteadyTime now);
  [[nodiscard]] bool may_ask(std::uint64_t segment, SteadyTime now) const;
  void ask_again();  // other peers came, or there is nobody else to ask: neither rests nor refusals hold
  // So many deliveries at once: none at rest, one on probation.
  [[nodiscard]] unsigned windows(SteadyTime now) const;
  [[nodiscard]] bool on_probation() const { return probation_; }

 private:
  struct Open {
    SteadyTime last{};  // something came, or it was opened
  };
  struct Refusal {
    unsigned times = 0;
    SteadyTime until{};
  };
  struct Came {
    SteadyTime at{};
    std::uint64_t bytes = 0;
  };
  void forget_before(SteadyTime time);
  void disappointed(SteadyTime now);
  [[nodiscard]] Duration stall_time() const { return std::min(rules_.patience, kStall); }

  PaceRules rules_;
  std::map<std::uint64_t, Open> open_;
  SteadyTime since_{};     // deliveries were open, and taken, without a pause
  SteadyTime last_{};      // something came of any, or since_
  std::deque<Came> came_;  // in the patience, in steps of kStep: bounded
  std::uint64_t came_bytes_ = 0;
  bool held_ = false;
  bool slow_ = false;
  bool probation_ = false;
  unsigned disappointments_ = 0;
  SteadyTime last_stall_{};
  SteadyTime rest_until_{};
  unsigned refusals_in_a_row_ = 0;
  std::map<std::uint64_t, Refusal> refused_;  // by segment: bounded by their number
};

}  // namespace larder::agent
