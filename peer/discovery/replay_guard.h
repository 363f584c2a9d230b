// Refuses replayed datagrams. For each sender it keeps the start epoch and the sequence numbers seen. Pure.
//
// Start epochs of one sender only grow (docs/decisions: growing start epochs), so that a recorded datagram of an
// earlier run can neither be believed nor replace the present run. Any member can forge a datagram that only the
// group's key protects, so only signed datagrams move the window. Unsigned ones are taken up to kMaxAhead numbers
// beyond it, each number once: a forged one costs the real sender the one datagram of its number. Bounded: kMaxSenders,
// of which the longest silent one is forgotten.
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
  static constexpr std::uint64_t kMaxBehind = 64;   // numbers behind the last signed one, for reordered datagrams
  static constexpr std::uint64_t kMaxAhead = 4000;  // numbers ahead of it: a sender signs far more often

  // Returns whether a datagram may be taken, without remembering it: to be asked before costly checks. A signed one may
  // also be further ahead. A later run, or an unknown sender, is always fresh.
  [[nodiscard]] bool fresh(const AgentId& sender, std::uint64_t start_epoch, std::uint64_t sequence,
                           bool is_signed) const;
  // Returns whether a later signed datagram of the same run was accepted.
  [[nodiscard]] bool overtaken(const AgentId& sender, std::uint64_t start_epoch, std::uint64_t sequence) const;
  // Returns how far it is ahead of the last signed one of the same run; UINT64_MAX where there is none.
  [[nodiscard]] std::uint64_t ahead(const AgentId& sender, std::uint64_t start_epoch, std::uint64_t sequence) const;
  // Remembers an unsigned datagram. False: it was seen before, is outside of the window, or no signed datagram of its
  // run was accepted.
  bool accept(const AgentId& sender, std::uint64_t start_epoch, std::uint64_t sequence, SteadyTime now);
  // Remembers a datagram whose signature was found good; begins a run, and moves the window. False: it is not fresh().
  bool accept_signed(const AgentId& sender, std::uint64_t start_epoch, std::uint64_t sequence, SteadyTime now);
  [[nodiscard]] std::size_t senders() const { return senders_.size(); }

 private:
  static constexpr std::size_t kSlots = 4096;  // sequence numbers remembered, indexed modulo this
  static_assert(kMaxAhead + kMaxBehind <= kSlots);
  struct Sender {
    std::uint64_t epoch = 0;
    std::uint64_t signed_up_to = 0;
    std::bitset<kSlots> seen;  // of signed_up_to - kMaxBehind (exclusive) to signed_up_to + kMaxAhead
    SteadyTime last{};
  };
  [[nodiscard]] static bool inside(const Sender& sender, std::uint64_t sequence);
  static void move_to(Sender& sender, std::uint64_t sequence);
  void forget_longest_silent();
  std::map<AgentId, Sender> senders_;
};

}  // namespace larder::peer
