#include "agent/transfer/fill/fill.h"

#include <algorithm>
#include <utility>

#include "base/hash/merkle.h"

namespace larder::agent {
namespace {

// Rest of an origin that broke while peers could go on, doubled each time.
constexpr Duration kFirstOriginRest = std::chrono::seconds(1);
constexpr unsigned kMaxOriginDoublings = 5;

// Transport of the hop that answered: an https URL may have led to a server that speaks http.
cache::Transport transport_of(const origin::Edition& edition) {
  return edition.effective_url.starts_with("https:") ? cache::Transport::https : cache::Transport::http;
}

cache::Source source_of(SourceKind kind) {
  switch (kind) {
    case SourceKind::origin:
      return cache::Source::origin;
    case SourceKind::peer:
      return cache::Source::peer;
    case SourceKind::cache:
      break;
  }
  return cache::Source::cache;
}

}  // namespace

// The receiver of a stream's events. It outlives the fill, and then drops them.
class Fill::StreamSink final : public SourceEvents {
 public:
  StreamSink(std::weak_ptr<Fill> fill, std::uint64_t id) : fill_(std::move(fill)), id_(id) {}
  void on_answer(const origin::Edition* edition, bool whole) override {
    if (const auto fill = fill_.lock()) fill->on_stream_answer(id_, edition, whole);
  }
  void on_data(Buffer bytes) override {
    if (const auto fill = fill_.lock()) fill->on_stream_data(id_, std::move(bytes));
  }
  void on_blocks(std::uint64_t offset, Buffer bytes, std::vector<Digest> leaves) override {
    if (const auto fill = fill_.lock()) fill->on_stream_blocks(id_, offset, std::move(bytes), std::move(leaves));
  }
  void on_wasted(std::uint64_t bytes) override {
    if (const auto fill = fill_.lock()) fill->on_stream_wasted(bytes);
  }
  void on_done(Status status) override {
    if (const auto fill = fill_.lock()) fill->on_stream_done(id_, std::move(status));
  }

