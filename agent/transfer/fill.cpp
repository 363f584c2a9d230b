#include "agent/transfer/fill.h"

#include <algorithm>
#include <utility>

namespace larder::agent {

// A stream's end at the source: outlives the fill, then passes nothing on.
class Fill::Inlet final : public SourceEvents {
 public:
  Inlet(std::weak_ptr<Fill> fill, std::uint64_t id) : fill_(std::move(fill)), id_(id) {}
  void on_answer(const origin::Edition* edition, bool whole) override {
    if (const auto fill = fill_.lock()) fill->stream_answered(id_, edition, whole);
  }
  void on_data(Buffer bytes) override {
    if (const auto fill = fill_.lock()) fill->stream_data(id_, std::move(bytes));
  }
  void on_wasted(std::uint64_t bytes) override {
    if (const auto fill = fill_.lock()) fill->stream_wasted(bytes);
  }
  void on_done(Status status) override {
    if (const auto fill = fill_.lock()) fill->stream_done(id_, std::move(status));
  }

 private:
  std::weak_ptr<Fill> fill_;
  std::uint64_t id_;
};

Fill::Fill(FillEvents& events, Options options) : events_(events), options_(std::move(options)) {}

Fill::~Fill() {
  stop();
}

void Fill::add_source(std::shared_ptr<Source> source) {
  SourceSlot slot;
  slot.max_streams = source->kind() == SourceKind::origin ? std::max(1U, options_.parallel_ranges) : 1U;
  slot.source = std::move(source);
  sources_.push_back(std::move(slot));
}

void Fill::start_as_probe() {
  open(0, {0, kUnknownEnd});
}

void Fill::stop() {
  if (stopped_) return;
  stopped_ = true;
  // The streams themselves stay: one of them may be on the stack.
  for (auto& [id, stream] : streams_) sources_[stream.source].source->cancel(stream.run);
}

void Fill::drop_writer() {
  stop();
  writer_.reset();
}

void Fill::bind(std::unique_ptr<cache::ContentWriter> writer, bool resumable) {
  writer_ = std::move(writer);
  size_ = writer_->size();
  if (size_) layout_.emplace(*size_);
  resumable_ = resumable;
  bound_ = true;
  const auto weak = weak_from_this();
  writer_->on_drained = [weak] {
    if (const auto fill = weak.lock()) fill->drained();
  };
  writer_->on_segment = [weak](const cache::SegmentInfo& segment) {
    const auto fill = weak.lock();
    if (!fill || fill->stopped_) return;
    fill->committed_ += segment.range.length;
    fill->events_.fill_committed();
  };
  writer_->on_error = [weak](const Error& error) {
    if (const auto fill = weak.lock()) fill->broken(error);
  };
  const auto self = shared_from_this();
  if (!streams_.empty() && !flush(streams_.begin()->first)) return;
  pump();
}

void Fill::open(std::size_t source, ByteRange window) {
  const std::uint64_t id = next_stream_++;
  Stream stream;
  stream.source = source;
  stream.window = window;
  stream.position = stream.written = window.offset;
  if (writer_) open_writing(stream);
  stream.run = sources_[source].source->start(window, std::make_shared<Inlet>(weak_from_this(), id));
  streams_.emplace(id, std::move(stream));
  share_rate();
}

void Fill::open_writing(Stream& stream) {
  const SourceKind kind = sources_[stream.source].source->kind();
  const cache::Source from = kind == SourceKind::origin ? cache::Source::origin
                             : kind == SourceKind::peer ? cache::Source::peer
                                                        : cache::Source::cache;
  stream.account = events_.account();
  stream.writing = writer_->open_stream({stream.written, stream.window.end() - stream.written}, from, stream.account);
}

PlanInput Fill::plan_input() const {
  PlanInput input;
  input.layout = layout_;
  input.missing = writer_->missing();
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    const SourceSlot& slot = sources_[i];
    SourceState state;
    state.kind = slot.source->kind();
    state.usable = slot.usable;
    state.windows = slot.source->windows() && !slot.whole_only;
    state.max_streams = slot.max_streams;
    for (const auto& [id, stream] : streams_) {
      if (stream.source == i) state.active.push_back(stream.window);
    }
    input.sources.push_back(std::move(state));
  }
  return input;
}

