// Which members contradicted which, over what: two agents told different roots of one segment. Told of pairs, since
// nobody can tell who of the two is wrong; what many pairs have in common can. Pure; `now` is an argument; loop thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "base/hash/digest.h"
#include "base/runtime/clock.h"
#include "peer/group/keys.h"

namespace larder::peer {

struct Contradiction {
  AgentId one{};  // the lesser id
  AgentId other{};
  Digest version{};
  bool https = false;                 // both fetched it so
  std::string host;                   // of the version's URL, where this agent knows it
  WallTime at{};                      // when this agent learnt of it
  WallTime one_said{}, other_said{};  // when they fetched it, as they say
  friend bool operator==(const Contradiction&, const Contradiction&) = default;
};

class Contradictions {
 public:
  static constexpr std::size_t kMax = 8192;      // the oldest goes
  static constexpr std::size_t kMaxOfOne = 256;  // in which one member takes part; more are not kept
  static constexpr std::size_t kMaxOfPair = 16;  // so that few members cannot fill up another's
  static constexpr Duration kFor = std::chrono::hours(24 * 7);

  [[nodiscard]] bool known(const AgentId& a, const AgentId& b, const Digest& version) const;
  // Puts the two in order. False: known, or beyond the bounds. `gone` made room.
  bool add(Contradiction what, std::optional<Contradiction>& gone);
  // Those of one member that are not too old.
  [[nodiscard]] std::vector<Contradiction> of(const AgentId& agent, WallTime now) const;
  // With how many different others a member was in contradiction within the time before.
  [[nodiscard]] std::size_t counterparts(const AgentId& agent, WallTime now, Duration within) const;
  // Whether one member that is wrong would explain all contradictions over this host. `self` is not wrong.
  // Those that a member takes part in that is `discounted` are explained by it already.
  [[nodiscard]] bool one_explains(const std::string& host, const AgentId& self, WallTime now,
                                  const std::function<bool(const AgentId&)>& discounted = {}) const;
  // This agent's own are among those over the host.
  [[nodiscard]] bool any_of(const std::string& host, const AgentId& self, WallTime now) const;
  // Takes them out and returns them.
  std::vector<Contradiction> drop_if(const std::function<bool(const Contradiction&)>& which);
  [[nodiscard]] std::vector<Contradiction> tidy(WallTime now);
  void forget_all();
  [[nodiscard]] std::size_t size() const { return all_.size(); }

 private:
  using Key = std::tuple<AgentId, AgentId, Digest>;
  struct Kept {
    Contradiction what;
    std::uint64_t order = 0;
  };
  [[nodiscard]] bool full(const AgentId& agent) const;
  void take(Key key, std::optional<Contradiction>& gone);
  void erase(const Key& key);

  std::map<Key, Kept> all_;
  std::map<std::uint64_t, Key> by_order_;              // the oldest first
  std::map<AgentId, std::set<std::uint64_t>> of_one_;  // orders
  std::map<std::pair<AgentId, AgentId>, std::set<std::uint64_t>> of_pair_;
  std::uint64_t last_order_ = 0;
};

}  // namespace larder::peer
