// Checks that a HELLO is the statement of a group's agent about itself: its certificate is of the group, valid now and
// of the sender's key, and the signature holds. Pure except for the cryptography; loop thread.
//
// The cost is bounded: a chain is checked once for each certificate while it is remembered, and at most
// kChecksPerSecond datagrams are checked.
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
  bad_time,  // only the certificate's time is wrong: it has expired, or a clock is wrong
  busy,      // not checked: too many at once
};

class HelloCheck {
 public:
  static constexpr double kChecksPerSecond = 200;
  static constexpr double kChecksAtOnce = 400;
  static constexpr std::size_t kMaxRemembered = 4096;

  HelloCheck(std::string authority_pem, std::uint32_t group_tag)
      : authority_pem_(std::move(authority_pem)), group_tag_(group_tag) {}

  // Checks a signed datagram. A BYE carries no certificate: the caller must know that its sender has shown one.
  HelloVerdict check(const Datagram& datagram, std::uint32_t key_epoch, SteadyTime now, WallTime wall);
  [[nodiscard]] std::size_t remembered() const { return known_.size(); }

 private:
  HelloVerdict check_signature(const Datagram& datagram, std::uint32_t key_epoch, SteadyTime now);
  struct Known {
    AgentId agent{};  // the certificate's key
    WallTime not_after;
    SteadyTime used{};
  };
  // Returns null for a certificate that is not valid in the group; `verdict` says why.
  const Known* look_up(const Hello& hello, SteadyTime now, WallTime wall, HelloVerdict& verdict);
  void make_room();

  std::string authority_pem_;
  std::uint32_t group_tag_;
  TokenBucket budget_{kChecksPerSecond, kChecksAtOnce};
  std::map<Digest, Known> known_;  // by digest; certificates of the group only
};

}  // namespace larder::peer
