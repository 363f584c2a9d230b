#include "peer/supply/window_fetch.h"

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

ByteRange window_of(const WindowFetch::What& what) {
  if (what.whole) return {0, what.layout.content_size()};
  return what.layout.range(what.first);
}

bool all_missing(const cache::IntervalSet& set, const ByteRange& range) {
  const auto gaps = set.gaps({range.offset, range.end()});
  return gaps.size() == 1 && gaps.front() == cache::Interval{range.offset, range.end()};
}

}  // namespace

WindowFetch::WindowFetch(SupplyTools& tools, WindowOwner& owner, What what)
    : tools_(tools), owner_(&owner), what_(std::move(what)), range_(window_of(what_)) {
  for (const ByteRange& held : what_.held) have_.add({held.offset, held.end()});
}

WindowFetch::~WindowFetch() {
  stop();
}

void WindowFetch::start() {
  recruit();
}

void WindowFetch::stop() {
  if (!owner_) return;
  owner_ = nullptr;
  note_silent();
  tools_.runtime.timers.cancel(timer_);
  for (const CallId call : calls_) tools_.link.cancel(call);
  if (fetch_) tools_.swarm.stop(*fetch_);
  fetch_.reset();
}

// Reports open peers that sent no byte: the fetch may end, with the bytes from the origin, before the dialling fails.
void WindowFetch::note_silent() const {
  const bool waited = fetch_ && !wanted_.empty() && tools_.runtime.clock.now() - begun_at_ >= kSilent;
  if (!waited || !tools_.dials.failed) return;
  for (const AgentId& agent : open_) {
    if (!delivered_.contains(agent)) tools_.dials.failed(agent, DialEnd::silent);
  }
}

void WindowFetch::recruit() {
  if (!owner_) return;
  auto ranked = what_.whole ? owner_->holder_table().ranked_complete() : owner_->ranked_with(what_.first);
  std::erase_if(ranked, [this](const HolderFacts& holder) {
    return asked_.contains(holder.agent) || open_.contains(holder.agent) || failed_.contains(holder.agent);
  });
  const std::size_t wanted = wanted_holders(range_.length);
  for (const HolderFacts& holder : ranked) {
    if (asked_.size() + open_.size() >= wanted) break;
    const bool with_leaves = leaves_.empty() && !asking_leaves_;
    asking_leaves_ = asking_leaves_ || with_leaves;
    ask(holder, with_leaves);
  }
  if (asked_.empty() && open_.empty()) over("no peer that holds it is left");
}

void WindowFetch::ask(const HolderFacts& holder, bool with_leaves) {
  asked_.insert(holder.agent);
  LeavesQuery query;
  query.key = what_.version_key;
  query.first = what_.first;
  if (!what_.whole) query.count = 1;
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
    self->answered(agent, with_leaves, std::move(answer));
  });
  calls_.insert(*id);
}

void WindowFetch::answered(const AgentId& agent, bool with_leaves, Result<CatalogueResponse> answer) {
  if (with_leaves) asking_leaves_ = false;
  if (!answer) return refused(agent, answer.error());
  if (answer->status != kOk) {
    if (answer->status == kBusy) owner_->window_others(answer->body);
    return refused(agent, {ErrorCode::busy, "fetch from peer " + agent_name(agent),
                           fmt::format("its catalogue answers {}", answer->status), std::nullopt});
  }
  if (!with_leaves) return opened(agent);
  auto leaves = decode_leaves(answer->body);
  if (!leaves) return refused(agent, leaves.error());
  check_leaves(agent, std::move(*leaves));
}

void WindowFetch::refused(const AgentId& agent, const Error& error) {
  log::debug("peer does not open a window agent={} error=\"{}\"", agent_name(agent), error.text());
  last_error_ = error;
  const bool silent = error.code == ErrorCode::connect_failed || error.code == ErrorCode::timed_out ||
                      error.code == ErrorCode::connection_lost;
  if (silent) tools_.unreachable(agent);
  lose(agent, silent || what_.whole);
}

