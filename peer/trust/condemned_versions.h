// Versions of which two agents attested different roots. A condemned version is not shared for a week; each agent
// fetches it from the origin. The versions that one member's statements condemned within an hour are counted, so that a
// liar cannot condemn everything. Pure; `now` is an argument; bounded; loop thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "base/hash/digest.h"
#include "base/runtime/clock.h"
#include "peer/group/keys.h"

namespace larder::peer {

struct Condemned {
  Digest version{};
  WallTime since{};
  WallTime until{};
  // The agents whose statements contradict each other; all zero for none, or once this agent's own fetch agreed.
  AgentId one{};
  AgentId other{};
  bool own_two_roots = false;  // this agent's own fetches differed: it accuses no member over this version
  friend bool operator==(const Condemned&, const Condemned&) = default;
};

class CondemnedVersions {
 public:
  static constexpr std::size_t kMax = 4096;  // the oldest goes, those by own fetches last
  static constexpr Duration kFor = std::chrono::hours(24 * 7);
  static constexpr Duration kForOwn = std::chrono::hours(24 * 365);  // where this agent's own fetches differed
  static constexpr Duration kCounted = std::chrono::hours(1);
  static constexpr std::size_t kMaxByOne = 8;  // within kCounted

  [[nodiscard]] bool has(const Digest& version, WallTime now) const;
  [[nodiscard]] bool own_two_roots(const Digest& version, WallTime now) const;
  // condemn() condemns a version, unless it is condemned already: the time is not extended then. condemn_own() always
  // begins anew. Both return the present state and whether the version is newly condemned.
  struct Change {
    Condemned condemned;
    bool fresh = false;
    std::optional<Digest> gone;  // the version that made room
  };
  Change condemn(const Digest& version, const AgentId& one, const AgentId& other, WallTime now);
  Change condemn_own(const Digest& version, WallTime now);
  // Called when this agent's own fetch agrees with this member: the version no longer counts against it. nullopt: no
  // change.
  std::optional<Condemned> clear(const Digest& version, const AgentId& agent);
  // Returns how many versions a statement of this member helped to condemn within kCounted.
  [[nodiscard]] std::size_t by(const AgentId& agent, WallTime now) const;
  // Stops counting all versions against this member; returns those that changed.
  std::vector<Condemned> pardon(const AgentId& agent);

  void restore(const Condemned& condemned, WallTime now);
  [[nodiscard]] std::vector<Digest> tidy(WallTime now);  // forgets and returns the versions whose time is over
  void forget_all() { versions_.clear(); }
  [[nodiscard]] std::size_t size() const { return versions_.size(); }

 private:
  [[nodiscard]] const Condemned* find_condemned(const Digest& version, WallTime now) const;
  Change put(const Condemned& condemned, WallTime now);

  std::map<Digest, Condemned> versions_;
};

}  // namespace larder::peer
