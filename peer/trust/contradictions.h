// The contradictions between members: two agents attested different roots of one segment. They are kept as pairs, since
// one pair does not show which of the two is wrong; the common member of many pairs does. Pure; `now` is an argument;
// loop thread.
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
  bool https = false;                 // both fetched it by HTTPS
  std::string host;                   // of the version's URL, where this agent knows it
  WallTime at{};                      // when this agent learnt of it
  WallTime one_said{}, other_said{};  // times of their fetches, as they state them
  friend bool operator==(const Contradiction&, const Contradiction&) = default;
};

class Contradictions {
 public:
  static constexpr std::size_t kMax = 8192;      // the oldest goes
  static constexpr std::size_t kMaxOfOne = 256;  // of one member; more are not kept
  static constexpr std::size_t kMaxOfPair = 16;  // so that a few members cannot fill up another one's kMaxOfOne
  static constexpr Duration kFor = std::chrono::hours(24 * 7);

  [[nodiscard]] bool is_known(const AgentId& a, const AgentId& b, const Digest& version) const;
  // Adds a contradiction, its two agents in order. False: it is known, of one agent alone, or beyond the bounds.
  // `gone`: the one that made room.
  bool add(Contradiction what, std::optional<Contradiction>& gone);
  // Returns the contradictions of one member that are younger than kFor.
  [[nodiscard]] std::vector<Contradiction> of(const AgentId& agent, WallTime now) const;
  // Returns how many different members contradicted this one within the time before `now`.
  [[nodiscard]] std::size_t counterparts(const AgentId& agent, WallTime now, Duration within) const;
  // Returns whether one wrong member would explain all contradictions over this host. `self` is not wrong.
  // Contradictions of a member that is `discounted` count as explained.
  [[nodiscard]] bool one_explains(const std::string& host, const AgentId& self, WallTime now,
                                  const std::function<bool(const AgentId&)>& discounted = {}) const;
  // Returns whether `self` takes part in a contradiction over the host.
  [[nodiscard]] bool any_of(const std::string& host, const AgentId& self, WallTime now) const;
  // Removes and returns the contradictions that match.
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
  void remove(Key key, std::optional<Contradiction>& gone);
  void erase(const Key& key);

  std::map<Key, Kept> all_;
  std::map<std::uint64_t, Key> by_order_;              // the oldest first
  std::map<AgentId, std::set<std::uint64_t>> of_one_;  // keys of by_order_
  std::map<std::pair<AgentId, AgentId>, std::set<std::uint64_t>> of_pair_;
  std::uint64_t last_order_ = 0;
};

}  // namespace larder::peer