void WindowFetch::check_leaves(const AgentId& agent, std::vector<Digest> leaves) {
  if (leaves.size() <= kFoldHere) {
    const bool good = leaves_match(what_.layout, what_.first, what_.segment_roots, leaves);
    return leaves_checked(agent, std::move(leaves), good);
  }
  asking_leaves_ = true;
  auto shared = std::make_shared<std::vector<Digest>>(std::move(leaves));
  auto work = [weak = weak_from_this(), shared, agent, layout = what_.layout, first = what_.first,
               roots = what_.segment_roots, &executor = tools_.runtime.executor] {
    const bool good = leaves_match(layout, first, roots, *shared);
    executor.post([weak, shared, agent, good] {
      const auto self = weak.lock();
      if (!self || !self->owner_) return;
      self->asking_leaves_ = false;
      self->leaves_checked(agent, std::move(*shared), good);
    });
  };
  if (tools_.blocking(std::move(work))) return;
  asking_leaves_ = false;
  refused(agent, {ErrorCode::busy, "check what a peer sent", "too much waits for the disk threads", std::nullopt});
}

void WindowFetch::leaves_checked(const AgentId& agent, std::vector<Digest> leaves, bool good) {
  if (!good && only_said(agent)) {
    last_error_ = {ErrorCode::bad_response, "fetch from peer " + agent_name(agent), "it has another content",
                   std::nullopt};
    return lose(agent, false);
  }
  if (!good) {
    log::warn("peer sent leaf hashes that do not fold to the attested root agent={}", agent_name(agent));
    last_error_ = {ErrorCode::bad_response, "fetch from peer " + agent_name(agent),
                   "its leaf hashes are not those of the content", std::nullopt};
    tools_.lied(agent);
    return lose(agent, true);
  }
  if (leaves_.empty()) leaves_ = std::move(leaves);
  opened(agent);
}

// Returns whether this holder only announced the segment and never named the believed root. It may then hold different
// bytes under the same version, as its origin gave them.
bool WindowFetch::only_said(const AgentId& agent) const {
  const HolderFacts* holder = owner_->holder_table().find(agent);
  return holder != nullptr && (what_.whole ? !holder->hearsay.empty() : holder->hearsay.contains(what_.first));
}

void WindowFetch::opened(const AgentId& agent) {
  asked_.erase(agent);
  open_.insert(agent);
  stall_.add(agent, tools_.runtime.clock.now());
  if (!fetch_) {
    if (!leaves_.empty()) begin();
  } else {
    const HolderFacts* holder = owner_->holder_table().find(agent);
    if (holder) tools_.swarm.add_peers(*fetch_, {SwarmPeer{agent, holder->swarm}});
  }
  // The holder that was asked for the leaves may have failed: this one is then asked for them.
  if (owner_ && leaves_.empty() && !asking_leaves_) {
    open_.erase(agent);
    stall_.remove(agent, tools_.runtime.clock.now());
    if (const HolderFacts* holder = owner_->holder_table().find(agent)) {
      asking_leaves_ = true;
      ask(*holder, true);
    }
  }
  watch();
}

std::vector<SwarmPeer> WindowFetch::peers() const {
  std::vector<SwarmPeer> out;
  for (const AgentId& agent : open_) {
    if (const HolderFacts* holder = owner_->holder_table().find(agent)) out.push_back({agent, holder->swarm});
  }
  return out;
}

