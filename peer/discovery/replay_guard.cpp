#include "peer/discovery/replay_guard.h"

#include <algorithm>

namespace larder::peer {

bool ReplayGuard::inside(const Sender& sender, std::uint64_t sequence) {
  if (sequence > sender.signed_up_to) return sequence - sender.signed_up_to <= kMaxAhead;
  return sender.signed_up_to - sequence < kMaxBehind;
}

bool ReplayGuard::fresh(const AgentId& sender, std::uint64_t start_epoch, std::uint64_t sequence,
                        bool is_signed) const {
  if (start_epoch == 0 || sequence == 0) return false;
  const auto found = senders_.find(sender);
  if (found == senders_.end() || start_epoch > found->second.epoch) return true;
  const Sender& known = found->second;
  if (start_epoch < known.epoch) return false;
  if (!inside(known, sequence)) return is_signed && sequence > known.signed_up_to;
  return !known.seen[sequence % kSlots];
}

bool ReplayGuard::overtaken(const AgentId& sender, std::uint64_t start_epoch, std::uint64_t sequence) const {
  const auto found = senders_.find(sender);
  return found != senders_.end() && start_epoch == found->second.epoch && sequence < found->second.signed_up_to;
}

std::uint64_t ReplayGuard::ahead(const AgentId& sender, std::uint64_t start_epoch, std::uint64_t sequence) const {
  const auto found = senders_.find(sender);
  if (found == senders_.end() || start_epoch != found->second.epoch) return UINT64_MAX;
  return sequence - std::min(sequence, found->second.signed_up_to);
}

bool ReplayGuard::accept(const AgentId& sender, std::uint64_t start_epoch, std::uint64_t sequence, SteadyTime now) {
  const auto found = senders_.find(sender);
  if (found == senders_.end() || found->second.epoch != start_epoch || sequence == 0) return false;
  Sender& known = found->second;
  if (!inside(known, sequence) || known.seen[sequence % kSlots]) return false;
  known.seen.set(sequence % kSlots);
  known.last = now;
  return true;
}

bool ReplayGuard::accept_signed(const AgentId& sender, std::uint64_t start_epoch, std::uint64_t sequence,
                                SteadyTime now) {
  if (!fresh(sender, start_epoch, sequence, true)) return false;
  if (!senders_.contains(sender) && senders_.size() >= kMaxSenders) forget_longest_silent();
  Sender& known = senders_[sender];
  if (start_epoch > known.epoch) known = Sender{start_epoch, sequence, {}, now};
  if (sequence > known.signed_up_to) move_to(known, sequence);
  known.seen.set(sequence % kSlots);
  known.last = now;
  return true;
}

// Moves the window: numbers that enter it count as not seen.
void ReplayGuard::move_to(Sender& sender, std::uint64_t sequence) {
  const std::uint64_t step = sequence - sender.signed_up_to;
  if (step >= kSlots) {
    sender.seen.reset();
  } else {
    for (std::uint64_t i = 1; i <= step; ++i) sender.seen.reset((sender.signed_up_to + kMaxAhead + i) % kSlots);
  }
  sender.signed_up_to = sequence;
}

void ReplayGuard::forget_longest_silent() {
  const auto oldest = std::min_element(senders_.begin(), senders_.end(),
                                       [](const auto& a, const auto& b) { return a.second.last < b.second.last; });
  if (oldest != senders_.end()) senders_.erase(oldest);
}

}  // namespace larder::peer
