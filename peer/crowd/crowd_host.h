// The crowds that this agent is in (crowd.h), driven: a seat for each version under transfer, the loop's timers, what
// others say and what is said to them, several versions in one datagram. Loop thread; nobody is called from within a
// call but for crowd_heard(). Owned by the neighbourhood; seats may outlive it and then say nothing.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/runtime/clock.h"
#include "cache/record/segments.h"
#include "peer/crowd/crowd.h"
#include "peer/group/keys.h"
#include "peer/messages/crowd_entry.h"

namespace larder::peer {

// Who sits in a crowd.
class CrowdUser {
 public:
  virtual ~CrowdUser() = default;
  virtual void crowd_changed() = 0;  // what may be fetched from the origin now
  // What a member says of what it holds; from within CrowdHost::heard() or join().
  virtual void crowd_heard(const AgentId& agent, const CrowdEntry& entry) = 0;
};

// A place in the crowd of one version. Destroying it leaves the crowd, which is told what is held here once more.
class CrowdSeat {
 public:
  struct Place;
  explicit CrowdSeat(std::shared_ptr<Place> place) : place_(std::move(place)) {}
  ~CrowdSeat();
  CrowdSeat(const CrowdSeat&) = delete;
  CrowdSeat& operator=(const CrowdSeat&) = delete;

  // See Crowd.
  void holder(const AgentId& agent, bool complete, Bytes segments);
  void not_given(const AgentId& agent, std::uint64_t segment);
  void gives_nothing(const AgentId& agent);
  void delivering(std::uint64_t segment);
  void from_peers(std::uint64_t bytes);
  void progress(std::uint64_t segment, std::uint64_t bytes);
  void origin_usable(bool usable);

  [[nodiscard]] const std::vector<std::uint64_t>& fetch() const;  // from the origin, ascending
  [[nodiscard]] std::vector<std::uint64_t> to_take(std::size_t most) const;
  [[nodiscard]] std::vector<AgentId> holders(std::uint64_t segment, std::size_t most) const;
  [[nodiscard]] bool missing_everywhere() const;  // something, and nothing of the rest comes either
  [[nodiscard]] CrowdFigures figures() const;
  [[nodiscard]] bool alone() const;  // the host is gone, or the group's key has changed: it is no crowd any more

 private:
  std::shared_ptr<Place> place_;
};

class CrowdHost {
 public:
  static constexpr unsigned kLastWords = 2;        // times that who leaves says what it holds
  static constexpr std::size_t kMaxPlaces = 2048;  // versions under transfer, and those just left

  struct Parts {
    Runtime runtime;
    AgentId self{};
    std::function<void(std::vector<CrowdEntry>)> say;  // one datagram to everybody
    std::function<std::vector<AgentId>()> around;      // who could take part
    std::function<bool()> may_fetch;                   // policy: not metered, not on a low battery
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
    std::vector<std::pair<std::uint64_t, bool>> held;  // segments offered here already, and whether first-hand
  };
  // Null where this agent is in it already, or in too many.
  [[nodiscard]] std::unique_ptr<CrowdSeat> join(const Joining& what, const std::shared_ptr<CrowdUser>& user);

  void heard(const AgentId& sender, const CrowdStamp& stamp, const std::vector<CrowdEntry>& entries);
  void gone(const AgentId& agent);
  void around_changed();
  void may_fetch_changed();
  // A segment is offered here from now on.
  void held(const Digest& version_key, std::uint64_t segment, bool first_hand);
  [[nodiscard]] bool has(const Digest& version_key) const;  // this agent is in that crowd, or has just left it
  void forget_all();                                        // the group key changed: other names

 private:
  struct State;
  friend class CrowdSeat;
  std::shared_ptr<State> state_;
};

}  // namespace larder::peer
