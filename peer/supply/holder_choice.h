// Chooses the holders of a version to ask, and finds the one that has stalled. Pure; `now` is an argument.
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
  // Segments that it only announced (HAVE, CROWD), and that no manifest of its own has named yet; for a complete holder
  // they may be all. It may mean another content than the one whose root is believed.
  std::set<std::uint64_t> hearsay;
  std::uint8_t load = 0;   // transfers that it is serving
  std::uint64_t draw = 0;  // random tie-break, so that askers spread over equal holders

  [[nodiscard]] bool has(std::uint64_t segment) const { return complete || segments.contains(segment); }
};

// The known holders of one version, and the agents that were dropped as holders.
class HolderTable {
 public:
  static constexpr std::size_t kMaxHolders = 64;

  // Inserts or updates a holder. False: refused, since it was dropped earlier, the table is full, or it has nothing.
  bool add_holder(const HolderFacts& holder);
  // Removes the holder and keeps it out from now on. False: it was not in the table.
  bool drop_holder(const AgentId& agent);
  [[nodiscard]] const HolderFacts* find_holder(const AgentId& agent) const;
  // Return holders sorted: complete ones first, then the less loaded, then those with more segments, then by `draw`.
  [[nodiscard]] std::vector<HolderFacts> ranked() const;
  [[nodiscard]] std::vector<HolderFacts> ranked_with(std::uint64_t segment) const;
  [[nodiscard]] std::vector<HolderFacts> ranked_complete() const;
  [[nodiscard]] bool any_complete() const;
  // Returns for each of `count` segments whether some holder has it.
  [[nodiscard]] std::vector<bool> held(std::uint64_t count) const;
  // Makes room for a holder of rare segments: erases the incomplete holder with the fewest segments if the table is
  // full.
  void make_room();
  // Lets a dropped agent be added again.
  void readmit(const AgentId& agent) { dropped_.erase(agent); }
  [[nodiscard]] std::size_t size() const { return holders_.size(); }
  [[nodiscard]] bool was_dropped(const AgentId& agent) const { return dropped_.contains(agent); }

 private:
  std::map<AgentId, HolderFacts> holders_;
  std::set<AgentId> dropped_;
};

// Returns how many holders are asked for one segment together. For small segments one holder is as fast as its line.
[[nodiscard]] std::size_t wanted_holders(std::uint64_t bytes);

// Watches the peers of one fetch for a stall: bytes are wanted, and none of the peers delivered any for kStall (with
// several peers kStallOfSeveral; after the loss of one the rest have at least kAfterLoss). The peer that has been
// silent longest is then to be dropped. So a slow peer that holds back the last blocks goes once the others are done,
// and a peer that delivers nothing does not cost the fetch a good one.
class StallWatch {
 public:
  static constexpr Duration kStall = std::chrono::seconds(1);
  static constexpr Duration kStallOfSeveral = std::chrono::milliseconds(600);
  static constexpr Duration kAfterLoss = std::chrono::milliseconds(300);

  void add_peer(const AgentId& peer, SteadyTime now);
  void remove(const AgentId& peer, SteadyTime now);
  void delivered(const AgentId& peer, SteadyTime now);
  void set_wanting(bool wanting, SteadyTime now);  // a change of it restarts the time of silence
  [[nodiscard]] std::optional<AgentId> stalled(SteadyTime now) const;
  // Returns when stalled() can name a peer; nullopt while nothing is wanted or there is no peer.
  [[nodiscard]] std::optional<SteadyTime> next_check() const;
  [[nodiscard]] bool has(const AgentId& peer) const { return last_.contains(peer); }
  [[nodiscard]] std::size_t peers() const { return last_.size(); }

 private:
  [[nodiscard]] Duration limit() const { return last_.size() > 1 ? kStallOfSeveral : kStall; }

  std::map<AgentId, SteadyTime> last_;  // time of its last block, or of add_peer()
  SteadyTime quiet_since_{};            // since when no peer has delivered a block
  bool wanting_ = false;
};

}  // namespace larder::peer
