// Evidence on its way (docs/decisions/0024-blame.md): told three times, since datagrams get lost; what is heard is
// given on once, within bounds, since checking it costs signatures. Pure; loop thread.
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
  static constexpr Duration kApart = std::chrono::milliseconds(150);  // so much and up to twice as much
  static constexpr std::size_t kMaxTelling = 64;                      // beyond it the oldest is told no more
  static constexpr std::size_t kMaxHeard = 1024;                      // digests remembered; the oldest goes
  static constexpr std::size_t kMaxSenders = 4096;

  explicit EvidenceRelay(Random& random) : random_(random) {}

  void tell(EvidenceMessage evidence, SteadyTime now);
  // What is to be sent now.
  [[nodiscard]] std::vector<EvidenceMessage> due(SteadyTime now);
  [[nodiscard]] SteadyTime next_wakeup() const;
  // Whether it is to be given on: not heard before, not told by this agent, and within 20 a second of this sender and
  // 50 of all. With another certificate it is something else: who spoils that must not silence who told it well.
  bool hear(const AgentId& sender, const EvidenceMessage& evidence, SteadyTime now);

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
