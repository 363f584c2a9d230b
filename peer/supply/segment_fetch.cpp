#include "peer/supply/segment_fetch.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/hash/merkle.h"
#include "base/io/log.h"
#include "peer/messages/catalogue_wire.h"

namespace larder::peer {
namespace {

// Bounds what a suspended or cut-off holder costs; opening a torrent takes some milliseconds.
constexpr Duration kOpenTimeout = std::chrono::seconds(2);
// Up to so many leaves, folding them on the loop costs less than the hand-over to a worker.
constexpr std::size_t kFoldHere = 2048;
// Unwanted blocks occupy the swarm's memory until the torrent is made anew; above this bound it is.
constexpr std::uint64_t kMaxDropped = 4 * kMiB;
// With so many bytes unconsumed here, the silence is back-pressure and not the peer's stall.
constexpr std::uint64_t kOwnSlowness = 1 * kMiB;
// Without consumption for this long the deliveries were given up, and only a new torrent makes room.
constexpr Duration kForgotten = std::chrono::seconds(2);
// The only holder of a segment is dropped when it stalls, but is given the stall time anew this many times before.
constexpr unsigned kWaitForOnly = 2;
// A peer that was asked and has sent no byte for this long may be out of reach.
constexpr Duration kSilent = std::chrono::milliseconds(300);
constexpr unsigned kOk = 200, kBusy = 503;

ByteRange window_of(const SegmentFetch::Task& what) {
  if (what.whole) return {0, what.layout.content_size()};
  return what.layout.range(what.first);
}

bool all_missing(const cache::IntervalSet& set, const ByteRange& range) {
  const auto gaps = set.gaps({range.offset, range.end()});
  return gaps.size() == 1 && gaps.front() == cache::Interval{range.offset, range.end()};
}

}  // namespace

SegmentFetch::SegmentFetch(SupplyTools& tools, SegmentFetchOwner& owner, Task what)
    : tools_(tools), owner_(&owner), task_(std::move(what)), range_(window_of(task_)) {
  for (const ByteRange& held : task_.present) have_.add({held.offset, held.end()});
}

SegmentFetch::~SegmentFetch() {
  stop();
}

void SegmentFetch::start() {
  recruit_holders();
}

void SegmentFetch::stop() {
  if (!owner_) return;
  owner_ = nullptr;
  note_silent();
  tools_.runtime.timers.cancel(timer_);
  for (const CallId call : calls_) tools_.link.cancel(call);
  if (fetch_) tools_.swarm.stop(*fetch_);
  fetch_.reset();
}

// Reports open peers that sent no byte: the fetch may end, with the bytes from the origin, before the dialling fails.
void SegmentFetch::note_silent() const {
  const bool waited = fetch_ && !wanted_.empty() && tools_.runtime.clock.now() - begun_at_ >= kSilent;
  if (!waited || !tools_.dials.failed) return;
  for (const AgentId& agent : open_) {
    if (!delivered_.contains(agent)) tools_.dials.failed(agent, DialEnd::silent);
  }
}

void SegmentFetch::recruit_holders() {
  if (!owner_) return;
  auto ranked = task_.whole ? owner_->holder_table().ranked_complete() : owner_->ranked_with(task_.first);
  std::erase_if(ranked, [this](const HolderFacts& holder) {
    return asked_.contains(holder.agent) || open_.contains(holder.agent) || failed_.contains(holder.agent);
  });
  const std::size_t wanted = wanted_holders(range_.length);
  for (const HolderFacts& holder : ranked) {
    if (asked_.size() + open_.size() >= wanted) break;
    const bool with_leaves = leaves_.empty() && !asking_leaves_;
    asking_leaves_ = asking_leaves_ || with_leaves;
    ask_holder(holder, with_leaves);
  }
  if (asked_.empty() && open_.empty()) end_fetch("no peer that holds it is left");
}

void SegmentFetch::ask_holder(const HolderFacts& holder, bool with_leaves) {
  asked_.insert(holder.agent);
  LeavesQuery query;
  query.key = task_.version_key;
  query.first = task_.first;
  if (!task_.whole) query.count = 1;
  query.open = true;
  query.leaves = with_leaves;
  CatalogueCall call;
  call.to = holder.catalogue;
  call.agent = holder.agent;
  call.target = target_of(query);
  call.timeout = kOpenTimeout;
  auto id = std::make_shared<CallId>(0);
  *id = tools_.link.call(std::move(call), [weak = weak_from_this(), id, agent = holder.agent,
                                           with_leaves](Result<CatalogueResponse> answer) {
    const auto self = weak.lock();
    if (!self || !self->owner_) return;
    self->calls_.erase(*id);
    self->on_answer(agent, with_leaves, std::move(answer));
  });
  calls_.insert(*id);
}

void SegmentFetch::on_answer(const AgentId& agent, bool with_leaves, Result<CatalogueResponse> answer) {
  if (with_leaves) asking_leaves_ = false;
  if (!answer) return on_refused(agent, answer.error());
  if (answer->status != kOk) {
    if (answer->status == kBusy) owner_->on_other_holders(answer->body);
    return on_refused(agent, {ErrorCode::busy, "fetch from peer " + agent_name(agent),
                              fmt::format("its catalogue answers {}", answer->status), std::nullopt});
  }
  if (!with_leaves) return on_opened(agent);
  auto leaves = decode_leaves(answer->body);
  if (!leaves) return on_refused(agent, leaves.error());
  check_leaves(agent, std::move(*leaves));
}

void SegmentFetch::on_refused(const AgentId& agent, const Error& error) {
  log::debug("peer does not open a window agent={} error=\"{}\"", agent_name(agent), error.text());
  last_error_ = error;
  const bool silent = error.code == ErrorCode::connect_failed || error.code == ErrorCode::timed_out ||
                      error.code == ErrorCode::connection_lost;
  if (silent) tools_.unreachable(agent);
  lose_holder(agent, silent || task_.whole);
}

void SegmentFetch::check_leaves(const AgentId& agent, std::vector<Digest> leaves) {
  if (leaves.size() <= kFoldHere) {
    const bool good = leaves_match(task_.layout, task_.first, task_.segment_roots, leaves);
    return on_leaves_checked(agent, std::move(leaves), good);
  }
  asking_leaves_ = true;
  auto shared = std::make_shared<std::vector<Digest>>(std::move(leaves));
  auto work = [weak = weak_from_this(), shared, agent, layout = task_.layout, first = task_.first,
               roots = task_.segment_roots, &executor = tools_.runtime.executor] {
    const bool good = leaves_match(layout, first, roots, *shared);
    executor.post([weak, shared, agent, good] {
      const auto self = weak.lock();
      if (!self || !self->owner_) return;
      self->asking_leaves_ = false;
      self->on_leaves_checked(agent, std::move(*shared), good);
    });
  };
  if (tools_.blocking(std::move(work))) return;
  asking_leaves_ = false;
  on_refused(agent, {ErrorCode::busy, "check what a peer sent", "too much waits for the disk threads", std::nullopt});
}

void SegmentFetch::on_leaves_checked(const AgentId& agent, std::vector<Digest> leaves, bool good) {
  if (!good && only_announced(agent)) {
    last_error_ = {ErrorCode::bad_response, "fetch from peer " + agent_name(agent), "it has another content",
                   std::nullopt};
    return lose_holder(agent, false);
  }
  if (!good) {
    log::warn("peer sent leaf hashes that do not fold to the attested root agent={}", agent_name(agent));
    last_error_ = {ErrorCode::bad_response, "fetch from peer " + agent_name(agent),
                   "its leaf hashes are not those of the content", std::nullopt};
    tools_.lied(agent);
    return lose_holder(agent, true);
  }
  if (leaves_.empty()) leaves_ = std::move(leaves);
  on_opened(agent);
}

// Returns whether this holder only announced the segment and never named the believed root. It may then hold different
// bytes under the same version, as its origin gave them.
bool SegmentFetch::only_announced(const AgentId& agent) const {
  const HolderFacts* holder = owner_->holder_table().find_holder(agent);
  return holder != nullptr && (task_.whole ? !holder->hearsay.empty() : holder->hearsay.contains(task_.first));
}

void SegmentFetch::on_opened(const AgentId& agent) {
  asked_.erase(agent);
  open_.insert(agent);
  stall_.add_peer(agent, tools_.runtime.clock.now());
  if (!fetch_) {
    if (!leaves_.empty()) begin_torrent();
  } else {
    const HolderFacts* holder = owner_->holder_table().find_holder(agent);
    if (holder) tools_.swarm.add_peers(*fetch_, {SwarmPeer{agent, holder->swarm}});
  }
  // The holder that was asked for the leaves may have failed: this one is then asked for them.
  if (owner_ && leaves_.empty() && !asking_leaves_) {
    open_.erase(agent);
    stall_.remove(agent, tools_.runtime.clock.now());
    if (const HolderFacts* holder = owner_->holder_table().find_holder(agent)) {
      asking_leaves_ = true;
      ask_holder(*holder, true);
    }
  }
  watch();
}

std::vector<SwarmPeer> SegmentFetch::peers() const {
  std::vector<SwarmPeer> out;
  for (const AgentId& agent : open_) {
    if (const HolderFacts* holder = owner_->holder_table().find_holder(agent)) out.push_back({agent, holder->swarm});
  }
  return out;
}

void SegmentFetch::begin_torrent() {
  SwarmFetch fetch;
  // Leaves of a whole content were checked against all segment roots; their root is folded from those.
  fetch.torrent = task_.whole
                      ? TorrentId{fold_segment_roots(task_.segment_roots, task_.layout.segment_blocks()), range_.length}
                      : torrent_id(leaves_, range_.length);
  fetch.leaves_proven = true;
  fetch.leaves = leaves_;
  fetch.peers = peers();
  fetch.content = task_.content;
  fetch.offset = range_.offset;
  for (const auto& [begin, end] : have_.intervals()) {
    const std::uint64_t from = std::max(begin, range_.offset), to = std::min(end, range_.end());
    if (from < to) fetch.held.push_back({from - range_.offset, to - from});
  }
  auto started = tools_.swarm.fetch(std::move(fetch), shared_from_this());
  if (!started) return end_fetch(started.error().text());
  fetch_ = *started;
  begun_at_ = tools_.runtime.clock.now();
  unconsumed_ = 0;
  stall_.set_wanting(false, tools_.runtime.clock.now());
  if (!wanted_.empty()) set_wanted(std::move(wanted_));
}

void SegmentFetch::restart_torrent() {
  if (!fetch_) return;
  log::debug("window from peers begins anew window={}+{} unconsumed={} for_nobody={}", range_.offset, range_.length,
             unconsumed_, unwanted_bytes_);
  tools_.swarm.stop(*fetch_);
  fetch_.reset();
  given_ = {};
  unwanted_bytes_ = 0;
  if (!open_.empty()) begin_torrent();
}

std::vector<ByteRange> SegmentFetch::in_window(const std::vector<ByteRange>& ranges) const {
  std::vector<ByteRange> out;
  out.reserve(ranges.size());
  for (const ByteRange& range : ranges) out.push_back({range.offset - range_.offset, range.length});
  return out;
}

void SegmentFetch::set_wanted(std::vector<ByteRange> ranges) {
  if (!owner_) return;
  wanted_ = std::move(ranges);
  stall_.set_wanting(!wanted_.empty(), tools_.runtime.clock.now());
  bool again = false;
  for (const ByteRange& range : wanted_) {
    if (!again && !all_missing(given_, range)) {
      again = true;
      log::debug("wanted once more range={}+{}", range.offset, range.length);
    }
    have_.remove({range.offset, range.end()});
  }
  if (again) return restart_torrent();  // begin_torrent() calls set_wanted() again, with given_ empty
  if (fetch_) tools_.swarm.want(*fetch_, in_window(wanted_));
  watch();
}

void SegmentFetch::consumed(ByteRange range) {
  const cache::Interval bytes{range.offset, range.end()};
  have_.add(bytes);
  count_consumed(range.length);
  last_consumed_at_ = tools_.runtime.clock.now();
  const bool of_this = given_.gaps(bytes).empty();
  if (fetch_ && of_this) tools_.swarm.consumed(*fetch_, {range.offset - range_.offset, range.length});
}

void SegmentFetch::count_unwanted(std::uint64_t bytes) {
  count_consumed(bytes);
  unwanted_bytes_ += bytes;
  if (unwanted_bytes_ >= kMaxDropped) make_room();
}

// Restarts the torrent: bytes that came and will not be consumed occupy the swarm's memory.
void SegmentFetch::make_room() {
  std::vector<ByteRange> still;
  for (const ByteRange& range : wanted_) {
    for (const auto& gap : given_.gaps({range.offset, range.end()})) still.push_back({gap.begin, gap.end - gap.begin});
  }
  wanted_ = std::move(still);
  restart_torrent();
}

void SegmentFetch::on_holders_changed() {
  recruit_holders();
}

void SegmentFetch::on_blocks(std::uint64_t offset, Buffer bytes, const AgentId& from) {
  if (!owner_) return;
  stalled_alone_.reset();
  if (delivered_.insert(from).second && tools_.dials.delivered) tools_.dials.delivered(from);
  stall_.delivered(from, tools_.runtime.clock.now());
  const auto first = leaves_.begin() + static_cast<std::ptrdiff_t>(offset / kBlockSize);
  std::vector<Digest> leaves(first, first + static_cast<std::ptrdiff_t>(block_count(bytes.size())));
  if (unconsumed_ == 0) last_consumed_at_ = tools_.runtime.clock.now();
  unconsumed_ += bytes.size();
  given_.add({range_.offset + offset, range_.offset + offset + bytes.size()});
  owner_->on_fetched_blocks(*this, range_.offset + offset, std::move(bytes), std::move(leaves));
}

void SegmentFetch::on_bad_block(const AgentId& from) {
  if (!owner_) return;
  log::warn("peer sent a block that is not what is attested, it was cut agent={}", agent_name(from));
  last_error_ = {ErrorCode::bad_response, "fetch from peer " + agent_name(from), "it sent wrong bytes", std::nullopt};
  tools_.lied(from);
  lose_holder(from, true);
}

void SegmentFetch::on_peer_lost(const AgentId& peer) {
  if (!owner_ || !open_.contains(peer)) return;
  last_error_ = {ErrorCode::connection_lost, "fetch from peer " + agent_name(peer), "it went away", std::nullopt};
  if (!delivered_.contains(peer) && tools_.dials.failed) tools_.dials.failed(peer, DialEnd::not_begun);
  lose_holder(peer, task_.whole);
}

void SegmentFetch::on_failed(const Error& error) {
  fetch_.reset();
  if (owner_) end_fetch(error.text());
}

void SegmentFetch::lose_holder(const AgentId& agent, bool everywhere) {
  asked_.erase(agent);
  open_.erase(agent);
  stall_.remove(agent, tools_.runtime.clock.now());
  failed_.insert(agent);
  const auto self = shared_from_this();  // the owner may let go of the fetch
  if (!task_.whole && last_error_.code != ErrorCode::busy) owner_->on_segment_not_given(task_.first, agent);
  if (everywhere && owner_->holder_table().drop_holder(agent)) owner_->on_holder_lost(agent);
  if (!owner_) return;
  recruit_holders();
  if (owner_) watch();
}

void SegmentFetch::watch() {
  tools_.runtime.timers.cancel(timer_);
  timer_ = 0;
  const auto due = fetch_ ? stall_.next_check() : std::nullopt;
  if (!due) return;
  const Duration wait = std::max(Duration{}, *due - tools_.runtime.clock.now());
  timer_ = tools_.runtime.timers.after(wait + std::chrono::milliseconds(1), [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->check_for_stall();
  });
}

void SegmentFetch::check_for_stall() {
  timer_ = 0;
  if (!owner_) return;
  const auto silent = stall_.stalled(tools_.runtime.clock.now());
  if (!silent) return watch();
  if (unconsumed_ >= kOwnSlowness) {
    const SteadyTime now = tools_.runtime.clock.now();
    log::debug("peers wait for the disk here window={}+{} unconsumed={}", range_.offset, range_.length, unconsumed_);
    stall_.delivered(*silent, now);
    if (now - last_consumed_at_ >= kForgotten) make_room();
    return watch();
  }
  const AgentId agent = *silent;
  // The only holder of a segment is not dropped at once: there is no other to ask.
  if (!task_.whole) stalls_in_a_row_ = stalled_alone_ == agent ? stalls_in_a_row_ + 1 : 0;
  stalled_alone_ = agent;
  if (!task_.whole && nobody_else() && stalls_in_a_row_ < kWaitForOnly) {
    stall_.delivered(agent, tools_.runtime.clock.now());
    return watch();
  }
  log::info("peer stalls and is left agent={} window={}+{}", agent_name(agent), range_.offset, range_.length);
  last_error_ = {ErrorCode::no_progress, "fetch from peer " + agent_name(agent), "it stalled", std::nullopt};
  if (!delivered_.contains(agent) && tools_.dials.failed) tools_.dials.failed(agent, DialEnd::silent);
  if (fetch_) tools_.swarm.drop_peer(*fetch_, agent);
  stall_.set_wanting(false, tools_.runtime.clock.now());  // restarts the stall time of the others
  stall_.set_wanting(!wanted_.empty(), tools_.runtime.clock.now());
  lose_holder(agent, task_.whole);
}

bool SegmentFetch::nobody_else() const {
  const auto ranked = owner_->ranked_with(task_.first);
  return open_.size() == 1 && asked_.empty() &&
         std::all_of(ranked.begin(), ranked.end(), [this](const HolderFacts& one) {
           return open_.contains(one.agent) || failed_.contains(one.agent);
         });
}

void SegmentFetch::end_fetch(const std::string& why) {
  SegmentFetchOwner* owner = owner_;
  if (!owner) return;
  const auto self = shared_from_this();  // the owner lets go of the fetch
  stop();
  owner->on_fetch_over(*this, {ErrorCode::no_progress, "fetch from peers",
                               fmt::format("{}; the last: {}", why, last_error_.text()), std::nullopt});
}

}  // namespace larder::peer
