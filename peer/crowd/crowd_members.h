// The other members of a crowd as this agent has heard them: the segments that each holds, and the live claims
// (docs/decisions/0019-crowd.md, rules 3 and 5). Pure; loop thread. Bounded: kMaxMembers are remembered, the others
// only counted. One CROWD datagram costs the words of a bitmap and its claims, whatever the number of members.
//
// Claims are live while their agent makes progress: kStep bytes within the claim expiry (CrowdRules::void_after,
// stretched by ClaimRecord), finished segments included. Else all its claims are void until it makes progress again. A
// finished segment must be held kHeldWithin later, or its claim is broken. Progress in one claim keeps the agent's
// other claims live, since those wait for it. A claim that is merely slow stays live.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/index.h"
#include "base/runtime/clock.h"
#include "cache/record/segments.h"
#include "peer/common/segment_bits.h"
#include "peer/crowd/claim_record.h"
#include "peer/crowd/distinct_count.h"
#include "peer/group/keys.h"
#include "peer/messages/crowd_entry.h"

namespace larder::peer {

class CrowdMembers {
 public:
  static constexpr std::size_t kMaxMembers = 128;
  static constexpr std::size_t kMaxClaimants = 32;
  static constexpr std::size_t kCounted = 4;  // claims of one agent; further ones are ignored
  static constexpr std::uint64_t kStep = 16 * 1024;
  static constexpr Duration kHeldWithin = std::chrono::seconds(3);
  static constexpr Duration kForgotten = std::chrono::seconds(15);  // of silence; longer in large crowds
  static constexpr Duration kFirstRefusal = std::chrono::seconds(5);
  static constexpr unsigned kMostDoublings = 4;
  static constexpr std::size_t kMaxRefusals = 32;  // of one member
  static constexpr Duration kFade = std::chrono::seconds(5);
  static constexpr Duration kIdle = std::chrono::seconds(10);  // a claimant without claims is forgotten

  struct Claim {
    std::uint64_t segment = 0;
    std::uint64_t bytes = 0;
    SteadyTime since{};
    SteadyTime full_since{};  // since when the claim has named all bytes as fetched; zero: not yet
    bool broken = false;      // full for longer than kHeldWithin, and not held
  };
  struct Claimant {
    AgentId agent{};
    std::uint64_t rank = 0;
    std::vector<Claim> claims;
    SteadyTime heard_at{};
    // Time of the last progress of kStep, moved forward by the time without claims: claiming and dropping is not
    // progress.
    SteadyTime last_progress_at{};
    SteadyTime idle_since{};  // since when it has had no claims; zero: it has some
    std::uint64_t step = 0;   // bytes of progress since last_progress_at
    double rate = 0;          // smoothed, bytes/s
    bool voided = false;      // no kStep of progress within the claim expiry: all its claims are void
    bool live = false;        // it is waited for: not voided, has a claim that is not broken, and a good record
  };

  // `void_after`: the claim expiry while nothing stretches it.
  CrowdMembers(const Digest& version_key, const cache::SegmentLayout& layout, Duration void_after, ClaimRecord& record,
               std::uint64_t seed);

  // True: this is the first entry heard of the agent, or the first since it was forgotten.
  bool on_entry(const AgentId& agent, const CrowdStamp& stamp, const CrowdEntry& entry, SteadyTime now);
  void on_holder(const AgentId& agent, bool complete, Bytes segments, SteadyTime now);
  void on_segment_not_given(const AgentId& agent, std::uint64_t segment, SteadyTime now);
  // Counts the agent as holding nothing for a while: it could prove nothing of what it announced.
  void on_nothing_proven(const AgentId& agent, SteadyTime now);
  void on_agent_gone(const AgentId& agent);
  // Voids expired claims, and forgets members that were silent for too long.
  void review(SteadyTime now);
  void forgive_silence(SteadyTime now);  // called after this agent slept: the silence meanwhile does not count

