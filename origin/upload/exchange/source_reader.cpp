#include "origin/upload/exchange/source_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace larder::origin {
namespace {

constexpr Duration kPoolFull = std::chrono::milliseconds(20);  // until the full queue of the pool is tried again

}  // namespace

struct SourceReader::Hashes {
  Sha256 whole;
  std::optional<Sha1> part_sha1;
  std::optional<Sha256> part_sha256;
  std::optional<Sha1Digest> part_sha1_done;

  void update(const Wish& wish, Bytes bytes) {
    if (wish.whole) whole.update(bytes);
    if (!wish.part) return;
    if (part_sha1) part_sha1->update(bytes);
    if (part_sha256) part_sha256->update(bytes);
  }
};

// What a worker needs: it never touches the reader.
struct SourceReader::Work {
  Wish wish;
  std::shared_ptr<const UploadSource> source;
  std::shared_ptr<Hashes> hashes;
  SourceIdentity identity;
  std::string name;

  [[nodiscard]] Result<Buffer> run() const {
    Buffer buffer(static_cast<std::size_t>(std::min<std::uint64_t>(wish.length, kPiece)));
    for (std::uint64_t at = wish.offset; at < wish.offset + wish.length;) {
      const auto want = std::min<std::uint64_t>(wish.offset + wish.length - at, kPiece);
      if (!wish.bytes) buffer = Buffer(static_cast<std::size_t>(want));
      const Result<std::size_t> got = source->read(at, buffer.writable().first(static_cast<std::size_t>(want)));
      if (!got) return tl::unexpected(got.error());
      // A file that ends early has another size, which says more than the missing bytes.
      if (*got < want) return shortened(at + *got);
      buffer.grow(*got);
      hashes->update(wish, buffer.bytes());
      at += want;
    }
    if (Status same = check(); !same) return tl::unexpected(same.error());
    return wish.bytes ? std::move(buffer) : Buffer();
  }

  [[nodiscard]] Status check() const {
    const Result<SourceIdentity> now = source->identity();
    if (!now) return tl::unexpected(now.error());
    return check_source(name, identity, *now);
  }

  [[nodiscard]] Result<Buffer> shortened(std::uint64_t end) const {
    if (Status same = check(); !same) return tl::unexpected(same.error());
    return fail(ErrorCode::disk_error, "upload " + name,
                fmt::format("it ends at byte {} when it is read, though its size is {}", end, identity.size));
  }
};

SourceReader::SourceReader(std::shared_ptr<const UploadSource> source, SourceIdentity identity, std::string name,
                           Runtime runtime, WorkerPool& disk)
    : source_(std::move(source)),
      identity_(identity),
      name_(std::move(name)),
      runtime_(runtime),
      disk_(disk),
      hashes_(std::make_shared<Hashes>()) {}

void SourceReader::read(const Wish& wish, Done done) {
  reading_ = true;
  done_ = std::move(done);
  submit(std::make_shared<Work>(Work{wish, source_, hashes_, identity_, name_}));
}

void SourceReader::submit(const std::shared_ptr<Work>& work) {
  auto answer = [this, work](const std::shared_ptr<Result<Buffer>>& bytes) { on_read(std::move(*bytes), work->wish); };
  const bool taken =
      disk_.submit([work, &executor = runtime_.executor, answer = alive_.guard(std::move(answer))]() mutable {
        auto bytes = std::make_shared<Result<Buffer>>(work->run());
        executor.post([answer = std::move(answer), bytes = std::move(bytes)]() mutable { answer(bytes); });
      });
  if (!taken) runtime_.timers.after(kPoolFull, alive_.guard([this, work] { submit(work); }));
}

void SourceReader::on_read(Result<Buffer> bytes, const Wish& wish) {
  reading_ = false;
  if (bytes && wish.whole) hashed_ = wish.offset + wish.length;
  if (bytes && wish.part) part_hashed_ += wish.length;
  const auto done = std::make_shared<Done>(std::move(done_));
  (*done)(std::move(bytes));
}

void SourceReader::begin_part(std::uint64_t offset, std::uint64_t length, bool sha1, bool sha256) {
  const bool digests = hashes_->part_sha1.has_value() == sha1 && hashes_->part_sha256.has_value() == sha256;
  const bool goes_on = part_hashed_ == length || (part_hashed_ < length && !hashes_->part_sha1_done);
  if (digests && goes_on && part_offset_ == offset) return;
  part_offset_ = offset;
  part_hashed_ = 0;
  hashes_->part_sha1.reset();
  hashes_->part_sha1_done.reset();
  hashes_->part_sha256.reset();
  if (sha1) hashes_->part_sha1.emplace();
  if (sha256) hashes_->part_sha256.emplace();
}

Digest SourceReader::whole_digest() const {
  return hashes_->whole.copy().finish();
}

Digest SourceReader::part_sha256() const {
  return hashes_->part_sha256->copy().finish();
}

Sha1Digest SourceReader::part_sha1() {
  if (!hashes_->part_sha1_done) hashes_->part_sha1_done = hashes_->part_sha1->finish();
  return *hashes_->part_sha1_done;
}

}  // namespace larder::origin
