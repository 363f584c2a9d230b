// The driver of this agent's crowds (crowd.h): one membership for each version under transfer, the loop's timers, and
// the CROWD datagrams, several versions in one. Owned by the neighbourhood; memberships may outlive it and are inert
// then.
//
// Loop thread. Re-entrancy: on_crowd_entry() is called within on_datagram() and join_crowd(); Parts::around and
// Parts::may_fetch within join_crowd() and the on_…_changed() calls. on_crowd_changed() and Parts::send_entries come
// from later turns of the loop.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/index.h"
#include "base/runtime/clock.h"
#include "cache/record/segments.h"
#include "peer/crowd/crowd.h"
#include "peer/group/keys.h"
#include "peer/messages/crowd_entry.h"

namespace larder::peer {

// The user of a membership. CrowdHost keeps it as a weak_ptr: once it is destroyed, neither method is called.
class CrowdUser {
 public:
  virtual ~CrowdUser() = default;
  virtual void on_crowd_changed() = 0;  // called when CrowdMembership::fetch() has changed
  // Called with each entry of a member, from within CrowdHost::on_datagram() or join_crowd().
  virtual void on_crowd_entry(const AgentId& agent, const CrowdEntry& entry) = 0;
};

// This agent's membership of one version's crowd. Destroying it leaves the crowd: what is held here is announced twice
// more (kLastWords), unless no member has heard of this agent and it holds nothing.
class CrowdMembership {
 public:
  struct Place;
  explicit CrowdMembership(std::shared_ptr<Place> place) : place_(std::move(place)) {}
  ~CrowdMembership();
  CrowdMembership(const CrowdMembership&) = delete;
  CrowdMembership& operator=(const CrowdMembership&) = delete;

  // As in Crowd. Each call is followed by a take_step() in a later turn of the loop.
  void on_holder(const AgentId& agent, bool complete, Bytes segments);
  void on_segment_not_given(const AgentId& agent, std::uint64_t segment);
  void on_nothing_proven(const AgentId& agent);
  void on_delivering(std::uint64_t segment);
  void on_bytes_from_peers(std::uint64_t bytes);
  void on_progress(SegmentIndex segment, std::uint64_t bytes);
  void set_origin_usable(bool usable);

  [[nodiscard]] const std::vector<std::uint64_t>& fetch() const;  // segments for the origin, ascending
  [[nodiscard]] std::vector<std::uint64_t> to_take(std::size_t most) const;
  [[nodiscard]] std::vector<AgentId> holders(SegmentIndex segment, std::size_t most) const;
  // True when a segment is missing everywhere and no other segment is held or fetched elsewhere, so that waiting is of
  // no use; also once the host is gone.
  [[nodiscard]] bool missing_everywhere() const;
  [[nodiscard]] CrowdFigures figures() const;
  [[nodiscard]] bool alone() const;  // the host is gone or the group's key has changed: the crowd is over

 private:
  std::shared_ptr<Place> place_;
};

class CrowdHost {
 public:
  static constexpr unsigned kLastWords = 2;        // announcements after the membership's end of what is held
  static constexpr std::size_t kMaxPlaces = 2048;  // versions under transfer, and those just left

  struct Parts {
    Runtime runtime;
    AgentId self{};
    std::function<void(std::vector<CrowdEntry>)> send_entries;  // sends one datagram to the group
    std::function<std::vector<AgentId>()> around;               // agents that could take part
    std::function<bool()> may_fetch;                            // policy: not metered, not on a low battery
  };
  explicit CrowdHost(Parts parts);
  ~CrowdHost();
  CrowdHost(const CrowdHost&) = delete;
  CrowdHost& operator=(const CrowdHost&) = delete;

  struct Joining {
    Digest version_key{};
    cache::SegmentLayout layout{0};
    Duration patience{};
    std::uint64_t min_rate = 0;
    std::vector<std::pair<std::uint64_t, bool>> offered;  // (segment offered here already, first-hand)
  };
  // Becomes a member. Null: this agent is in that crowd already, or in kMaxPlaces crowds. Calls on_crowd_entry() for
  // what was heard of the version earlier, before it returns.
  [[nodiscard]] std::unique_ptr<CrowdMembership> join_crowd(const Joining& what,
                                                            const std::shared_ptr<CrowdUser>& user);

  void on_datagram(const AgentId& sender, const CrowdStamp& stamp, const std::vector<CrowdEntry>& entries);
  void on_agent_gone(const AgentId& agent);
  void on_agents_changed();
  void on_may_fetch_changed();
  // Called when this agent offers a segment.
  void on_segment_offered(const Digest& version_key, std::uint64_t segment, bool first_hand);
  [[nodiscard]] bool has(const Digest& version_key) const;  // this agent is in that crowd, or has just left it
  void forget_all();                                        // the group's key changed: all version keys are new

 private:
  struct State;
  friend class CrowdMembership;
  std::shared_ptr<State> state_;
};

}  // namespace larder::peer
