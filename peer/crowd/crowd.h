// One version that several agents want at once, as one of them sees it (docs/decisions/0019-crowd.md): who holds and
// who fetches what, and from that what this agent shall fetch from the origin, what it leaves to others, what it tells
// them. Pure: `now` is an argument and never goes backwards by more than is forgiven; what it is told costs nothing of
// the order of the crowd's size (crowd_claims.cpp: what it claims). Loop thread. One for each version under transfer;
// the transfer owns it.
//
// Use: construct, known(), held() for what is here already, heard() for what crowd_memory.h kept, begin(); then tell it
// whatever happens, and call step() after that and at the time that the last step() named.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

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
  Duration patience = std::chrono::seconds(5);    // 1 s for foreground
  std::uint64_t min_rate = 256 * 1024;            // bytes/s: less from peers is as good as nothing
  bool may_fetch = true;                          // false: metered, on battery; then only when nobody else can
  unsigned fetchers = 4;                          // at once, as a rule
  unsigned most_fetchers = 8;                     // when those are not enough
  Duration wait = std::chrono::milliseconds(50);  // the longest, for others to claim first
  // A claim that may meet another is told so long before the origin is asked: who was just as quick is heard first.
  Duration settle = std::chrono::milliseconds(4);
  Duration void_after = std::chrono::milliseconds(1500);  // a claim without progress
  // The next segment is claimed so long before this one ends that its first byte is not waited for, and no longer:
  // whoever is killed takes both with it.
  Duration ahead = std::chrono::milliseconds(700);  // at most, and while nothing is known of the origin
  Duration ahead_least = std::chrono::milliseconds(150);
  // So long after its own last claim an agent does not take another's for too slow.
  Duration line_shows = std::chrono::milliseconds(750);
};

enum class Say : std::uint8_t {
  nothing,
  at_pace,  // whenever this agent's turn comes (crowd_pace.h)
  soon,     // a claim or a held segment that others wait for: at once
};

struct CrowdStep {
  // To be fetched from the origin now, in this order; one GET where they follow one another. All of it, each time: what
  // is not in it any more is to be given up (somebody else has or fetches it).
  std::vector<std::uint64_t> fetch;
  bool changed = false;  // `fetch` is not what the last step said
  Say say = Say::nothing;
  SteadyTime next{};  // call again then, at the latest
};

class Crowd {
 public:
  static constexpr std::size_t kToTake = 64;  // for to_take(): there are never so many deliveries at once

  // `record` outlives it. `seed` decides ties; from outside, so that a run can be repeated.
  Crowd(const AgentId& self, const Digest& version_key, const cache::SegmentLayout& layout, const CrowdRules& rules,
        ClaimRecord& record, std::uint64_t seed);

  // -- told
  // The agents of the group that are around, whether or not they want this: who is first among them need not wait for
  // the others. Cheap up to some hundreds; beyond that only their number counts. Again when they change.
  void known(std::span<const AgentId> agents);
  void begin(SteadyTime now);
  // `stamp` is of the datagram: what was overtaken by a later one is not read. Entries of another number of segments
  // are not of this version and are ignored.
  void heard(const AgentId& agent, const CrowdStamp& stamp, const CrowdEntry& entry, SteadyTime now);
  void gone(const AgentId& agent, SteadyTime now);  // BYE, not heard for long, shunned
  // Learnt otherwise (HAVE, catalogue); `segments` as a HAVE's bitmap, ignored where complete.
  void holder(const AgentId& agent, bool complete, Bytes segments, SteadyTime now);
  // It said that it has the segment, and did not give it: not counted as its holder for a while. Who is merely busy
  // is not to be told here.
  void not_given(const AgentId& agent, std::uint64_t segment, SteadyTime now);
  // It says that it holds something, and can prove nothing of it: nothing that it says so counts for a while.
  void gives_nothing(const AgentId& agent, SteadyTime now);
  // A peer delivers it now, at min_rate or more in all: the origin is not asked for it (rule 6). Again at least once a
  // second while that lasts.
  void delivering(std::uint64_t segment, SteadyTime now);
  void from_peers(std::uint64_t bytes, SteadyTime now);  // payload of this version
  // Is here, durable and offered. First-hand: all of it from the origin, by this agent.
  void held(std::uint64_t segment, bool first_hand, SteadyTime now);
  // Dropped from the cache, judged bad; or fetched and then not to be had (a disk that is full).
  void lost(std::uint64_t segment, SteadyTime now);
  // Of a segment that this agent fetches; all its bytes so far.
  void progress(std::uint64_t segment, std::uint64_t bytes, SteadyTime now);
  void origin_failed(SteadyTime now);  // claims are given up; no new ones until it is back
  void origin_back(SteadyTime now);
  void set_may_fetch(bool may, SteadyTime now);
  void told(SteadyTime now);  // entry() was sent

