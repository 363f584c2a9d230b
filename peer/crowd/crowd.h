// The crowd of one version as one agent sees it (docs/decisions/0019-crowd.md). From what the members hold and claim it
// decides which segments this agent fetches from the origin, which it leaves to others, and what it announces. Pure:
// `now` is an argument and never goes backwards by more than is forgiven. The cost of an input does not grow with the
// crowd's size (crowd_claims.cpp: its claims). Loop thread; no callbacks. One for each version under transfer, owned by
// the version's place in CrowdHost.
//
// Order of calls: construct, set_known_agents(), on_segment_offered() for segments that are here already, on_entry()
// for the entries that crowd_memory.h kept, begin_crowd(). After that report events in any order, and call take_step()
// after each and at the time that the last take_step() named.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "base/index.h"
#include "base/runtime/clock.h"
#include "cache/record/segments.h"
#include "peer/common/segment_bits.h"
#include "peer/crowd/claim_record.h"
#include "peer/crowd/crowd_figures.h"
#include "peer/crowd/crowd_members.h"
#include "peer/crowd/crowd_rank.h"
#include "peer/group/keys.h"
#include "peer/messages/crowd_entry.h"

namespace larder::peer {

struct CrowdRules {
  Duration patience = std::chrono::seconds(5);    // window of rule 5; the agent passes at most 1.5 s
  std::uint64_t min_rate = 256 * 1024;            // bytes/s from peers below which this agent counts as starving
  bool may_fetch = true;                          // false: metered or on battery; claims only when no other can
  unsigned fetchers = 4;                          // agents that fetch at once, as a rule
  unsigned most_fetchers = 8;                     // the same, while this agent starves
  Duration wait = std::chrono::milliseconds(50);  // longest delay before a claim, for others to claim first
  // A claim that may meet another is announced this long before the origin is asked, so that a claim made at the same
  // moment is heard first.
  Duration confirm_after = std::chrono::milliseconds(4);
  Duration void_after = std::chrono::milliseconds(1500);  // claim expiry: time without progress
  // The next segment is claimed this long before the present one ends, so that the origin's first byte is not waited
  // for. No longer than that, since an agent that is killed takes both claims with it.
  Duration ahead = std::chrono::milliseconds(700);  // at most, and while the origin's delay is unknown
  Duration ahead_least = std::chrono::milliseconds(150);
  // Time after the end of its own last claim in which an agent does not take another fetcher for a straggler.
  Duration line_shows = std::chrono::milliseconds(750);
};

enum class SendUrgency : std::uint8_t {
  nothing,
  at_pace,  // at this agent's next turn (crowd_pace.h)
  soon,     // at once: a claim or a held segment that others wait for
};

struct CrowdStep {
  // Segments to fetch from the origin now, in this order; consecutive ones in one GET. The complete list each time: a
  // segment that is no longer in it is to be given up, since another agent has or fetches it.
  std::vector<std::uint64_t> fetch;
  bool changed = false;  // `fetch` differs from the last step's
  SendUrgency urgency = SendUrgency::nothing;
  SteadyTime next_step_at{};  // latest time of the next take_step()
};

class Crowd {
 public:
  static constexpr std::size_t kToTake = 64;  // for to_take(): more than the deliveries in flight

  // `record` outlives it. `seed` decides ties; an argument, so that a run can be repeated.
  Crowd(const AgentId& self, const Digest& version_key, const cache::SegmentLayout& layout, const CrowdRules& rules,
        ClaimRecord& record, std::uint64_t seed);

