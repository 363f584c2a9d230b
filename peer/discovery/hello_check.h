// Whether a HELLO is what an agent of the group said of itself: its certificate is of the group, in its time and of the
// sender's key, and the signature holds. Pure but for the cryptography; loop thread.
//
// The cost is bounded: chains are checked once for each sender and certificate, signatures at most kChecksPerSecond.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "base/runtime/clock.h"
#include "peer/common/token_bucket.h"
#include "peer/messages/datagram.h"

namespace larder::peer {

enum class HelloVerdict {
  good,
  bad,
  bad_time,  // only the certificate's time is wrong: expired, or a clock is
  busy,      // not looked at: too many at once
};

class HelloCheck {
 public:
  static constexpr double kChecksPerSecond = 200;
  static constexpr double kChecksAtOnce = 400;
  static constexpr std::size_t kMaxRemembered = 4096;

  HelloCheck(std::string authority_pem, std::uint32_t group_tag)
      : authority_pem_(std::move(authority_pem)), group_tag_(group_tag) {}

  // A BYE carries no certificate: it is for the caller to know that its sender has shown one.
  HelloVerdict check(const Datagram& datagram, std::uint32_t key_epoch, SteadyTime now, WallTime wall);
  [[nodiscard]] std::size_t remembered() const { return known_.size(); }

 private:
  HelloVerdict check_signature(const Datagram& datagram, std::uint32_t key_epoch, SteadyTime now);
  struct Known {
    AgentId agent{};  // whose key the certificate is over
    WallTime not_after;
    SteadyTime used{};
  };
  // Null: not a certificate of the group; `verdict` tells which way.
  const Known* look_up(const Hello& hello, SteadyTime now, WallTime wall, HelloVerdict& verdict);
  void make_room();

  std::string authority_pem_;
  std::uint32_t group_tag_;
  TokenBucket budget_{kChecksPerSecond, kChecksAtOnce};
  std::map<Digest, Known> known_;  // by the certificate's digest; only of the group's
};

}  // namespace larder::peer