  [[nodiscard]] std::uint32_t holders(std::uint64_t segment) const { return holders_[segment]; }
  [[nodiscard]] const SegmentBits& announced_by_any() const { return announced_by_any_; }  // by a remembered member
  // Returns whether a member that lately had to make room held the segment; the origin is not asked for it then.
  [[nodiscard]] bool faded(std::uint64_t segment) const { return faded_.has(segment) || fading_.has(segment); }
  [[nodiscard]] std::uint64_t faded_word(std::size_t index) const { return faded_.word(index) | fading_.word(index); }
  [[nodiscard]] std::vector<AgentId> holders_of(SegmentIndex segment, std::size_t most) const;
  [[nodiscard]] const std::vector<Claimant>& claimants() const { return claimants_; }  // live or not
  [[nodiscard]] std::size_t fetchers() const { return fetchers_; }                     // number of live claimants
  // Returns whether at least `fetchers` live claimants are before `rank` in the crowd's order.
  [[nodiscard]] bool outranked_by(std::size_t fetchers, std::uint64_t rank) const;
  [[nodiscard]] double best_rate() const;
  [[nodiscard]] std::uint64_t progress() const { return progress_; }  // bytes that live claimants reported, ever
  [[nodiscard]] std::size_t count() const { return remembered_.size() < kMaxMembers ? remembered_.size() : all(); }
  [[nodiscard]] std::uint64_t voided() const { return voided_; }  // broken claims, and voidings of a claimant, ever
  // Returns when review() may next void a claim; nullopt without live claims.
  [[nodiscard]] std::optional<SteadyTime> next_review() const;
  // Returns the present claim expiry.
  [[nodiscard]] Duration void_after(SteadyTime now) const { return void_after_ * record_->stretch(now); }

 private:
  struct Refusal {
    std::uint64_t segment = 0;
    SteadyTime until{};
    unsigned times = 0;
  };
  struct Member {
    CrowdStamp stamp;
    SteadyTime heard_at{};
    SegmentBits announced;  // announced as held, without refused segments
    std::vector<Refusal> refusals;
    SteadyTime nothing_until{};  // until when it counts as holding nothing
    unsigned nothing_times = 0;
    std::size_t turn = 0;  // index in turn_
  };
  // The holders of one segment, as bits by their places in turn_: holders are asked for far more often than a member is
  // forgotten.
  using Places = std::array<std::uint64_t, kMaxMembers / 64>;
  struct IdHash {
    std::size_t operator()(const AgentId& id) const { return static_cast<std::size_t>(drawn(id, 0)); }
  };
  Member& member(const AgentId& agent);
  void make_room();
  void forget(const AgentId& agent);
  void read_bitmap(const Member& member, const CrowdEntry& entry);
  void count_holders(SegmentIndex segment, std::uint32_t holders);
  void set_announced(Member& member, const SegmentBits& said, SteadyTime now);
  [[nodiscard]] bool holds_alone(const Member& member) const;
  void move_place(Member& member, std::size_t to);
  void read_claims(const AgentId& agent, const CrowdEntry& entry, const Member& member, SteadyTime now);
  Claimant* claimant(const AgentId& agent);
  Claimant* new_claimant(const AgentId& agent, SteadyTime now);
  void advance(Claimant& claimant, const CrowdEntry& entry, const Member& member, SteadyTime now);
  std::uint64_t update_claims(Claimant& claimant, const CrowdEntry& entry, const Member& member, SteadyTime now);
  void judge_claims(Claimant& claimant, SteadyTime now);
  void count_fetchers();
  void sweep_silent(SteadyTime now);
  [[nodiscard]] std::size_t all() const { return std::max(remembered_.size(), all_.count()); }
  [[nodiscard]] Duration forgotten_after() const;

  Digest version_key_;
  cache::SegmentLayout layout_;
  Duration void_after_;
  ClaimRecord* record_;
  std::uint64_t seed_;
  std::unordered_map<AgentId, Member, IdHash> remembered_;
  std::vector<AgentId> turn_;  // the order in which members make room, from hand_ on
  std::size_t hand_ = 0;
  DistinctCount all_;
  std::vector<std::uint32_t> holders_;  // by segment
  std::vector<Places> announced_by_;    // by segment
  SegmentBits announced_by_any_;
  SegmentBits announced_by_one_;  // held by exactly one remembered member
  SegmentBits faded_;
  SegmentBits fading_;  // faded_ of the previous kFade
  SegmentBits scratch_;
  std::vector<Claimant> claimants_;
  std::size_t fetchers_ = 0;
  std::uint64_t progress_ = 0;
  std::uint64_t voided_ = 0;
  SteadyTime next_sweep_at_{};
  SteadyTime next_fade_at_{};
};

}  // namespace larder::peer
