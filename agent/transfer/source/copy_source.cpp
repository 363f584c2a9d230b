#include "agent/transfer/source/copy_source.h"

#include <algorithm>
#include <vector>

namespace larder::agent {
namespace {

constexpr std::size_t kChunk = 256 * 1024;
constexpr std::size_t kReadAhead = 4 * 1024 * 1024;  // maximum read ahead of consumption
constexpr Duration kBusyDelay = std::chrono::milliseconds(5);

Result<Buffer> read_chunk(cache::ContentLease& lease, ByteRange range) {
  Buffer buffer(range.length);
  Result<std::size_t> got = lease.file().read_at(range.offset, buffer.writable().first(range.length));
  if (!got) return tl::unexpected<Error>(got.error());
  if (*got != range.length) {
    return fail(ErrorCode::content_damaged, "copy from the cache", "the cached file is shorter than its record says");
  }
  buffer.grow(range.length);
  return buffer;
}

}  // namespace

class CopyStream : public std::enable_shared_from_this<CopyStream> {
 public:
  CopyStream(Runtime runtime, Blocking blocking, std::shared_ptr<cache::ContentLease> lease,
             std::vector<ByteRange> parts, std::shared_ptr<SourceEvents> events)
      : runtime_(runtime),
        blocking_(std::move(blocking)),
        lease_(std::move(lease)),
        parts_(std::move(parts)),
        events_(std::move(events)) {}

  void start() {
    post([](CopyStream& stream) {
      stream.events_->on_answer(nullptr, false);
      stream.read();
    });
  }

  void stop() { stopped_ = true; }

  void consumed(std::size_t bytes) {
    ahead_ -= std::min(ahead_, bytes);
    read();
  }

 private:
  // Runs on the loop, if the stream still goes on then.
  template <class F>
  void post(F action) {
    runtime_.executor.post([weak = weak_from_this(), action = std::move(action)]() mutable {
      if (const auto self = weak.lock(); self && !self->stopped_) action(*self);
    });
  }

  void read() {
    if (stopped_ || reading_ || ahead_ >= kReadAhead) return;
    if (part_ == parts_.size()) {
      stopped_ = true;
      return events_->on_done({});
    }
    const ByteRange& part = parts_[part_];
    const auto length = static_cast<std::size_t>(std::min<std::uint64_t>(kChunk, part.length - done_));
    reading_ = true;
    // The worker's reference to the stream returns to the loop with the bytes: a lease must not end on another thread.
    const bool queued = blocking_([self = shared_from_this(), offset = part.offset + done_, length]() mutable {
      Result<Buffer> chunk = read_chunk(*self->lease_, {offset, length});
      Executor& loop = self->runtime_.executor;
      loop.post([self = std::move(self), chunk = std::move(chunk)]() mutable {
        if (!self->stopped_) self->deliver(std::move(chunk));
      });
    });
    if (queued) return;
    runtime_.timers.after(kBusyDelay, [weak = weak_from_this()] {
      const auto self = weak.lock();
      if (!self || self->stopped_) return;
      self->reading_ = false;
      self->read();
    });
  }

  void deliver(Result<Buffer> chunk) {
    const auto self = shared_from_this();
    reading_ = false;
    if (!chunk) {
      stopped_ = true;
      return events_->on_done(tl::unexpected<Error>(chunk.error()));
    }
    done_ += chunk->size();
    ahead_ += chunk->size();
    if (done_ == parts_[part_].length) {
      ++part_;
      done_ = 0;
    }
    events_->on_data(std::move(*chunk));
    read();
  }

  Runtime runtime_;
  Blocking blocking_;
  std::shared_ptr<cache::ContentLease> lease_;
  std::vector<ByteRange> parts_;
  std::shared_ptr<SourceEvents> events_;
  std::size_t part_ = 0;
  std::uint64_t done_ = 0;  // bytes of that part
  std::size_t ahead_ = 0;
  bool reading_ = false;
  bool stopped_ = false;
};

CopySource::CopySource(Runtime runtime, Blocking blocking, std::shared_ptr<cache::ContentLease> lease, PieceMap map)
    : runtime_(runtime), blocking_(std::move(blocking)), lease_(std::move(lease)), map_(std::move(map)) {}

CopySource::~CopySource() {
  for (auto& [id, stream] : streams_) stream->stop();
}

SourceStreamId CopySource::start_stream(ByteRange window, std::shared_ptr<SourceEvents> events) {
  const SourceStreamId id = next_stream_++;
  auto stream = std::make_shared<CopyStream>(runtime_, blocking_, lease_, map_.parts(window), std::move(events));
  streams_.emplace(id, stream);
  stream->start();
  return id;
}

void CopySource::cancel_stream(SourceStreamId stream) {
  const auto found = streams_.find(stream);
  if (found == streams_.end()) return;
  found->second->stop();
  streams_.erase(found);
}

void CopySource::consumed(SourceStreamId stream, std::size_t bytes) {
  const auto found = streams_.find(stream);
  if (found == streams_.end()) return;
  const auto keep = found->second;  // its end may remove it from streams_
  keep->consumed(bytes);
}

}  // namespace larder::agent
