// Evidence in flight (docs/decisions/0024-blame.md). Own evidence is sent three times, since datagrams get lost.
// Received evidence is passed on once, within bounds, since checking it costs signatures. Pure; loop thread.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <vector>

#include "base/hash/digest.h"
#include "base/runtime/clock.h"
#include "peer/common/token_bucket.h"
#include "peer/group/keys.h"
#include "peer/messages/datagram.h"

namespace larder::peer {

class EvidenceRelay {
 public:
  static constexpr unsigned kTimes = 3;
  static constexpr Duration kApart = std::chrono::milliseconds(150);  // to twice as much
  static constexpr std::size_t kMaxTelling = 64;                      // with more, the oldest is not repeated
  static constexpr std::size_t kMaxHeard = 1024;                      // digests remembered; the oldest goes
  static constexpr std::size_t kMaxSenders = 4096;

  explicit EvidenceRelay(Random& random) : random_(random) {}

  void send_evidence(EvidenceMessage evidence, SteadyTime now);
  // Returns the evidence to send now.
  [[nodiscard]] std::vector<EvidenceMessage> due(SteadyTime now);
  [[nodiscard]] SteadyTime next_wakeup() const;
  // Returns whether received evidence is to be passed on to its check: it is new, not this agent's own, and within 20 a
  // second of this sender and 50 of all. The same evidence with another certificate counts as new: a sender of a spoilt
  // certificate must not suppress the good copy.
  bool on_evidence(const AgentId& sender, const EvidenceMessage& evidence, SteadyTime now);

 private:
  struct Telling {
    EvidenceMessage evidence;
    unsigned left = kTimes;
    SteadyTime at{};
  };
  bool remember(const Digest& digest);

  Random& random_;
  std::deque<Telling> telling_;
  std::set<Digest> heard_;
  std::deque<Digest> heard_order_;
  TokenBucket all_{50, 200};
  std::map<AgentId, TokenBucket> senders_;
};

}  // namespace larder::peer