 private:
  std::weak_ptr<Fill> fill_;
  std::uint64_t id_;
};

Fill::Fill(FillEvents& events, Runtime runtime, Options options)
    : events_(events), runtime_(runtime), options_(std::move(options)) {
  apply_pace();
}

Fill::~Fill() {
  stop_streams();
}

void Fill::add_source(std::shared_ptr<Source> source) {
  SourceSlot slot;
  slot.max_streams = source->kind() == SourceKind::origin ? std::max(1U, options_.parallel_ranges) : 1U;
  slot.holders = source->holders();
  source->on_changed = [weak = weak_from_this(), index = sources_.size()] {
    if (const auto fill = weak.lock()) fill->on_source_changed(index);
  };
  slot.source = std::move(source);
  sources_.push_back(std::move(slot));
  apply_pace();
  if (!bound_ || stopped_) return;
  const auto self = shared_from_this();
  report_missing_origin();
  revise_all();
  pump();
}

void Fill::start_as_probe() {
  open_stream(0, {0, kUnknownEnd});
}

void Fill::stop_streams() {
  if (stopped_) return;
  stopped_ = true;
  runtime_.timers.cancel(std::exchange(watch_timer_, 0));
  // The streams themselves stay: one of them may be on the stack.
  for (auto& [id, stream] : streams_) sources_[stream.source].source->cancel_stream(stream.source_stream);
  for (SourceSlot& slot : sources_) slot.source->on_changed = nullptr;
}

void Fill::drop_writer() {
  stop_streams();
  writer_.reset();
}

void Fill::bind(std::unique_ptr<cache::ContentWriter> writer, bool resumable) {
  writer_ = std::move(writer);
  size_ = writer_->size();
  if (size_) {
    layout_.emplace(*size_);
    present_.add({0, block_count(*size_)});
    for (const ByteRange& range : writer_->missing()) {
      present_.remove({range.offset / kBlockSize, block_count(range.end())});
    }
  }
  // What an earlier attempt left of unfinished segments counts as received, and not committed.
  const auto [unfinished, of_peers] = writer_->unfinished();
  received_ += unfinished;
  received_of_peers_ += of_peers;
  resumable_ = resumable;
  bound_ = true;
  const auto weak = weak_from_this();
  writer_->on_drained = [weak] {
    if (const auto fill = weak.lock()) fill->on_drained();
  };
  writer_->on_blocks_written = [weak](ByteRange range) {
    if (const auto fill = weak.lock()) fill->on_blocks_written(range);
  };
  writer_->on_segment = [weak](const cache::SegmentInfo& segment) {
    const auto fill = weak.lock();
    if (!fill || fill->stopped_) return;
    fill->committed_ += segment.range.length;
    fill->committed_of_peers_ += segment.peer_bytes;
    fill->events_.on_fill_committed();
  };
  writer_->on_error = [weak](const Error& error) {
    if (const auto fill = weak.lock()) fill->break_fill(error);
  };
  const auto self = shared_from_this();
  report_missing_origin();
  if (!streams_.empty() && !flush_stream(streams_.begin()->first)) return;
  pump();
}

void Fill::open_stream(std::size_t source, ByteRange window) {
  const std::uint64_t id = next_stream_++;
  Stream stream;
  stream.source = source;
  stream.window = window;
  stream.blocks = sources_[source].source->blocks();
  stream.position = stream.written = window.offset;
  if (writer_) open_writing(stream);
  stream.source_stream =
      sources_[source].source->start_stream(window, std::make_shared<StreamSink>(weak_from_this(), id));
  streams_.emplace(id, std::move(stream));
  if (is_peer(source)) pace_.on_opened(id, runtime_.clock.now());
  share_rate();
}

void Fill::open_writing(Stream& stream) {
  stream.account = events_.account();
  Source& source = *sources_[stream.source].source;
  if (stream.blocks) {
    const std::uint64_t segment = layout_->index_at(stream.window.offset);
    stream.writing = writer_->open_blocks({stream.window, stream.account, source.attestation(segment)});
    return;
  }
  const ByteRange rest{stream.written, stream.window.end() - stream.written};
  stream.writing = writer_->open_stream(rest, source_of(source.kind()), stream.account);
  writer_->set_transport(*stream.writing, stream.transport);
}

// Returns the ranges that are neither received nor in flight.
std::vector<ByteRange> Fill::missing() const {
  if (!size_) return writer_->missing();
  cache::IntervalSet taken = present_;
  for (const auto& [id, stream] : streams_) {
    taken.add({stream.window.offset / kBlockSize, block_count(stream.window.end())});
  }
  std::vector<ByteRange> ranges;
  for (const cache::Interval gap : taken.gaps({0, block_count(*size_)})) ranges.push_back(bytes_of(gap));
  return ranges;
}

SourceState Fill::state_of(std::size_t source, SteadyTime now) {
  const SourceSlot& slot = sources_[source];
  SourceState state;
  state.kind = slot.source->kind();
  state.usable = slot.usable && now >= slot.rest_until;
  state.windows = slot.source->windows() && !slot.whole_only;
  state.max_streams = slot.max_streams;
  for (const auto& [id, stream] : streams_) {
    if (stream.source == source) state.active.push_back(stream.window);
  }
  if (state.kind == SourceKind::origin) leave_to_crowd(slot, state);
  if (state.kind != SourceKind::peer || !layout_) return state;
  state.max_streams = pace_.windows(now);
  state.on_probation = pace_.on_probation();
  state.has_all = false;
  std::optional<std::vector<std::uint64_t>> has = slot.source->segments();
  const std::uint64_t count = has ? has->size() : layout_->count();
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t segment = has ? (*has)[i] : i;
    if (pace_.may_ask(segment, now)) state.has.push_back(segment);
  }
  if (!state.on_probation) state.order = slot.source->order();
  return state;
}

PlanInput Fill::plan_input() {
  const SteadyTime now = runtime_.clock.now();
  PlanInput input;
  input.layout = layout_;
  input.missing = missing();
  input.helping = helping_;
  for (std::size_t i = 0; i < sources_.size(); ++i) input.sources.push_back(state_of(i, now));
  return input;
}

