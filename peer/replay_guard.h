// Refuses datagrams that were sent before: per sender, the start epoch and a window of sequence numbers. Pure.
//
// Start epochs of one sender only grow (docs/decisions: growing start epochs), so that a recorded datagram of an
// earlier run can neither be believed nor push the present run aside. Bounded: kMaxSenders, of which the longest silent
// goes.
#pragma once

#include <cstdint>
#include <map>

#include "base/clock.h"
#include "peer/keys.h"

namespace larder::peer {

class ReplayGuard {
 public:
  static constexpr std::size_t kMaxSenders = 4096;
  static constexpr std::uint64_t kWindow = 64;  // datagrams may overtake each other by so many

  // Whether accept() would take it, without remembering it: before what is costly, or not yet believed.
  [[nodiscard]] bool fresh(const AgentId& sender, std::uint64_t start_epoch, std::uint64_t sequence) const;
  // A later one of the same run of the sender was accepted.
  [[nodiscard]] bool overtaken(const AgentId& sender, std::uint64_t start_epoch, std::uint64_t sequence) const;
  // True when the datagram is new; it is then remembered.
  bool accept(const AgentId& sender, std::uint64_t start_epoch, std::uint64_t sequence, SteadyTime now);
  [[nodiscard]] std::size_t senders() const { return senders_.size(); }

 private:
  struct Sender {
    std::uint64_t epoch = 0;
    std::uint64_t highest = 0;
    std::uint64_t seen = 0;  // bit n: highest - n was seen
    SteadyTime last{};
  };
  static bool accept_in_epoch(Sender& sender, std::uint64_t sequence);
  void forget_longest_silent();
  std::map<AgentId, Sender> senders_;
};

}  // namespace larder::peer
