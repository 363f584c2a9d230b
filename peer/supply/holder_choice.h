// Which holder is asked, and when one has been silent for too long. Pure; `now` is an argument.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "base/runtime/clock.h"
#include "peer/common/endpoint.h"
#include "peer/group/keys.h"

namespace larder::peer {

struct HolderFacts {
  AgentId agent{};
  Endpoint catalogue;
  Endpoint swarm;
  bool complete = false;
  std::set<std::uint64_t> segments;  // of one that is not complete
  // Of them those that it only said it has (HAVE, CROWD), all of one that is complete: it may mean another content than
  // the one whose root is believed.
  std::set<std::uint64_t> hearsay;
  std::uint8_t load = 0;   // transfers that it is serving
  std::uint64_t draw = 0;  // random: equals are taken in another order by each asker, so that askers spread

  [[nodiscard]] bool has(std::uint64_t segment) const { return complete || segments.contains(segment); }
};

// All that hold something of one version, and those of them that failed.
class HolderTable {
 public:
  static constexpr std::size_t kMaxHolders = 64;

  // What is said later of one that is known replaces the earlier; one that was dropped stays out. False: not taken.
  bool add(const HolderFacts& holder);
  // False when it was not there.
  bool drop(const AgentId& agent);
  [[nodiscard]] const HolderFacts* find(const AgentId& agent) const;
  // Complete ones first, then the less loaded, then those with more segments, then as drawn.
  [[nodiscard]] std::vector<HolderFacts> ranked() const;
  [[nodiscard]] std::vector<HolderFacts> ranked_with(std::uint64_t segment) const;
  [[nodiscard]] std::vector<HolderFacts> ranked_complete() const;
  [[nodiscard]] bool any_complete() const;
  // Which of `count` segments somebody has.
  [[nodiscard]] std::vector<bool> held(std::uint64_t count) const;
  // Makes room for one that has what nobody here has: of those that are not complete the one with the least goes.
  void make_room();
  // It was dropped, and is there again after all.
  void readmit(const AgentId& agent) { dropped_.erase(agent); }
  [[nodiscard]] std::size_t size() const { return holders_.size(); }
  [[nodiscard]] bool dropped(const AgentId& agent) const { return dropped_.contains(agent); }

 private:
  std::map<AgentId, HolderFacts> holders_;
  std::set<AgentId> dropped_;
};

// How many complete holders deliver one content together: one is as fast as its line for what is soon over.
[[nodiscard]] std::size_t wanted_holders(std::uint64_t bytes);

// Watches the peers of one download. Nothing came from any of them for kStall (kStallOfSeveral, where there is somebody
// else to ask, who then has kAfterLoss at least) although something is wanted: the one
// that has been silent longest is to go. So a slow one that holds back the last blocks goes when the others are done,
// and one that delivers nothing costs nobody a good one.
class StallWatch {
 public:
  static constexpr Duration kStall = std::chrono::seconds(1);
  static constexpr Duration kStallOfSeveral = std::chrono::milliseconds(600);
  static constexpr Duration kAfterLoss = std::chrono::milliseconds(300);

  void add(const AgentId& peer, SteadyTime now);
  void remove(const AgentId& peer, SteadyTime now);
  void delivered(const AgentId& peer, SteadyTime now);
  void set_wanting(bool wanting, SteadyTime now);  // silence counts from here on
  [[nodiscard]] std::optional<AgentId> stalled(SteadyTime now) const;
  // When stalled() could say something; none while nothing is wanted or nobody is there.
  [[nodiscard]] std::optional<SteadyTime> next_check() const;
  [[nodiscard]] bool has(const AgentId& peer) const { return last_.contains(peer); }
  [[nodiscard]] std::size_t peers() const { return last_.size(); }

 private:
  [[nodiscard]] Duration limit() const { return last_.size() > 1 ? kStallOfSeveral : kStall; }

  std::map<AgentId, SteadyTime> last_;  // block, or since when it could have sent one
  SteadyTime quiet_since_{};            // nothing from anybody since
  bool wanting_ = false;
};

}  // namespace larder::peer
