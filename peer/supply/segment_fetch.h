// Fetches one segment, or the whole content as one torrent, from its holders. It requests the leaves from a holder,
// checks them against the believed roots, asks holders to open the torrent, and runs the swarm's fetch. A holder that
// stalls, lies or goes away is replaced by the next one. Loop thread; leaves of large contents are checked by a worker.
// Owned by supply.*.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/hash/buffer.h"
#include "base/runtime/clock.h"
#include "cache/content_lease.h"
#include "cache/record/interval_set.h"
#include "peer/catalogue/catalogue_link.h"
#include "peer/messages/catalogue_paths.h"
#include "peer/reach/dial_notes.h"
#include "peer/supply/holder_choice.h"
#include "peer/swarm/segment_leaves.h"
#include "peer/swarm/swarm.h"

namespace larder::peer {

// What supplies and their fetches use. All of it outlives their use of it: SupplyImpl::close() comes first.
struct SupplyTools {
  CatalogueLink& link;
  Swarm& swarm;
  Runtime runtime;
  std::function<bool(Task)> blocking;  // runs a task on a worker thread; false: its queue is full
  // The agent sent bytes or leaves that do not match the root: Neighbourhood::on_lie(), which has it shunned.
  std::function<void(const AgentId&)> lied;
  std::function<void(const AgentId&)> unreachable;  // its catalogue does not answer
  DialNotes dials{};
};

class SegmentFetch;

// Receives the results of a SegmentFetch. Calls may come from within any method of the fetch but stop(), and from the
// swarm's events. They may let go of the fetch.
class SegmentFetchOwner {
 public:
  virtual ~SegmentFetchOwner() = default;
  virtual HolderTable& holder_table() = 0;
  // Returns the holders of the segment in the order in which they are asked.
  [[nodiscard]] virtual std::vector<HolderFacts> ranked_with(std::uint64_t segment) {
    return holder_table().ranked_with(segment);
  }
  // Checked blocks; `offset` is of the content.
  virtual void on_fetched_blocks(SegmentFetch& fetch, std::uint64_t offset, Buffer bytes,
                                 std::vector<Digest> leaves) = 0;
  // Called when a busy holder named other holders.
  virtual void on_other_holders(const std::vector<std::byte>& body) = 0;
  virtual void on_holder_lost(const AgentId& agent) = 0;  // called when the holder was dropped from the table
  // Called when a holder did not deliver a segment that it announced, unless it is merely busy.
  virtual void on_segment_not_given(std::uint64_t segment, const AgentId& agent) { (void)segment, (void)agent; }
  // Called last, when no holder delivers the segment (any more).
  virtual void on_fetch_over(SegmentFetch& fetch, const Error& error) = 0;
};

class SegmentFetch final : public SwarmEvents, public std::enable_shared_from_this<SegmentFetch> {
 public:
  struct Task {
    Digest version_key{};
    cache::SegmentLayout layout{0};
    bool whole = false;
    std::uint64_t first = 0;                       // segment
    std::vector<Digest> segment_roots;             // believed; of the whole or of one segment
    std::vector<ByteRange> present;                // ranges of the content that are here already
    std::shared_ptr<cache::ContentLease> content;  // from where other peers are served; may be null
  };
  SegmentFetch(SupplyTools& tools, SegmentFetchOwner& owner, Task what);
  ~SegmentFetch() override;
  SegmentFetch(const SegmentFetch&) = delete;
  SegmentFetch& operator=(const SegmentFetch&) = delete;

  void start();
  void stop();  // ends the fetch; the owner is not called any more
  // Sets the wanted ranges of the content, within the fetched range; they replace the earlier ones. A range that came
  // already is fetched again by a new torrent.
  void set_wanted(std::vector<ByteRange> ranges);
  void consumed(ByteRange range);
  // Called for bytes that came and that no delivery wanted.
  void count_unwanted(std::uint64_t bytes);
  void on_holders_changed();
  [[nodiscard]] bool whole() const { return task_.whole; }
  [[nodiscard]] bool gives() const { return task_.content != nullptr; }  // serves other peers meanwhile

  void on_blocks(std::uint64_t offset, Buffer bytes, const AgentId& from) override;
  void on_bad_block(const AgentId& from) override;
  void on_peer_lost(const AgentId& peer) override;
  void on_failed(const Error& error) override;

 private:
  void recruit_holders();
  void note_silent() const;
  void count_consumed(std::uint64_t bytes) { unconsumed_ -= std::min(unconsumed_, bytes); }
  void ask_holder(const HolderFacts& holder, bool with_leaves);
  void on_answer(const AgentId& agent, bool with_leaves, Result<CatalogueResponse> answer);
  void on_refused(const AgentId& agent, const Error& error);
  void check_leaves(const AgentId& agent, std::vector<Digest> leaves);
  void on_leaves_checked(const AgentId& agent, std::vector<Digest> leaves, bool good);
  void on_opened(const AgentId& agent);
  void begin_torrent();
  void make_room();
  void restart_torrent();
  void lose_holder(const AgentId& agent, bool everywhere);
  [[nodiscard]] bool nobody_else() const;
  [[nodiscard]] bool only_announced(const AgentId& agent) const;
  void watch();
  void check_for_stall();
  void end_fetch(const std::string& why);
  [[nodiscard]] std::vector<ByteRange> in_window(const std::vector<ByteRange>& ranges) const;
  [[nodiscard]] std::vector<SwarmPeer> peers() const;

  SupplyTools& tools_;
  SegmentFetchOwner* owner_;  // null once stopped
  Task task_;
  ByteRange range_;             // of the content
  std::vector<Digest> leaves_;  // once checked
  bool asking_leaves_ = false;
  std::set<AgentId> asked_;   // asked to open the torrent, or their leaves are being checked
  std::set<AgentId> open_;    // have opened the torrent
  std::set<AgentId> failed_;  // not asked again for this segment
  std::set<AgentId> delivered_;
  std::set<CallId> calls_;
  std::optional<SwarmFetchId> fetch_;
  std::vector<ByteRange> wanted_;  // of the content
  cache::IntervalSet have_;        // bytes of the content that are readable here
  cache::IntervalSet given_;       // bytes that came in the present torrent
  std::uint64_t unwanted_bytes_ = 0;
  std::uint64_t unconsumed_ = 0;
  SteadyTime last_consumed_at_{};
  SteadyTime begun_at_{};  // of the present torrent
  StallWatch stall_;
  std::optional<AgentId> stalled_alone_;  // the last holder found stalled
  unsigned stalls_in_a_row_ = 0;          // times in a row that stalled_alone_ was found stalled
  TimerId timer_ = 0;
  Error last_error_{ErrorCode::no_progress, "fetch from peers", "nobody delivers it", std::nullopt};
};

}  // namespace larder::peer
