// Reads and hashes a source on the worker pool, one range after the other: the bytes of a request's body, and the
// digests that go with it. The bytes that are returned are the bytes that were hashed. Loop thread only; read() may be
// called once at a time.
//
// Each read checks the identity of the source after its bytes were read. So no byte that was read after a change leaves
// this class, but for what a writer through a mapping does, which changes bytes before times.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/hash/buffer.h"
#include "base/result.h"
#include "base/runtime/alive.h"
#include "base/runtime/clock.h"
#include "base/runtime/worker_pool.h"
#include "base/unique_function.h"
#include "origin/upload/uploads.h"

namespace larder::origin {

class SourceReader {
 public:
  static constexpr std::size_t kPiece = 256 * 1024;          // bytes of one read that are returned
  static constexpr std::uint64_t kHashed = 4 * 1024 * 1024;  // bytes of one read that are only hashed

  struct Wish {
    std::uint64_t offset = 0;
    std::uint64_t length = 0;  // at most kPiece with `bytes`, else kHashed
    bool bytes = false;        // returned
    bool whole = false;        // goes into the digest of the whole: the range begins where the last such one ended
    bool part = false;         // goes into the digests of the part
  };
  using Done = UniqueFunction<void(Result<Buffer>)>;

  SourceReader(std::shared_ptr<const UploadSource> source, SourceIdentity identity, std::string name, Runtime runtime,
               WorkerPool& disk);

  // Calls `done` on the loop thread, with an empty buffer unless bytes were wished for; not at all if the reader is
  // destroyed before. Error: source_changed; disk_error.
  void read(const Wish& wish, Done done);
  [[nodiscard]] bool reads() const { return reading_; }
  // The digests of [offset, offset + length), between two reads only. What is in them already stands if it is of that
  // part: it may have been hashed ahead.
  void begin_part(std::uint64_t offset, std::uint64_t length, bool sha1, bool sha256);
  [[nodiscard]] std::uint64_t part_hashed() const { return part_hashed_; }  // bytes that are in them
  [[nodiscard]] std::uint64_t hashed() const { return hashed_; }  // bytes from the start that are in the whole's digest
  [[nodiscard]] Digest whole_digest() const;
  [[nodiscard]] Digest part_sha256() const;
  [[nodiscard]] Sha1Digest part_sha1();  // no byte is added to it after that

 private:
  struct Hashes;
  struct Work;
  void submit(const std::shared_ptr<Work>& work);
  void on_read(Result<Buffer> bytes, const Wish& wish);

  const std::shared_ptr<const UploadSource> source_;
  const SourceIdentity identity_;
  const std::string name_;
  Runtime runtime_;
  WorkerPool& disk_;
  std::shared_ptr<Hashes> hashes_;  // used by the worker while it reads, by the loop in between
  std::uint64_t hashed_ = 0;
  std::uint64_t part_offset_ = 0;
  std::uint64_t part_hashed_ = 0;
  bool reading_ = false;
  Done done_;
  Alive alive_;
};

}  // namespace larder::origin