  // -- inputs
  // Sets the agents of the group that are around, whether or not they want this version. The first ones in the crowd's
  // order claim without delay. O(n) up to 256 agents; above that only the number is used. Call again whenever the set
  // changes.
  void set_known_agents(std::span<const AgentId> agents);
  void begin_crowd(SteadyTime now);
  // Reports an entry of a member's CROWD datagram with the datagram's stamp. Entries older than the last one heard, and
  // entries with another number of segments (not this version), are ignored.
  void on_entry(const AgentId& agent, const CrowdStamp& stamp, const CrowdEntry& entry, SteadyTime now);
  // Reports an agent that said BYE, was silent for too long, or is shunned.
  void on_agent_gone(const AgentId& agent, SteadyTime now);
  // Reports a holder that is known otherwise (HAVE, catalogue); `segments` as a HAVE's bitmap, ignored where complete.
  void on_holder(const AgentId& agent, bool complete, Bytes segments, SteadyTime now);
  // Reports a holder that did not deliver a segment that it announced; it does not count as the segment's holder for a
  // while. Do not call this for a holder that answered "busy".
  void on_segment_not_given(const AgentId& agent, std::uint64_t segment, SteadyTime now);
  // Reports a holder that can prove nothing of what it announced; it counts as holding nothing for a while.
  void on_nothing_proven(const AgentId& agent, SteadyTime now);
  // Reports that peers deliver the segment, together at min_rate or more: the origin is not asked for it (rule 6).
  // Valid for 1.5 s; call again at least once a second.
  void on_delivering(std::uint64_t segment, SteadyTime now);
  void on_bytes_from_peers(std::uint64_t bytes, SteadyTime now);  // adds bytes of this version that peers delivered
  // Reports a segment that is committed and offered here. First-hand: this agent fetched all of it from the origin.
  void on_segment_offered(std::uint64_t segment, bool first_hand, SteadyTime now);
  // Reports a segment that is not held after all: dropped from the cache, judged bad, or not written (the disk is
  // full).
  void on_segment_lost(std::uint64_t segment, SteadyTime now);
  // Reports all bytes so far of a segment that this agent fetches.
  void on_progress(SegmentIndex segment, std::uint64_t bytes, SteadyTime now);
  void on_origin_failed(SteadyTime now);  // gives up the claims at the next step; no new ones until on_origin_back()
  void on_origin_back(SteadyTime now);
  void set_may_fetch(bool may, SteadyTime now);
  void on_entry_sent(SteadyTime now);  // call after entry() was sent

  // -- outputs
  [[nodiscard]] CrowdStep take_step(SteadyTime now);
  // Returns what to announce. Each call covers the next window of a large bitmap.
  [[nodiscard]] CrowdEntry entry();
  // Returns missing segments that some member holds, rarest first; equally rare ones in an order of this agent's own.
  [[nodiscard]] std::vector<std::uint64_t> to_take(std::size_t most, SteadyTime now) const;
  // Returns holders of the segment in an order of this agent's own, so that askers spread. Complete holders are not
  // first.
  [[nodiscard]] std::vector<AgentId> holders(SegmentIndex segment, std::size_t most, SteadyTime now) const;
  // Returns the segments that no agent holds or fetches, this one included: to be reported as missing when the origin
  // is out of reach.
  [[nodiscard]] std::vector<std::uint64_t> missing_everywhere(SteadyTime now) const;
  [[nodiscard]] CrowdFigures figures(SteadyTime now) const;
  [[nodiscard]] const Digest& version_key() const { return version_key_; }
  // True while a fetched segment is not yet committed and offered.
  [[nodiscard]] bool has_uncommitted() const;
  [[nodiscard]] bool complete() const { return offered_count_ == layout_.count(); }