void WindowFetch::begin() {
  SwarmFetch fetch;
  // Leaves of a whole content were checked against all segment roots; their root is folded from those.
  fetch.torrent = what_.whole
                      ? TorrentId{fold_segment_roots(what_.segment_roots, what_.layout.segment_blocks()), range_.length}
                      : torrent_id(leaves_, range_.length);
  fetch.leaves_proven = true;
  fetch.leaves = leaves_;
  fetch.peers = peers();
  fetch.content = what_.content;
  fetch.offset = range_.offset;
  for (const auto& [begin, end] : have_.intervals()) {
    const std::uint64_t from = std::max(begin, range_.offset), to = std::min(end, range_.end());
    if (from < to) fetch.held.push_back({from - range_.offset, to - from});
  }
  auto started = tools_.swarm.fetch(std::move(fetch), shared_from_this());
  if (!started) return over(started.error().text());
  fetch_ = *started;
  begun_at_ = tools_.runtime.clock.now();
  unconsumed_ = 0;
  stall_.set_wanting(false, tools_.runtime.clock.now());
  if (!wanted_.empty()) want(std::move(wanted_));
}

void WindowFetch::restart() {
  if (!fetch_) return;
  log::debug("window from peers begins anew window={}+{} unconsumed={} for_nobody={}", range_.offset, range_.length,
             unconsumed_, dropped_bytes_);
  tools_.swarm.stop(*fetch_);
  fetch_.reset();
  given_ = {};
  dropped_bytes_ = 0;
  if (!open_.empty()) begin();
}

std::vector<ByteRange> WindowFetch::in_window(const std::vector<ByteRange>& ranges) const {
  std::vector<ByteRange> out;
  out.reserve(ranges.size());
  for (const ByteRange& range : ranges) out.push_back({range.offset - range_.offset, range.length});
  return out;
}

void WindowFetch::want(std::vector<ByteRange> ranges) {
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
  if (again) return restart();  // begin() calls want() again, with given_ empty
  if (fetch_) tools_.swarm.want(*fetch_, in_window(wanted_));
  watch();
}

void WindowFetch::consumed(std::uint64_t offset, std::uint64_t bytes) {
  have_.add({offset, offset + bytes});
  taken(bytes);
  last_consumed_ = tools_.runtime.clock.now();
  const bool of_this = given_.gaps({offset, offset + bytes}).empty();
  if (fetch_ && of_this) tools_.swarm.consumed(*fetch_, offset - range_.offset, bytes);
}

void WindowFetch::dropped(std::uint64_t bytes) {
  taken(bytes);
  dropped_bytes_ += bytes;
  if (dropped_bytes_ >= kMaxDropped) make_room();
}

// Restarts the torrent: bytes that came and will not be consumed occupy the swarm's memory.
void WindowFetch::make_room() {
  std::vector<ByteRange> still;
  for (const ByteRange& range : wanted_) {
    for (const auto& gap : given_.gaps({range.offset, range.end()})) still.push_back({gap.begin, gap.end - gap.begin});
  }
  wanted_ = std::move(still);
  restart();
}

void WindowFetch::holders_changed() {
  recruit();
}

void WindowFetch::on_blocks(std::uint64_t offset, Buffer bytes, const AgentId& from) {
  if (!owner_) return;
  only_.reset();
  if (delivered_.insert(from).second && tools_.dials.delivered) tools_.dials.delivered(from);
  stall_.delivered(from, tools_.runtime.clock.now());
  const auto first = leaves_.begin() + static_cast<std::ptrdiff_t>(offset / kBlockSize);
  std::vector<Digest> leaves(first, first + static_cast<std::ptrdiff_t>(block_count(bytes.size())));
  if (unconsumed_ == 0) last_consumed_ = tools_.runtime.clock.now();
  unconsumed_ += bytes.size();
  given_.add({range_.offset + offset, range_.offset + offset + bytes.size()});
  owner_->window_blocks(*this, range_.offset + offset, std::move(bytes), std::move(leaves));
}

void WindowFetch::on_bad_block(const AgentId& from) {
  if (!owner_) return;
  log::warn("peer sent a block that is not what is attested, it was cut agent={}", agent_name(from));
  last_error_ = {ErrorCode::bad_response, "fetch from peer " + agent_name(from), "it sent wrong bytes", std::nullopt};
  tools_.lied(from);
  lose(from, true);
}

