// Decides which connections the catalogue's server keeps when it cannot keep all. Pure; `now` is an argument.
//
// A connection is a handshake until its peer has shown a certificate; then it is a member's. A new connection takes the
// place of the oldest handshake, first of one from an address that no member has come from, so that strangers push out
// strangers. No address holds more than a quarter of the handshakes. Idle members make room last. An address whose
// handshakes keep failing after work was done for them is turned away before the handshake.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "base/runtime/clock.h"
#include "peer/common/endpoint.h"
#include "peer/common/token_bucket.h"

namespace larder::peer {

using LinkId = std::uint64_t;  // of a connection; grows with each

struct AdmissionLimits {
  std::size_t connections = 256;
  std::size_t per_address = 32;
  std::size_t handshakes = 64;
};

class LinkAdmission {
 public:
  static constexpr std::size_t kMaxAddresses = 1024;  // remembered: of members, and of failed handshakes
  static constexpr double kFailuresPerSecond = 50;    // of one address
  static constexpr double kFailuresAtOnce = 100;
  static constexpr Duration kTurnedAway = std::chrono::seconds(1);

  explicit LinkAdmission(AdmissionLimits limits) : limits_(limits) {}

  struct Decision {
    bool accepted = false;
    std::vector<LinkId> cut;  // connections to close to make room; forgotten here already
  };
  [[nodiscard]] Decision on_arrived(LinkId id, const Endpoint& from, SteadyTime now);
  void is_member(LinkId id);
  void set_idle(LinkId id, bool idle);                   // a member without a request in flight
  void on_gone(LinkId id);                               // unknown ids are ignored
  void on_failed(const Endpoint& from, SteadyTime now);  // a handshake failed after it had cost work

  [[nodiscard]] std::size_t connections() const { return entries_.size(); }
  [[nodiscard]] std::size_t handshakes() const;

 private:
  using Address = std::array<std::byte, 16>;
  enum class Phase { handshake, busy, idle };
  struct Entry {
    Address from{};
    Phase phase = Phase::handshake;
    std::uint64_t since = 0;  // order of its last change of phase
  };
  struct Failures {
    TokenBucket allowed{kFailuresPerSecond, kFailuresAtOnce};
    SteadyTime turned_away_until{};
  };
  using Entries = std::map<LinkId, Entry>;
  using Matches = std::function<bool(const Entry&)>;

  [[nodiscard]] std::size_t count(const Matches& matches) const;
  [[nodiscard]] std::optional<LinkId> oldest(const Matches& matches) const;
  [[nodiscard]] std::optional<LinkId> oldest_handshake() const;
  static bool cut(Entries& entries, std::optional<LinkId> victim, Decision& decision);
  [[nodiscard]] bool make_room_for_handshake(const Address& from, Decision& decision);
  [[nodiscard]] bool make_room(const Address& from, Decision& decision);

  AdmissionLimits limits_;
  Entries entries_;
  std::uint64_t order_ = 0;
  std::map<Address, std::uint64_t> known_;  // addresses that members came from, with the order of the last time
  std::map<Address, Failures> failures_;
};

}  // namespace larder::peer
