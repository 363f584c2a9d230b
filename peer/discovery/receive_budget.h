// Bounds the number of datagrams that are decrypted: one costs a few microseconds, and any machine on the LAN can send
// what looks like one. An address is known while it is where a peer was last heard by a HELLO that was believed. Known
// addresses have budgets of their own, so that unknown ones, a member's new one among them, use up only theirs. Pure;
// loop thread.
#pragma once

#include <array>
#include <cstddef>
#include <map>

#include "base/runtime/clock.h"
#include "peer/common/endpoint.h"
#include "peer/common/token_bucket.h"

namespace larder::peer {

class ReceiveBudget {
 public:
  static constexpr std::size_t kMaxAddresses = 8192;
  static constexpr double kPerPeer = 1000;    // a second, of one known address
  static constexpr double kPerStranger = 50;  // a second, of one unknown address
  static constexpr double kStrangers = 300;   // a second, of all unknown addresses; twice as many at once
  static constexpr double kAll = 10'000;      // a second

  bool admit_datagram(const Endpoint& from, bool known, SteadyTime now) {
    if (addresses_.size() >= kMaxAddresses && !addresses_.contains(from.address)) addresses_.clear();
    const double rate = known ? kPerPeer : kPerStranger;
    auto& mine = addresses_.try_emplace(from.address, Address{known, TokenBucket(rate, 2 * rate)}).first->second;
    if (mine.known != known) mine = Address{known, TokenBucket(rate, 2 * rate)};
    return mine.bucket.take_token(now) && (known || strangers_.take_token(now)) && all_.take_token(now);
  }

 private:
  struct Address {
    bool known = false;
    TokenBucket bucket;
  };
  std::map<std::array<std::byte, 16>, Address> addresses_;
  TokenBucket strangers_{kStrangers, 2 * kStrangers};
  TokenBucket all_{kAll, kAll};
};

}  // namespace larder::peer
