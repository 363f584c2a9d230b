// Decides when this agent sends CROWD datagrams and which of its versions the next one covers: so often that claims are
// believed, so seldom that all agents of the group together stay under kMostPerSecond, whatever their number. Pure;
// loop thread; one for this agent.
//
// * A change that others wait for (SendUrgency::soon) is sent at once, at most kUrgentPerSecond on average.
// * An agent with live claims sends every kClaimEvery, and 1.5 times as long apart when more than kLoud is heard.
// * The other agents share the rest. Their interval grows with the number of agents heard, is drawn anew each time, and
//   is reconsidered when it ends (as RTCP does, RFC 3550 §6.3): thousands that start at once do not send at once.
// * When more than kQuiet is heard, agents without claims are silent. It takes N / kForPaced seconds until each of N
//   agents was heard once, and until then the number heard is no measure of the crowd's size.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "base/runtime/clock.h"
#include "peer/common/token_bucket.h"
#include "peer/crowd/distinct_count.h"
#include "peer/group/keys.h"
#include "peer/messages/crowd_entry.h"

namespace larder::peer {

class CrowdPace {
 public:
  static constexpr double kMostPerSecond = 100;  // datagrams of the whole group
  static constexpr double kUrgentPerSecond = 40;
  static constexpr double kUrgentBurst = 40;
  static constexpr Duration kShortest = std::chrono::milliseconds(500);
  static constexpr Duration kClaimEvery = std::chrono::milliseconds(400);

  explicit CrowdPace(Random& random);

  // -- inputs
  void on_datagram(const AgentId& sender, SteadyTime now);  // a CROWD datagram, of any version
  // Schedules an announcement of this version; `claims`: this agent has live claims in it. May be called repeatedly.
  void announce_soon(const Digest& version, SteadyTime now);  // at once, for a change
  void announce_at_pace(const Digest& version, bool claims,
                        SteadyTime now);     // at the agent's next turn, and from then on
  void drop_version(const Digest& version);  // ends the announcements

  // -- outputs
  // Returns when due() may return something; nullopt while nothing is to be announced.
  [[nodiscard]] std::optional<SteadyTime> next() const;
  // Returns the versions to announce now, the urgent first; empty: not yet. The caller sends those that fit into one
  // datagram (fitting()) and calls on_sent() with them.
  [[nodiscard]] std::vector<Digest> due(SteadyTime now);
  void on_sent(const std::vector<Digest>& versions, SteadyTime now);
  [[nodiscard]] std::size_t members() const;  // agents heard lately, about

 private:
  struct Version {
    bool urgent = false;
    bool claims = false;
    bool paced = false;
    SteadyTime sent{};
  };
  static constexpr double kForPaced = 60;  // share of kMostPerSecond that is left for agents without claims
  // Datagrams heard in a second: from kQuiet on an agent without claims is silent (about where a crowd settles), from
  // kLoud on an agent with claims sends less often.
  static constexpr double kQuiet = 72;
  static constexpr double kLoud = 80;
  static constexpr Duration kGather = std::chrono::microseconds(500);  // for simultaneous changes to share a datagram
  static constexpr Duration kEpoch = std::chrono::seconds(60);
  static constexpr Duration kSlice = std::chrono::milliseconds(100);
  static constexpr std::size_t kSlices = 10;

  [[nodiscard]] Duration interval(bool claims, SteadyTime now);
  [[nodiscard]] bool any_claims() const;
  [[nodiscard]] std::vector<Digest> in_turn() const;
  [[nodiscard]] double heard_lately(SteadyTime now);  // datagrams in the last second
  void shift_slices(SteadyTime now);

  Random* random_;
  std::map<Digest, Version> versions_;
  std::optional<SteadyTime> urgent_at_;  // when the urgent changes are due
  std::optional<SteadyTime> turn_at_;    // this agent's next turn
  bool claims_turn_ = false;             // turn_at_ was drawn for an agent with claims
  SteadyTime turn_drawn_at_{};           // the time from which turn_at_ was drawn
  TokenBucket urgent_tokens_{kUrgentPerSecond, kUrgentBurst};
  DistinctCount now_heard_;
  DistinctCount heard_before_;
  SteadyTime epoch_began_at_{};
  std::array<std::uint32_t, kSlices> slices_{};  // datagrams heard, by kSlice
  std::int64_t slice_ = 0;
};

// Returns how many of the entries, from the first on, fit into one datagram: at least one.
[[nodiscard]] std::size_t fitting(const std::vector<CrowdEntry>& entries);

}  // namespace larder::peer