 private:
  struct Own {  // a claim of this agent
    std::uint64_t segment = 0;
    std::uint64_t bytes = 0;
    std::uint64_t size = 0;
    SteadyTime since{};
    SteadyTime from{};  // when the origin may be asked
    bool confirmed = false;
    bool second = false;  // another agent had claimed the segment too: a straggler
    [[nodiscard]] bool full() const { return bytes >= size; }
    [[nodiscard]] bool half() const { return bytes * 2 > size; }
  };
  void notice_sleep(SteadyTime now);
  void review_supply(SteadyTime now);
  [[nodiscard]] bool is_enough(std::uint64_t bytes, Duration time) const;
  void repeat_news(SteadyTime now);
  void drop_claims(SteadyTime now);
  void make_claims(SteadyTime now);
  [[nodiscard]] bool yields(const Own& own, SteadyTime now) const;
  [[nodiscard]] bool may_claim(SteadyTime now);
  [[nodiscard]] bool may_go_on() const;
  [[nodiscard]] bool alone() const { return members_.count() == 0; }  // no member of this crowd was heard
  [[nodiscard]] std::size_t slots() const;
  [[nodiscard]] Duration ahead() const;
  // Returns the seconds until all own claims are fetched, at the present rate; nullopt without claims or a rate.
  [[nodiscard]] std::optional<double> seconds_claimed() const;
  [[nodiscard]] Duration delay() const;
  [[nodiscard]] std::optional<std::uint64_t> choose(SteadyTime now) const;
  [[nodiscard]] bool claimed_by_others(std::uint64_t segment) const;
  [[nodiscard]] std::optional<std::uint64_t> second_try(SteadyTime now) const;
  [[nodiscard]] bool is_free(std::uint64_t segment, SteadyTime now) const;
  [[nodiscard]] bool is_delivered(std::uint64_t segment, SteadyTime now) const;
  [[nodiscard]] bool anything_to_take() const;
  [[nodiscard]] bool anything_open() const;
  [[nodiscard]] double seconds_left(const CrowdMembers::Claimant& claimant, const CrowdMembers::Claim& claim) const;
  [[nodiscard]] const Own* own_claim(std::uint64_t segment) const;
  [[nodiscard]] SteadyTime next_time(SteadyTime now) const;
  void raise_urgency(SendUrgency what) { urgency_ = std::max(urgency_, what); }

  AgentId self_{};
  Digest version_key_{};
  cache::SegmentLayout layout_;
  CrowdRules rules_;
  std::uint64_t seed_;
  std::uint64_t rank_;
  ClaimRecord* record_;
  CrowdMembers members_;
  std::size_t known_agents_ = 0;  // number of agents around
  std::size_t position_ = 0;      // number of those that are before this one in the crowd's order
  SegmentBits offered_;
  SegmentBits all_;
  std::uint64_t offered_count_ = 0;
  std::uint64_t first_hand_ = 0;
  std::map<std::uint64_t, SteadyTime> delivering_;  // by segment: until when the report counts

  bool origin_ = true;
  std::vector<Own> own_;
  std::vector<std::uint64_t> reported_fetch_;
  std::optional<std::uint64_t> last_claimed_;  // segment claimed last
  double rate_ = 0;                            // smoothed rate from the origin, bytes/s
  SteadyTime progress_at_{};                   // time of the last progress of any own claim
  std::optional<Duration> first_byte_;         // smoothed time from a claim to the origin's first byte
  std::optional<SteadyTime> slot_free_since_;  // since when a claim slot has been free; the claim is made delay() later
  std::optional<SteadyTime> claim_ended_at_;   // when the last own claim ended

  // The present patience window (rule 5): its start, and the counters at that time.
  SteadyTime patience_began_at_{};
  std::uint64_t from_peers_before_ = 0;  // bytes from peers, in all crowds
  std::uint64_t progress_before_ = 0;
  std::optional<SteadyTime> takeable_since_;  // since when some member has held a missing segment
  bool starving_ = false;
  unsigned empty_rounds_ = 0;  // patience windows in a row in which members held something and delivered no byte

  SendUrgency urgency_ = SendUrgency::nothing;
  std::optional<SteadyTime> last_sent_at_;
  bool unannounced_ = false;             // a first-hand segment was held since the last announcement
  std::optional<SteadyTime> repeat_at_;  // when its announcement is repeated
  std::uint64_t next_bitmap_start_ = 0;  // first segment of the bitmap's next window
  SteadyTime next_step_at_{};            // when take_step() was to be called
};

}  // namespace larder::peer
