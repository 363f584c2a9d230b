#include "peer/replay_guard.h"

#include <algorithm>

namespace larder::peer {

bool ReplayGuard::fresh(const AgentId& sender, std::uint64_t start_epoch, std::uint64_t sequence) const {
  if (start_epoch == 0 || sequence == 0) return false;
  const auto found = senders_.find(sender);
  if (found == senders_.end() || start_epoch > found->second.epoch) return true;
  if (start_epoch < found->second.epoch) return false;
  Sender copy = found->second;
  return accept_in_epoch(copy, sequence);
}

bool ReplayGuard::overtaken(const AgentId& sender, std::uint64_t start_epoch, std::uint64_t sequence) const {
  const auto found = senders_.find(sender);
  return found != senders_.end() && start_epoch == found->second.epoch && sequence < found->second.highest;
}

bool ReplayGuard::accept(const AgentId& sender, std::uint64_t start_epoch, std::uint64_t sequence, SteadyTime now) {
  if (start_epoch == 0 || sequence == 0) return false;
  if (!senders_.contains(sender) && senders_.size() >= kMaxSenders) forget_longest_silent();
  Sender& known = senders_[sender];
  if (start_epoch < known.epoch) return false;
  if (start_epoch > known.epoch) known = Sender{start_epoch, 0, 0, now};
  if (!accept_in_epoch(known, sequence)) return false;
  known.last = now;
  return true;
}

bool ReplayGuard::accept_in_epoch(Sender& sender, std::uint64_t sequence) {
  if (sequence > sender.highest) {
    const std::uint64_t step = sequence - sender.highest;
    sender.seen = step >= kWindow ? 1 : (sender.seen << step) | 1;
    sender.highest = sequence;
    return true;
  }
  const std::uint64_t behind = sender.highest - sequence;
  if (behind >= kWindow) return false;
  const std::uint64_t bit = std::uint64_t{1} << behind;
  if ((sender.seen & bit) != 0) return false;
  sender.seen |= bit;
  return true;
}

void ReplayGuard::forget_longest_silent() {
  const auto oldest = std::min_element(senders_.begin(), senders_.end(),
                                       [](const auto& a, const auto& b) { return a.second.last < b.second.last; });
  if (oldest != senders_.end()) senders_.erase(oldest);
}

}  // namespace larder::peer
