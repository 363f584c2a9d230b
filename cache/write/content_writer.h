// Filling one content: blocks are hashed and written on the disk threads in any order, a segment is committed to the
// index once all its blocks are written and synced. Made by Cache; loop thread only; callbacks on the loop thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/hash/buffer.h"
#include "base/hash/digest.h"
#include "base/result.h"
#include "base/text/units.h"
#include "cache/record/record.h"

namespace larder::cache {

using StreamId = std::uint32_t;

class ContentWriter {
 public:
  virtual ~ContentWriter() = default;  // leaves what is committed; the rest is forgotten, unless keep() was called

  [[nodiscard]] virtual const ContentId& id() const = 0;
  [[nodiscard]] virtual std::optional<std::uint64_t> size() const = 0;  // none while the origin has not said it
  // What is being fetched, and whether the record may be found by others, as it is now: only this writer can go on with
  // it, so that neither changes.
  [[nodiscard]] virtual const Version& version() const = 0;
  [[nodiscard]] virtual bool shareable() const = 0;
  // Committed segments, in order of index.
  [[nodiscard]] virtual const std::vector<SegmentInfo>& committed() const = 0;
  // What is neither written nor in an open stream, ascending, block-aligned starts. With an unknown size: one range to
  // UINT64_MAX while nothing is written.
  [[nodiscard]] virtual std::vector<ByteRange> missing() const = 0;
  [[nodiscard]] virtual std::uint64_t bytes_written() const = 0;  // blocks written, committed or not

  // A stream is one source's run of bytes from range.offset (block-aligned) on. `fetched_for` is stored with each
  // segment that the stream's bytes complete: the id of the file (agent/jobs) on whose account it was fetched.
  virtual StreamId open_stream(ByteRange range, Source source, std::string fetched_for) = 0;
  // Over what the bytes of this stream come, where it is the origin's; said before they do.
  virtual void came_over(StreamId stream, Transport transport) = 0;
  // The next bytes of the stream. Bytes beyond the range or the content are refused (too_large).
  virtual Status append(StreamId stream, Buffer bytes) = 0;
  // A peer's window within one segment: whole blocks in any order whose leaves are known already.
  struct BlockRun {
    ByteRange range;  // starts and ends at blocks (or the content's end); the content's size is known
    std::string fetched_for;
    std::vector<std::byte> attestation;  // kept with the segment (the latest of several); opaque
  };
  static constexpr std::size_t kMaxAttestation = 4 * kKiB;
  // A run that is not as said above takes no block: append_blocks() says why.
  virtual StreamId open_blocks(BlockRun run) = 0;
  // Whole blocks at a block-aligned offset of the content, each once, one leaf for each. They are written, not hashed
  // again: who calls has compared them. Blocks that another stream brought meanwhile are dropped without a word.
  // invalid_argument (too_large beyond the run) for blocks outside the run, in parts, twice, or without their leaves;
  // the run goes on without them.
  virtual Status append_blocks(StreamId stream, std::uint64_t offset, Buffer bytes, std::vector<Digest> leaves) = 0;
  // Ends the stream; a partial last block that is not the content's last is dropped and missing again, and so is every
  // block of a run that did not come.
  virtual void close_stream(StreamId stream) = 0;
  // Back-pressure: bytes appended but not yet on disk. Above kHighWater the source pauses; on_drained is called when
  // it falls below kLowWater.
  static constexpr std::size_t kHighWater = 8 * kMiB;
  static constexpr std::size_t kLowWater = 4 * kMiB;
  [[nodiscard]] virtual std::size_t queued() const = 0;
  std::function<void()> on_drained;
  // Blocks of append_blocks() are in the file (not durable yet): they can be read there.
  std::function<void(ByteRange)> on_blocks_written;
  // A segment was committed (durable).
  std::function<void(const SegmentInfo&)> on_segment;
  // Disk or index failed; nothing more will be accepted. disk_full says what is missing.
  std::function<void(const Error&)> on_error;

  // Only with an unknown size: the content ends at what was appended.
  virtual void set_end(std::uint64_t size) = 0;
  // Everything is written: commits the rest, computes the root, merges with a content of equal root where there is
  // one (then info.id differs from id()), and marks the content complete. With `want_sha256` also the plain SHA-256 of
  // all bytes (hashed on the way where they came in order, else read once). The record is bound to `version`.
  virtual void finish(bool want_sha256, UniqueFunction<void(Result<ContentInfo>)> done) = 0;

  // Whole blocks that are not committed, in segments that are not whole yet or are on their way to the index.
  struct Unfinished {
    std::uint64_t bytes = 0;
    std::uint64_t of_peers = 0;
  };
  [[nodiscard]] virtual Unfinished unfinished() const { return {}; }
  // Closes all streams. What unfinished() says then stays for the next writer of this content (Cache::resume) when this
  // one goes, in memory and for a while (Cache::kKeptFor); a content of which nothing is committed stays so as well.
  // False: nothing will be kept.
  virtual bool keep() { return false; }
};

using BlockRun = ContentWriter::BlockRun;

}  // namespace larder::cache