  // -- asked
  [[nodiscard]] CrowdStep step(SteadyTime now);
  // What to say; windows of large bitmaps take turns.
  [[nodiscard]] CrowdEntry entry();
  // Segments not here that somebody holds, rarest first, equals in an order of this agent's own.
  [[nodiscard]] std::vector<std::uint64_t> to_take(std::size_t most, SteadyTime now) const;
  // Who holds it and can be asked, in an order of this agent's own, so that askers spread; the complete are not first.
  [[nodiscard]] std::vector<AgentId> holders(std::uint64_t segment, std::size_t most, SteadyTime now) const;
  // Nobody holds it or fetches it, and this agent cannot: what to report as missing when the origin is out of reach.
  [[nodiscard]] std::vector<std::uint64_t> missing_everywhere(SteadyTime now) const;
  [[nodiscard]] CrowdFigures figures(SteadyTime now) const;
  [[nodiscard]] const Digest& version_key() const { return version_key_; }
  // Something was fetched to its end, and is not held yet.
  [[nodiscard]] bool owes() const;
  [[nodiscard]] bool complete() const { return held_count_ == layout_.count(); }

 private:
  struct Own {  // a claim of this agent
    std::uint64_t segment = 0;
    std::uint64_t bytes = 0;
    std::uint64_t size = 0;
    SteadyTime since{};
    SteadyTime from{};  // the origin may be asked
    bool settled = false;
    bool second = false;  // another, too slow, fetches it too
    [[nodiscard]] bool full() const { return bytes >= size; }
    [[nodiscard]] bool half() const { return bytes * 2 > size; }
  };
  void woke(SteadyTime now);
  void review_supply(SteadyTime now);
  [[nodiscard]] bool is_enough(std::uint64_t bytes, Duration time) const;
  void repeat_news(SteadyTime now);
  void drop_claims(SteadyTime now);
  void make_claims(SteadyTime now);
  [[nodiscard]] bool yields(const Own& own, SteadyTime now) const;
  [[nodiscard]] bool may_claim(SteadyTime now);
  [[nodiscard]] bool may_go_on() const;
  [[nodiscard]] bool alone() const { return members_.count() == 0; }  // nobody was heard of this version
  [[nodiscard]] std::size_t slots() const;
  [[nodiscard]] Duration ahead() const;
  // Until all that is claimed has come, at the present rate; none where that is not known.
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
  void say(Say what) { say_ = std::max(say_, what); }

  AgentId self_{};
  Digest version_key_{};
  cache::SegmentLayout layout_;
  CrowdRules rules_;
  std::uint64_t seed_;
  std::uint64_t rank_;
  ClaimRecord* record_;
  CrowdMembers members_;
  std::size_t known_ = 0;     // agents around
  std::size_t position_ = 0;  // so many of them are before this one
  SegmentBits held_;
  SegmentBits all_;
  std::uint64_t held_count_ = 0;
  std::uint64_t first_hand_ = 0;
  std::map<std::uint64_t, SteadyTime> delivering_;  // until when that counts

  bool origin_ = true;
  std::vector<Own> own_;
  std::vector<std::uint64_t> told_fetch_;
  std::optional<std::uint64_t> last_;   // claimed
  double rate_ = 0;                     // of this agent's origin, bytes/s, lately
  SteadyTime progress_at_{};            // of any own claim
  std::optional<Duration> first_byte_;  // of the origin's answers, lately: after the claim
  std::optional<SteadyTime> vacant_;    // since when this agent might claim, but for its delay
  std::optional<SteadyTime> freed_;     // when its last claim ended

  // What came in the present window of the patience (rule 5).
  SteadyTime window_{};
  std::uint64_t came_before_ = 0;  // from peers, in all crowds
  std::uint64_t progress_before_ = 0;
  std::optional<SteadyTime> takeable_;  // since when there is something to take
  bool starving_ = false;
  unsigned nothing_ = 0;  // windows in a row in which peers had something and gave nothing at all

  Say say_ = Say::nothing;
  std::optional<SteadyTime> last_told_;
  bool unsaid_ = false;               // something first-hand is held since
  std::optional<SteadyTime> repeat_;  // when that is said once more
  std::uint64_t next_window_ = 0;     // of the bitmap
  SteadyTime promised_{};             // step() was to be called then
};

}  // namespace larder::peer