void WindowFetch::on_peer_lost(const AgentId& peer) {
  if (!owner_ || !open_.contains(peer)) return;
  last_error_ = {ErrorCode::connection_lost, "fetch from peer " + agent_name(peer), "it went away", std::nullopt};
  if (!delivered_.contains(peer) && tools_.dials.failed) tools_.dials.failed(peer, DialEnd::not_begun);
  lose(peer, what_.whole);
}

void WindowFetch::on_failed(const Error& error) {
  fetch_.reset();
  if (owner_) over(error.text());
}

void WindowFetch::lose(const AgentId& agent, bool everywhere) {
  asked_.erase(agent);
  open_.erase(agent);
  stall_.remove(agent, tools_.runtime.clock.now());
  failed_.insert(agent);
  const auto self = shared_from_this();  // the owner may let go of the fetch
  if (!what_.whole && last_error_.code != ErrorCode::busy) owner_->window_not_given(what_.first, agent);
  if (everywhere && owner_->holder_table().drop(agent)) owner_->window_lost_holder(agent);
  if (!owner_) return;
  recruit();
  if (owner_) watch();
}

void WindowFetch::watch() {
  tools_.runtime.timers.cancel(timer_);
  timer_ = 0;
  const auto due = fetch_ ? stall_.next_check() : std::nullopt;
  if (!due) return;
  const Duration wait = std::max(Duration{}, *due - tools_.runtime.clock.now());
  timer_ = tools_.runtime.timers.after(wait + std::chrono::milliseconds(1), [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->look();
  });
}

void WindowFetch::look() {
  timer_ = 0;
  if (!owner_) return;
  const auto silent = stall_.stalled(tools_.runtime.clock.now());
  if (!silent) return watch();
  if (unconsumed_ >= kOwnSlowness) {
    const SteadyTime now = tools_.runtime.clock.now();
    log::debug("peers wait for the disk here window={}+{} unconsumed={}", range_.offset, range_.length, unconsumed_);
    stall_.delivered(*silent, now);
    if (now - last_consumed_ >= kForgotten) make_room();
    return watch();
  }
  const AgentId agent = *silent;
  // The only holder of a segment is not dropped at once: there is no other to ask.
  if (!what_.whole) waited_ = only_ == agent ? waited_ + 1 : 0;
  only_ = agent;
  if (!what_.whole && nobody_else() && waited_ < kWaitForOnly) {
    stall_.delivered(agent, tools_.runtime.clock.now());
    return watch();
  }
  log::info("peer stalls and is left agent={} window={}+{}", agent_name(agent), range_.offset, range_.length);
  last_error_ = {ErrorCode::no_progress, "fetch from peer " + agent_name(agent), "it stalled", std::nullopt};
  if (!delivered_.contains(agent) && tools_.dials.failed) tools_.dials.failed(agent, DialEnd::silent);
  if (fetch_) tools_.swarm.drop_peer(*fetch_, agent);
  stall_.set_wanting(false, tools_.runtime.clock.now());  // restarts the stall time of the others
  stall_.set_wanting(!wanted_.empty(), tools_.runtime.clock.now());
  lose(agent, what_.whole);
}

bool WindowFetch::nobody_else() const {
  const auto ranked = owner_->ranked_with(what_.first);
  return open_.size() == 1 && asked_.empty() &&
         std::all_of(ranked.begin(), ranked.end(), [this](const HolderFacts& one) {
           return open_.contains(one.agent) || failed_.contains(one.agent);
         });
}

void WindowFetch::over(const std::string& why) {
  WindowOwner* owner = owner_;
  if (!owner) return;
  const auto self = shared_from_this();  // the owner lets go of the fetch
  stop();
  owner->window_over(*this, {ErrorCode::no_progress, "fetch from peers",
                             fmt::format("{}; the last: {}", why, last_error_.text()), std::nullopt});
}

}  // namespace larder::peer