void Fill::pump() {
  if (stopped_ || !bound_ || pumping_ || complete_) return;
  pumping_ = true;
  const bool more = !end_known_ && size_ != 0U;
  while (more && !stopped_) {
    const std::optional<Window> window = next_window(plan_input());
    if (window) {
      open_stream(window->source, window->range);
    } else if (!streams_.empty() || missing().empty() || waits_for_crowd() || !ask_again()) {
      break;
    }
  }
  pumping_ = false;
  if (stopped_) return;
  arm_watch();
  if (!streams_.empty()) return;
  if (!more || missing().empty()) return complete_fill();
  if (waits_for_crowd()) return;
  break_fill(last_break_.value_or(Error{ErrorCode::internal, options_.doing, "no source is left for what is missing"}));
}

// Lifts rests and refusals when no stream is under way, since there is nothing to wait for. Returns false when it
// changed nothing, or did so too often without progress.
bool Fill::ask_again() {
  if (++fruitless_ > kMaxFruitless) return false;
  since_fruitless_ = 0;
  const SteadyTime now = runtime_.clock.now();
  bool rested = false;
  for (SourceSlot& slot : sources_) {
    rested = rested || now < slot.rest_until || slot.source->kind() == SourceKind::peer;
    slot.rest_until = {};
  }
  pace_.end_rests();
  return rested;
}

std::size_t Fill::streams_of(std::size_t source) const {
  return static_cast<std::size_t>(std::count_if(streams_.begin(), streams_.end(),
                                                [source](const auto& entry) { return entry.second.source == source; }));
}

Fill::Stream* Fill::find_stream(std::uint64_t id) {
  const auto found = streams_.find(id);
  return found == streams_.end() ? nullptr : &found->second;
}

void Fill::on_stream_answer(std::uint64_t id, const origin::Edition* edition, bool whole) {
  Stream* stream = find_stream(id);
  if (stopped_ || stream == nullptr) return;
  const auto self = shared_from_this();
  const std::size_t source = stream->source;
  if (edition != nullptr) {
    stream->transport = transport_of(*edition);
    if (stream->writing && !stream->blocks) writer_->set_transport(*stream->writing, stream->transport);
    events_.on_fill_answer(*edition);
  }
  if (stopped_ || !whole) return;
  sources_[source].whole_only = true;
  if (streams_of(source) > 1) start_over(source);
}

// A source that ignores windows sends everything from the start in each stream. So one stream takes all of it.
void Fill::start_over(std::size_t source) {
  std::vector<std::uint64_t> ids;
  for (const auto& [id, stream] : streams_) {
    if (stream.source == source) ids.push_back(id);
  }
  for (const std::uint64_t id : ids) give_up_stream(id);
  pump();
}

// Cancels a stream that would go on, and closes it.
void Fill::give_up_stream(std::uint64_t id) {
  const Stream& stream = *find_stream(id);
  sources_[stream.source].source->cancel_stream(stream.source_stream);
  close_stream(id);
}

void Fill::on_stream_done(std::uint64_t id, Status status) {
  Stream* stream = find_stream(id);
  if (stopped_ || stream == nullptr) return;
  const auto self = shared_from_this();
  if (writer_) return end_stream(id, status);
  if (!status && !stream->begun) return break_fill(status.error());
  stream->end = std::move(status);  // the bytes before it are kept once there is a writer
}

void Fill::end_stream(std::uint64_t id, const Status& status) {
  if (status) return on_stream_ended(id);
  on_stream_broken(id, status.error());
}

void Fill::on_stream_ended(std::uint64_t id) {
  Stream& stream = *find_stream(id);
  const bool all = stream.blocks ? gaps_of(stream.window).empty() : stream.position >= stream.window.end();
  if (size_ && !all) {
    return on_stream_broken(id, Error{ErrorCode::connection_lost, options_.doing, "the answer ended before its end"});
  }
  if (!size_) {
    end_known_ = true;
    writer_->set_end(stream.position);
  }
  close_stream(id, true);
  pump();
}