void Fill::pump() {
  if (stopped_ || !bound_ || pumping_ || complete_) return;
  pumping_ = true;
  const bool more = !end_known_ && size_ != 0U;
  while (more && !stopped_) {
    const std::optional<Window> window = next_window(plan_input());
    if (!window) break;
    open(window->source, window->range);
  }
  pumping_ = false;
  if (stopped_ || !streams_.empty()) return;
  if (!more || writer_->missing().empty()) return complete();
  broken(Error{ErrorCode::internal, options_.doing, "no source is left for what is missing"});
}

std::size_t Fill::streams_of(std::size_t source) const {
  return static_cast<std::size_t>(std::count_if(streams_.begin(), streams_.end(),
                                                [source](const auto& entry) { return entry.second.source == source; }));
}

Fill::Stream* Fill::find(std::uint64_t id) {
  const auto found = streams_.find(id);
  return found == streams_.end() ? nullptr : &found->second;
}

void Fill::stream_answered(std::uint64_t id, const origin::Edition* edition, bool whole) {
  const Stream* stream = find(id);
  if (stopped_ || stream == nullptr) return;
  const auto self = shared_from_this();
  const std::size_t source = stream->source;
  if (edition != nullptr) events_.fill_answered(*edition);
  if (stopped_ || !whole) return;
  sources_[source].whole_only = true;
  if (streams_of(source) > 1) start_over(source);
}

// Each stream of a source that answers with everything costs the way from the start. So one stream takes it all.
void Fill::start_over(std::size_t source) {
  std::vector<std::uint64_t> ids;
  for (const auto& [id, stream] : streams_) {
    if (stream.source == source) ids.push_back(id);
  }
  for (const std::uint64_t id : ids) {
    sources_[source].source->cancel(find(id)->run);
    close(id);
  }
  pump();
}

void Fill::stream_data(std::uint64_t id, Buffer bytes) {
  Stream* stream = find(id);
  if (stopped_ || stream == nullptr || bytes.empty()) return;
  const auto self = shared_from_this();
  const std::size_t size = bytes.size();
  const std::uint64_t end = bound_ && size_ ? std::min(stream->window.end(), *size_) : stream->window.end();
  if (size > end - stream->position) {
    events_.fill_wasted(size);
    return broken(Error{ErrorCode::bad_response, options_.doing, "more bytes came than the content has"});
  }
  received_ += size;
  since_break_ += size;
  stream->position += size;
  if (!writer_) {
    stream->unconsumed += size;
    stream->waiting.push_back(std::move(bytes));
  } else {
    if (const Status status = write(*stream, std::move(bytes)); !status) return broken(status.error());
    stream->unconsumed += size;
    if (writer_->queued() <= cache::ContentWriter::kHighWater) {
      sources_[stream->source].source->consumed(stream->run, std::exchange(stream->unconsumed, 0));
    }
  }
  if (!stopped_) events_.fill_received();
}

// A change of owner takes effect at the next block: a writer's stream begins at a block, and what is before it belongs
// to the stream that began it.
Status Fill::write(Stream& stream, Buffer bytes) {
  if (stream.account == events_.account()) return append(stream, std::move(bytes));
  const std::uint64_t to_block = (kBlockSize - stream.written % kBlockSize) % kBlockSize;
  if (to_block >= bytes.size() && to_block != 0) return append(stream, std::move(bytes));
  if (to_block > 0) {
    Buffer head(static_cast<std::size_t>(to_block));
    head.append(bytes.bytes().first(static_cast<std::size_t>(to_block)));
    if (Status status = append(stream, std::move(head)); !status) return status;
    Buffer tail(bytes.size() - static_cast<std::size_t>(to_block));
    tail.append(bytes.bytes().subspan(static_cast<std::size_t>(to_block)));
    bytes = std::move(tail);
  }
  writer_->close_stream(*stream.writing);
  open_writing(stream);
  return append(stream, std::move(bytes));
}

Status Fill::append(Stream& stream, Buffer bytes) {
  const std::size_t size = bytes.size();
  Status status = writer_->append(*stream.writing, std::move(bytes));
  if (status) stream.written += size;
  return status;
}

