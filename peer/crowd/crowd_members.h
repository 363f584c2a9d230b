// The other members of a crowd as one of them has heard: who holds what, and whose claims are live
// (docs/decisions/0019-crowd.md, rules 3 and 5). Pure; loop thread. Bounded: kMaxMembers are remembered, the others
// only counted; one CROWD datagram costs the words of a bitmap and its claims, whatever the number of members.
//
// A claim is live while the agent makes progress: kStep in the void time, with what it finished counted; what is
// finished must be held kHeldWithin later. Progress told in one claim keeps the agent's other ones, which wait for it.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

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
  static constexpr std::size_t kCounted = 4;  // claims of one agent: more do not keep others from anything
  static constexpr std::uint64_t kStep = 16 * 1024;
  static constexpr Duration kHeldWithin = std::chrono::seconds(3);
  static constexpr Duration kForgotten = std::chrono::seconds(15);  // silent so long; longer in large crowds
  static constexpr Duration kFirstRefusal = std::chrono::seconds(5);
  static constexpr unsigned kMostDoublings = 4;
  static constexpr std::size_t kMaxRefusals = 32;  // of one member
  static constexpr Duration kFade = std::chrono::seconds(5);
  static constexpr Duration kIdle = std::chrono::seconds(10);  // a claimant without claims is forgotten

  struct Claim {
    std::uint64_t segment = 0;
    std::uint64_t bytes = 0;
    SteadyTime since{};
    SteadyTime full{};    // since all of it was said to be fetched; zero: not yet
    bool broken = false;  // full for too long, and not held
  };
  struct Claimant {
    AgentId agent{};
    std::uint64_t rank = 0;
    std::vector<Claim> claims;
    SteadyTime heard{};
    SteadyTime moved{};      // progress of kStep; later by the time without claims: claims taken up and dropped again
                             // and again are not progress
    SteadyTime idle{};       // since it has no claims; zero: it has
    std::uint64_t step = 0;  // progress since `moved`
    double rate = 0;         // bytes/s, lately
    bool voided = false;
    bool live = false;
  };

  CrowdMembers(const Digest& version_key, const cache::SegmentLayout& layout, ClaimRecord& record, std::uint64_t seed);

  // True: it was not among those remembered.
  bool heard(const AgentId& agent, const CrowdStamp& stamp, const CrowdEntry& entry, SteadyTime now);
  void holder(const AgentId& agent, bool complete, Bytes segments, SteadyTime now);
  void not_given(const AgentId& agent, std::uint64_t segment, SteadyTime now);
  // Nothing of what it says that it holds can be had from it: none of that counts for a while.
  void gives_nothing(const AgentId& agent, SteadyTime now);
  void gone(const AgentId& agent);
  void set_void_after(Duration time) { void_after_ = time; }
  // Looks for claims that became void and members that were silent for too long.
  void review(SteadyTime now);
  void forgive(SteadyTime now);  // this agent slept: nobody is to blame for what it has not heard

  [[nodiscard]] std::uint32_t holders(std::uint64_t segment) const { return holders_[segment]; }
  [[nodiscard]] const SegmentBits& held() const { return held_; }  // by somebody remembered
  // By somebody who was heard lately and had to make room: no reason to fetch it again.
  [[nodiscard]] bool faded(std::uint64_t segment) const { return faded_.has(segment) || fading_.has(segment); }
  [[nodiscard]] std::uint64_t faded_word(std::size_t index) const { return faded_.word(index) | fading_.word(index); }
  [[nodiscard]] std::vector<AgentId> holders_of(std::uint64_t segment, std::size_t most) const;
  [[nodiscard]] const std::vector<Claimant>& claimants() const { return claimants_; }  // live or not
  [[nodiscard]] std::size_t fetchers() const { return fetchers_; }                     // live
  [[nodiscard]] bool outranked_by(std::size_t fetchers, std::uint64_t rank) const;  // so many live ones are before it
  [[nodiscard]] double best_rate() const;
  [[nodiscard]] std::uint64_t progress() const { return progress_; }  // told by live claimants, ever
  [[nodiscard]] std::size_t count() const { return remembered_.size() < kMaxMembers ? remembered_.size() : all(); }
  [[nodiscard]] std::uint64_t voided() const { return voided_; }
  // When review() may find something; none without live claims.
  [[nodiscard]] std::optional<SteadyTime> next_review() const;
  [[nodiscard]] Duration void_after(SteadyTime now) const { return void_after_ * record_->stretch(now); }

 private:
  struct Refusal {
    std::uint64_t segment = 0;
    SteadyTime until{};
    unsigned times = 0;
  };
  struct Member {
    CrowdStamp stamp;
    SteadyTime heard{};
    SegmentBits said;  // what it says that it holds, without what it refused
    std::vector<Refusal> refusals;
    SteadyTime nothing_until{};  // whatever it says, it counts as holding nothing
    unsigned nothing_times = 0;
    std::size_t turn = 0;  // its place in turn_
  };
  // Members by their places in turn_, for each segment: who holds it is asked far more often than anybody leaves.
  using Places = std::array<std::uint64_t, kMaxMembers / 64>;
  struct IdHash {
    std::size_t operator()(const AgentId& id) const { return static_cast<std::size_t>(drawn(id, 0)); }
  };
  Member& member(const AgentId& agent);
  void make_room();
  void forget(const AgentId& agent);
  void read_bitmap(const Member& member, const CrowdEntry& entry);
  void count_holders(std::uint64_t segment, std::uint32_t holders);
  void set_said(Member& member, const SegmentBits& said, SteadyTime now);
  [[nodiscard]] bool holds_alone(const Member& member) const;
  void move_place(Member& member, std::size_t to);
  void hear_claims(const AgentId& agent, const CrowdEntry& entry, const Member& member, SteadyTime now);
  Claimant* claimant(const AgentId& agent);
  Claimant* new_claimant(const AgentId& agent, SteadyTime now);
  void advance(Claimant& claimant, const CrowdEntry& entry, const Member& member, SteadyTime now);
  std::uint64_t take_claims(Claimant& claimant, const CrowdEntry& entry, const Member& member, SteadyTime now);
  void judge(Claimant& claimant, SteadyTime now);
  void count_fetchers();
  void sweep(SteadyTime now);
  [[nodiscard]] std::size_t all() const { return std::max(remembered_.size(), all_.count()); }
  [[nodiscard]] Duration forgotten_after() const;

  Digest version_key_;
  cache::SegmentLayout layout_;
  ClaimRecord* record_;
  std::uint64_t seed_;
  Duration void_after_ = std::chrono::milliseconds(1500);
  std::unordered_map<AgentId, Member, IdHash> remembered_;
  std::vector<AgentId> turn_;  // who makes room next, from hand_ on
  std::size_t hand_ = 0;
  DistinctCount all_;
  std::vector<std::uint32_t> holders_;  // by segment
  std::vector<Places> held_by_;         // by segment
  SegmentBits held_;
  SegmentBits sole_;  // by one of those remembered alone
  SegmentBits faded_;
  SegmentBits fading_;  // the older half
  SegmentBits scratch_;
  std::vector<Claimant> claimants_;
  std::size_t fetchers_ = 0;
  std::uint64_t progress_ = 0;
  std::uint64_t voided_ = 0;
  SteadyTime next_sweep_{};
  SteadyTime next_fade_{};
};

}  // namespace larder::peer
