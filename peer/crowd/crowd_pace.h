// When this agent sends CROWD datagrams, and what of its crowds goes into the next: so often that claims are believed,
// so seldom that all agents of the group together stay under kMostPerSecond, whatever their number. Pure; loop thread;
// one for an agent.
//
// * A change that others wait for (Say::soon) goes at once, at most kUrgentPerSecond on average.
// * Who has live claims speaks every kClaimEvery, half as often when much is heard.
// * Everybody else shares what is left: the interval grows with the number of agents heard, is drawn anew each time,
// and
//   is reconsidered when it ends (as RTCP does, RFC 3550 §6.3): thousands that start at once do not speak at once.
// * When more is heard than a crowd that knows its size says, nobody without claims speaks: it takes N / kForPaced
//   seconds until everybody was heard once, and until then the number heard is no measure.
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
  static constexpr double kMostPerSecond = 100;  // of the whole group
  static constexpr double kUrgentPerSecond = 40;
  static constexpr double kUrgentBurst = 40;
  static constexpr Duration kShortest = std::chrono::milliseconds(500);
  static constexpr Duration kClaimEvery = std::chrono::milliseconds(400);

  explicit CrowdPace(Random& random);

  // -- told
  void heard(const AgentId& sender, SteadyTime now);  // a CROWD datagram, of whatever version
  // Something is to be said of this version; `claims`: this agent has live claims in it.
  void soon(const Digest& version, SteadyTime now);                  // a change
  void at_pace(const Digest& version, bool claims, SteadyTime now);  // it goes on; again and again is all right
  void drop(const Digest& version);                                  // nothing more to say

  // -- asked
  // When due() may have something; none while there is nothing to say.
  [[nodiscard]] std::optional<SteadyTime> next() const;
  // The versions to speak of now, the urgent first; empty: not yet. The caller sends what fits into one datagram
  // (pack()) and says so.
  [[nodiscard]] std::vector<Digest> due(SteadyTime now);
  void sent(const std::vector<Digest>& versions, SteadyTime now);
  [[nodiscard]] std::size_t members() const;  // agents heard lately, about

 private:
  struct Version {
    bool urgent = false;
    bool claims = false;
    bool paced = false;
    SteadyTime sent{};
  };
  static constexpr double kForPaced = 60;  // of kMostPerSecond: what those with claims leave
  // Heard in a second: who has no claims is silent (what a crowd settles to, about); who has claims speaks less often.
  static constexpr double kQuiet = 72;
  static constexpr double kLoud = 80;
  static constexpr Duration kGather = std::chrono::microseconds(500);  // what happens at once is told at once
  static constexpr Duration kEpoch = std::chrono::seconds(60);
  static constexpr Duration kSlice = std::chrono::milliseconds(100);
  static constexpr std::size_t kSlices = 10;

  [[nodiscard]] Duration interval(bool claims, SteadyTime now);
  [[nodiscard]] bool any_claims() const;
  [[nodiscard]] std::vector<Digest> in_turn() const;
  [[nodiscard]] double heard_lately(SteadyTime now);  // in a second
  void shift_slices(SteadyTime now);

  Random* random_;
  std::map<Digest, Version> versions_;
  std::optional<SteadyTime> urgent_;  // since when something is to go at once
  std::optional<SteadyTime> turn_;    // when this agent speaks again
  bool claims_turn_ = false;          // it was drawn for somebody with claims
  SteadyTime since_{};                // it was drawn from
  TokenBucket urgent_tokens_{kUrgentPerSecond, kUrgentBurst};
  DistinctCount now_heard_;
  DistinctCount heard_before_;
  SteadyTime epoch_{};
  std::array<std::uint32_t, kSlices> slices_{};  // datagrams heard, by kSlice
  std::int64_t slice_ = 0;
};

// How many of the entries, from the first on, fit into one datagram: at least one.
[[nodiscard]] std::size_t fitting(const std::vector<CrowdEntry>& entries);

}  // namespace larder::peer
