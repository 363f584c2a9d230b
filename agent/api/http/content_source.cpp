#include "agent/api/http/content_source.h"

#include <algorithm>

namespace larder::agent {
namespace {

constexpr Duration kDiskBusyPause = std::chrono::milliseconds(10);

class ContentSource final : public BodySource, public std::enable_shared_from_this<ContentSource> {
 public:
  ContentSource(std::shared_ptr<cache::ContentLease> lease, ByteRange range, Executor& executor, Timers& timers,
                WorkerPool& disk)
      : lease_(std::move(lease)), rest_(range), executor_(executor), timers_(timers), disk_(disk) {}

  void next(UniqueFunction<void(Result<Buffer>)> ready) override {
    ready_ = std::move(ready);
    if (rest_.length == 0) return answer(Buffer{});
    read();
  }
  void cancel() override { ready_ = nullptr; }

 private:
  void read() {
    const std::size_t wanted = static_cast<std::size_t>(std::min<std::uint64_t>(kContentPiece, rest_.length));
    // The reference goes to the disk thread and returns, so that the lease always ends on the loop thread.
    const bool taken = disk_.submit([self = shared_from_this(), wanted, offset = rest_.offset]() mutable {
      Buffer buffer(wanted);
      Result<std::size_t> count = self->lease_->file().read_at(offset, buffer.writable());
      if (count) buffer.grow(*count);
      Executor& executor = self->executor_;
      executor.post([self = std::move(self), count = std::move(count), buffer = std::move(buffer), wanted]() mutable {
        self->on_read(count, std::move(buffer), wanted);
      });
    });
    if (taken) return;
    timers_.after(kDiskBusyPause, [weak = weak_from_this()] {
      if (const auto self = weak.lock(); self && self->ready_) self->read();
    });
  }

  void on_read(const Result<std::size_t>& count, Buffer buffer, std::size_t wanted) {
    if (!ready_) return;
    if (!count) return answer(tl::unexpected<Error>(count.error()));
    if (*count != wanted)
      return answer(fail(ErrorCode::content_damaged, "read the content", "its file has become shorter"));
    rest_.offset += wanted;
    rest_.length -= wanted;
    answer(std::move(buffer));
  }

  void answer(Result<Buffer> piece) {
    auto ready = std::exchange(ready_, nullptr);
    ready(std::move(piece));
  }

  std::shared_ptr<cache::ContentLease> lease_;
  ByteRange rest_;
  Executor& executor_;
  Timers& timers_;
  WorkerPool& disk_;
  UniqueFunction<void(Result<Buffer>)> ready_;
};

}  // namespace

std::shared_ptr<BodySource> make_content_source(std::shared_ptr<cache::ContentLease> lease, ByteRange range,
                                                Executor& executor, Timers& timers, WorkerPool& disk) {
  return std::make_shared<ContentSource>(std::move(lease), range, executor, timers, disk);
}

}  // namespace larder::agent
