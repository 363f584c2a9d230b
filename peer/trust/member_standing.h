// The standing of each member with this agent. Shunned: this agent takes nothing from it, gives it nothing and ignores
// its datagrams. Doubted: its attestation alone makes nothing believed and condemns nothing; its bytes are as good as
// any, since they are checked. Both end by themselves, and by an admin's pardon. Pure; `now` is an argument; bounded;
// loop thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/runtime/clock.h"
#include "peer/group/keys.h"
#include "peer/reach/spell.h"

namespace larder::peer {

// The numbers are kept in larder.db; 0 is of a rule that no longer exists.
enum class ShunReason : std::uint8_t { retired = 0, contradicted_by_group = 1, sent_bad_blocks = 2 };
struct Shunned {
  AgentId agent{};
  ShunReason reason = ShunReason::sent_bad_blocks;
  Spell spell;
  std::string detail;  // for people
  friend bool operator==(const Shunned&, const Shunned&) = default;
};

enum class DoubtReason : std::uint8_t { contradicted_here = 0, contradicts_too_much = 1 };
struct Doubted {
  AgentId agent{};
  DoubtReason reason = DoubtReason::contradicted_here;
  bool https = false;  // doubted for all versions; false: only for those published by plain HTTP
  Spell spell;
  std::string site;  // of the origin concerned; empty: several, or not known
  friend bool operator==(const Doubted&, const Doubted&) = default;
};

struct Pardon {
  AgentId agent{};
  WallTime at{};
  friend bool operator==(const Pardon&, const Pardon&) = default;
};

class MemberStanding {
 public:
  static constexpr std::size_t kMax = 4096;  // of each kind
  static constexpr Duration kBadBlocks = std::chrono::hours(1);
  static constexpr Duration kFirstShun = std::chrono::hours(1);
  static constexpr Duration kLongestShun = std::chrono::hours(72);
  static constexpr Duration kFirstDoubt = std::chrono::hours(1);
  static constexpr Duration kLongestDoubt = std::chrono::hours(24);

  [[nodiscard]] bool shunned(const AgentId& agent, WallTime now) const;
  // `https`: the version is published by HTTPS, as far as the caller can tell.
  [[nodiscard]] bool doubted(const AgentId& agent, bool https, WallTime now) const;
  // Returns whether it is doubted for another reason than contradictions over this site alone.
  [[nodiscard]] bool doubted_elsewhere(const AgentId& agent, const std::string& site, WallTime now) const;
  [[nodiscard]] std::vector<Shunned> all_shunned(WallTime now) const;
  [[nodiscard]] std::vector<Doubted> all_doubted(WallTime now) const;

  template <class T>
  struct Change {
    std::optional<T> now;         // the present state; nullopt: no change
    bool fresh = false;           // it did not hold before, or is wider now
    std::optional<AgentId> gone;  // the agent that made room
  };
  // Shuns the member for an hour from now; a shunning for another reason stays as it is.
  Change<Shunned> sent_bad_blocks(const AgentId& agent, WallTime now);
  Change<Shunned> shun(const AgentId& agent, std::string detail, WallTime now);
  Change<Doubted> doubt(const AgentId& agent, DoubtReason reason, bool https, const std::string& site, WallTime now);
  // Called when a site turned out not to be constant: ends doubts that concern it alone. Returns those that changed.
  std::vector<Doubted> lift(const std::string& site, WallTime now);
  // Called when this agent's own fetch agrees with the member: ends a doubt for contradicting too many. Returns the
  // change.
  std::optional<Doubted> bear_out(const AgentId& agent, WallTime now);
  // The result of an admin's pardon: whether the member was shunned or doubted; `gone`, the one that made room.
  struct Pardoned {
    bool any = false;
    std::optional<AgentId> gone;
  };
  Pardoned pardon(const AgentId& agent, WallTime now);
  // Returns the time up to which statements against the member no longer count: its last pardon, or the beginning of
  // its last shunning.
  [[nodiscard]] WallTime counts_from(const AgentId& agent) const;

  void restore(Shunned shunned, WallTime now);
  void restore(Doubted doubted, WallTime now);
  void restore(const Pardon& pardon);
  // The agents that were forgotten; `ended`: a spell ended since the last call.
  struct Tidied {
    std::vector<AgentId> shunned, doubted;
    bool ended = false;
  };
  [[nodiscard]] Tidied tidy(WallTime now);
  void forget_all();

 private:
  std::map<AgentId, Shunned> shunned_;
  std::map<AgentId, Doubted> doubted_;
  std::map<AgentId, WallTime> pardons_;
  WallTime tidied_{};
};

}  // namespace larder::peer
