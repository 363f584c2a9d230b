// Versions of which two agents attested different roots: shared by nobody for a week, each agent asks the origin. How
// many of them one member's statements brought about within an hour is counted, so that a liar cannot condemn
// everything. Pure; `now` is an argument; bounded; loop thread.
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
  // Whose statements contradict each other; all zero where it is nobody, or where this agent's own fetch agreed.
  AgentId one{};
  AgentId other{};
  bool own_two_roots = false;  // this agent's own fetches differed: it accuses nobody over this version
  friend bool operator==(const Condemned&, const Condemned&) = default;
};

class CondemnedVersions {
 public:
  static constexpr std::size_t kMax = 4096;  // the oldest goes
  static constexpr Duration kFor = std::chrono::hours(24 * 7);
  static constexpr Duration kForOwn = std::chrono::hours(24 * 365);  // of which this agent's own fetches differed
  static constexpr Duration kCounted = std::chrono::hours(1);
  static constexpr std::size_t kMaxByOne = 8;  // within kCounted

  [[nodiscard]] bool has(const Digest& version, WallTime now) const;
  [[nodiscard]] bool own_two_roots(const Digest& version, WallTime now) const;
  // Condemns it, where it is not; an earlier end is not put off. What it is now, and whether that is new.
  struct Change {
    Condemned condemned;
    bool fresh = false;
    std::optional<Digest> gone;  // made room
  };
  Change condemn(const Digest& version, const AgentId& one, const AgentId& other, WallTime now);
  Change condemn_own(const Digest& version, WallTime now);
  // What this agent fetched itself agrees with this member: it is not counted against it. Nothing: no change.
  std::optional<Condemned> clear(const Digest& version, const AgentId& agent);
  // How many versions a statement of this member helped to condemn lately.
  [[nodiscard]] std::size_t by(const AgentId& agent, WallTime now) const;
  // Not counted against it any more; what changed.
  std::vector<Condemned> pardon(const AgentId& agent);

  void restore(const Condemned& condemned, WallTime now);
  [[nodiscard]] std::vector<Digest> tidy(WallTime now);  // whose time is over: they are forgotten
  void forget_all() { versions_.clear(); }
  [[nodiscard]] std::size_t size() const { return versions_.size(); }

 private:
  [[nodiscard]] const Condemned* find(const Digest& version, WallTime now) const;
  Change put(const Condemned& condemned, WallTime now);

  std::map<Digest, Condemned> versions_;
};

}  // namespace larder::peer
