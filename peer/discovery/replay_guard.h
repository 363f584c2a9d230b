// Refuses datagrams that were sent before: per sender, the start epoch and which sequence numbers were seen. Pure.
//
// Start epochs of one sender only grow (docs/decisions: growing start epochs), so that a recorded datagram of an
// earlier run can neither be believed nor push the present run aside. What only the group's key protects could have
// been made by any member. So what its sender has signed alone moves the window: everything else is taken up to kAhead
// numbers beyond it, each number once, and a forged one costs the real sender no more than the one datagram of its
// number. Bounded: kMaxSenders, of which the longest silent goes.
#pragma once

#include <bitset>
#include <cstdint>
#include <map>

#include "base/runtime/clock.h"
#include "peer/group/keys.h"

namespace larder::peer {

class ReplayGuard {
 public:
  static constexpr std::size_t kMaxSenders = 4096;
  static constexpr std::uint64_t kBehind = 64;   // of the last signed one: datagrams may overtake each other by so many
  static constexpr std::uint64_t kAhead = 4000;  // of the last signed one: a sender signs far more often

  // Whether it may be taken, without remembering it: before what is costly, or not yet believed. One that is signed may
  // also be further ahead, or of a later run.
  [[nodiscard]] bool fresh(const AgentId& sender, std::uint64_t start_epoch, std::uint64_t sequence,
                           bool is_signed) const;
  // A later one of the same run that its sender signed was accepted.
  [[nodiscard]] bool overtaken(const AgentId& sender, std::uint64_t start_epoch, std::uint64_t sequence) const;
  // How far it is ahead of the last signed one of the same run; the greatest number where there is none.
  [[nodiscard]] std::uint64_t ahead(const AgentId& sender, std::uint64_t start_epoch, std::uint64_t sequence) const;
  // True when the datagram is new; it is then remembered. Of a run that nothing signed was accepted of: false.
  bool accept(const AgentId& sender, std::uint64_t start_epoch, std::uint64_t sequence, SteadyTime now);
  // The same for one whose signature by the sender was found good: begins a run, and moves the window.
  bool accept_signed(const AgentId& sender, std::uint64_t start_epoch, std::uint64_t sequence, SteadyTime now);
  [[nodiscard]] std::size_t senders() const { return senders_.size(); }

 private:
  static constexpr std::size_t kSlots = 4096;  // numbers remembered, by number modulo this
  static_assert(kAhead + kBehind <= kSlots);
  struct Sender {
    std::uint64_t epoch = 0;
    std::uint64_t signed_up_to = 0;
    std::bitset<kSlots> seen;  // of signed_up_to - kBehind (exclusive) to signed_up_to + kAhead
    SteadyTime last{};
  };
  [[nodiscard]] static bool inside(const Sender& sender, std::uint64_t sequence);
  static void move_to(Sender& sender, std::uint64_t sequence);
  void forget_longest_silent();
  std::map<AgentId, Sender> senders_;
};

}  // namespace larder::peer