// Removes the stream. Bytes that it wrote beyond the last full block are missing again.
void Fill::close_stream(std::uint64_t id, bool success) {
  const auto found = streams_.find(id);
  const Stream& stream = found->second;
  if (stream.writing) {
    writer_->close_stream(*stream.writing);
    const bool at_end =
        (size_ && stream.written == *size_) || stream.written == stream.window.end() || (!size_ && end_known_);
    const std::uint64_t dropped = at_end || stream.blocks ? 0 : stream.written % kBlockSize;
    received_ -= dropped;
    if (dropped > 0) events_.on_fill_wasted(dropped);
  }
  if (is_peer(stream.source)) {
    pace_.on_closed(id, success, runtime_.clock.now());
    // Reports of consumption held back while the writer was behind.
    for (const ByteRange& range : stream.taken_blocks) {
      sources_[stream.source].source->consumed_blocks(stream.source_stream, range);
    }
  }
  streams_.erase(found);
  share_rate();
}

void Fill::on_stream_broken(std::uint64_t id, const Error& error) {
  const Stream& stream = *find_stream(id);
  const std::size_t source = stream.source;
  SourceSlot& slot = sources_[source];
  if (is_peer(source)) return on_peers_refused(id, error);
  StreamBreak what;
  what.code = error.code;
  what.resumable = resumable_;
  what.whole =
      slot.whole_only || !slot.source->windows() || (stream.window.offset == 0 && stream.window.end() == size_);
  what.others = streams_of(source) - 1;
  what.progress = since_break_;
  const BreakDecision decision =
      slot.source->kind() == SourceKind::origin ? on_origin_break(what) : BreakDecision::next_source;
  if (decision == BreakDecision::fail && peers_can_go_on()) return rest_origin(id, error);
  if (decision == BreakDecision::fail || decision == BreakDecision::restart) return break_fill(error);
  if (decision == BreakDecision::narrow) {
    slot.max_streams = static_cast<unsigned>(what.others);
    slot.narrowed = true;
  }
  if (decision == BreakDecision::whole_only) slot.whole_only = true;
  if (decision == BreakDecision::next_source) slot.usable = false;
  since_break_ = 0;
  close_stream(id);
  pump();
}

// Peers cannot give this window now: other peers, or the origin, take it.
void Fill::on_peers_refused(std::uint64_t id, const Error& error) {
  const Stream& stream = *find_stream(id);
  pace_.on_refused(layout_->index_at(stream.window.offset), runtime_.clock.now());
  if (!last_break_) last_break_ = error;
  close_stream(id);
  pump();
}

// Lets the origin rest: it cannot go on, but peers can.
void Fill::rest_origin(std::uint64_t id, const Error& error) {
  SourceSlot& slot = sources_[find_stream(id)->source];
  slot.rest_until = runtime_.clock.now() + kFirstOriginRest * (1U << std::min(slot.breaks++, kMaxOriginDoublings));
  last_break_ = error;
  since_break_ = 0;
  close_stream(id);
  if (Source* crowd = crowd_source()) crowd->set_origin_usable(slot.reported_usable = false);
  pump();
}

void Fill::set_rate(std::uint64_t bytes_per_second) {
  options_.max_rate = bytes_per_second;
  apply_pace();
  share_rate();
}

void Fill::share_rate() {
  if (streams_.empty() || stopped_) return;
  const std::uint64_t rate = options_.max_rate;
  const std::uint64_t each = rate == 0 ? 0 : std::max<std::uint64_t>(1, rate / streams_.size());
  for (auto& [id, stream] : streams_) sources_[stream.source].source->set_rate(stream.source_stream, each);
}

void Fill::complete_fill() {
  complete_ = true;
  runtime_.timers.cancel(std::exchange(watch_timer_, 0));
  events_.on_fill_complete();
}

void Fill::break_fill(const Error& error) {
  if (stopped_) return;
  const auto self = shared_from_this();
  // Bytes that the streams still hold count as uncommitted; Download::fail_members() counts them as wasted. A copy,
  // since the owner of `error` may end on the way.
  const Error copy = error;  // NOLINT(performance-unnecessary-copy-initialization)
  stop_streams();
  events_.on_fill_broken(copy);
}

}  // namespace larder::agent