// Bytes that came before there was a writer. False when the fill ended on the way.
bool Fill::flush(std::uint64_t id) {
  Stream& stream = *find(id);
  if (size_) stream.window.length = *size_;
  const bool too_long = stream.position > stream.window.end();
  if (too_long) {
    broken(Error{ErrorCode::bad_response, options_.doing, "more bytes came than the content has"});
    return false;
  }
  if (size_ == 0U) {  // nothing to write, nothing to wait for
    sources_[stream.source].source->cancel(stream.run);
    streams_.clear();
    return true;
  }
  open_writing(stream);
  while (!stream.waiting.empty()) {
    Buffer bytes = std::move(stream.waiting.front());
    stream.waiting.pop_front();
    if (const Status status = append(stream, std::move(bytes)); !status) {
      broken(status.error());
      return false;
    }
  }
  if (stream.ended) {
    stream_ended(id);
    return !stopped_;
  }
  if (writer_->queued() <= cache::ContentWriter::kHighWater && stream.unconsumed > 0) {
    sources_[stream.source].source->consumed(stream.run, std::exchange(stream.unconsumed, 0));
  }
  return true;
}

void Fill::drained() {
  if (stopped_) return;
  const auto self = shared_from_this();
  std::vector<std::uint64_t> ids;
  for (const auto& [id, stream] : streams_) ids.push_back(id);
  for (const std::uint64_t id : ids) {
    Stream* stream = find(id);  // a source that is let on may end another stream
    if (stopped_ || stream == nullptr || stream->unconsumed == 0) continue;
    sources_[stream->source].source->consumed(stream->run, std::exchange(stream->unconsumed, 0));
  }
}

void Fill::stream_wasted(std::uint64_t bytes) {
  if (!stopped_) events_.fill_wasted(bytes);
}

void Fill::stream_done(std::uint64_t id, Status status) {
  Stream* stream = find(id);
  if (stopped_ || stream == nullptr) return;
  const auto self = shared_from_this();
  if (!status) return stream_broke(id, status.error());
  stream->ended = true;
  if (writer_) stream_ended(id);
}

void Fill::stream_ended(std::uint64_t id) {
  Stream& stream = *find(id);
  if (size_ && stream.position < stream.window.end()) {
    return stream_broke(id, Error{ErrorCode::connection_lost, options_.doing, "the answer ended before its end"});
  }
  if (!size_) {
    end_known_ = true;
    writer_->set_end(stream.position);
  }
  close(id);
  pump();
}

// Takes the stream away. What it wrote beyond the last full block is missing again.
void Fill::close(std::uint64_t id) {
  const auto found = streams_.find(id);
  const Stream& stream = found->second;
  if (stream.writing) {
    writer_->close_stream(*stream.writing);
    const bool at_end = stream.written == stream.window.end() || (!size_ && end_known_);
    const std::uint64_t dropped = at_end ? 0 : stream.written % kBlockSize;
    received_ -= dropped;
    if (dropped > 0) events_.fill_wasted(dropped);
  }
  streams_.erase(found);
  share_rate();
}

void Fill::stream_broke(std::uint64_t id, const Error& error) {
  const Stream& stream = *find(id);
  const std::size_t source = stream.source;
  SourceSlot& slot = sources_[source];
  if (!writer_) return broken(error);
  StreamBreak what;
  what.code = error.code;
  what.resumable = resumable_;
  what.whole =
      slot.whole_only || !slot.source->windows() || (stream.window.offset == 0 && stream.window.end() == size_);
  what.others = streams_of(source) - 1;
  what.progress = since_break_;
  const BreakDecision decision =
      slot.source->kind() == SourceKind::origin ? on_origin_break(what) : BreakDecision::next_source;
  if (decision == BreakDecision::fail || decision == BreakDecision::restart) return broken(error);
  if (decision == BreakDecision::narrow) slot.max_streams = static_cast<unsigned>(what.others);
  if (decision == BreakDecision::whole_only) slot.whole_only = true;
  if (decision == BreakDecision::next_source) slot.usable = false;
  since_break_ = 0;
  close(id);
  pump();
}

void Fill::set_rate(std::uint64_t bytes_per_second) {
  options_.max_rate = bytes_per_second;
  share_rate();
}

void Fill::share_rate() {
  if (streams_.empty() || stopped_) return;
  const std::uint64_t rate = options_.max_rate;
  const std::uint64_t each = rate == 0 ? 0 : std::max<std::uint64_t>(1, rate / streams_.size());
  for (auto& [id, stream] : streams_) sources_[stream.source].source->set_rate(stream.run, each);
}

void Fill::complete() {
  complete_ = true;
  events_.fill_complete();
}

void Fill::broken(const Error& error) {
  if (stopped_) return;
  const auto self = shared_from_this();
  // What the streams dropped counts as uncommitted; whoever ends the fill takes it as lost.
  // Its owner may end on the way.
  const Error copy = error;  // NOLINT(performance-unnecessary-copy-initialization)
  stop();
  events_.fill_broken(copy);
}

}  // namespace larder::agent
