#include "inbox/front/file_source.h"

#include <algorithm>
#include <utility>

#include "base/text/units.h"

namespace larder::inbox {
namespace {

constexpr std::size_t kPiece = 256 * kKiB;
constexpr Duration kDiskBusyPause = std::chrono::milliseconds(10);

class FileSource final : public http::BodySource, public std::enable_shared_from_this<FileSource> {
 public:
  FileSource(std::shared_ptr<File> file, ByteRange bytes, Runtime runtime, WorkerPool& disk)
      : file_(std::move(file)), end_(bytes.end()), offset_(bytes.offset), runtime_(runtime), disk_(disk) {}

  void next(UniqueFunction<void(Result<Buffer>)> ready) override {
    ready_ = std::move(ready);
    if (offset_ == end_) return answer(Buffer{});
    read();
  }
  void cancel() override { ready_ = nullptr; }

 private:
  void read() {
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(kPiece, end_ - offset_));
    // The reference goes to the worker and comes back, so that the source always ends on the loop thread.
    const bool taken = disk_.submit([self = shared_from_this(), wanted, offset = offset_]() mutable {
      Buffer buffer(wanted);
      Result<std::size_t> count = self->file_->read_at(offset, buffer.writable());
      if (count) buffer.grow(*count);
      Executor& loop = self->runtime_.executor;
      loop.post([self = std::move(self), count = std::move(count), buffer = std::move(buffer), wanted]() mutable {
        self->on_read(count, std::move(buffer), wanted);
      });
    });
    if (taken) return;
    runtime_.timers.after(kDiskBusyPause, [weak = weak_from_this()] {
      if (const auto self = weak.lock(); self && self->ready_) self->read();
    });
  }

  void on_read(const Result<std::size_t>& count, Buffer buffer, std::size_t wanted) {
    if (!ready_) return;
    if (!count) return answer(tl::unexpected<Error>(count.error()));
    if (*count != wanted)
      return answer(fail(ErrorCode::content_damaged, "read the upload", "its file has become shorter"));
    offset_ += wanted;
    answer(std::move(buffer));
  }

  void answer(Result<Buffer> piece) {
    auto ready = std::exchange(ready_, nullptr);
    ready(std::move(piece));
  }

  const std::shared_ptr<File> file_;
  const std::uint64_t end_;
  std::uint64_t offset_;
  Runtime runtime_;
  WorkerPool& disk_;
  UniqueFunction<void(Result<Buffer>)> ready_;
};

}  // namespace

std::shared_ptr<http::BodySource> make_file_source(std::shared_ptr<File> file, ByteRange bytes, Runtime runtime,
                                                   WorkerPool& disk) {
  return std::make_shared<FileSource>(std::move(file), bytes, runtime, disk);
}

}  // namespace larder::inbox
