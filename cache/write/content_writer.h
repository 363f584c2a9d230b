// Writes one content: blocks are hashed and written on the disk threads in any order; a segment is committed to the
// index once all its blocks are written and synced. Made by Cache, owned and ended by its caller. Thread: loop thread
// only; callbacks come on the loop thread. A callback may destroy the writer. After its destruction, or the Cache's, no
// callback comes, `done` of finish_content() included. Re-entrancy: set_end() may call on_error, and finish_content()
// may call `done`, within the call; other callbacks come later.
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
  // Complete segments are still committed; other blocks are lost, unless keep_unfinished() was called.
  virtual ~ContentWriter() = default;

  [[nodiscard]] virtual const ContentId& id() const = 0;
  [[nodiscard]] virtual std::optional<std::uint64_t> size() const = 0;  // none while the origin has not said it
  // The version being fetched, and whether other jobs may find the record. Neither changes while this writer lives.
  [[nodiscard]] virtual const Version& version() const = 0;
  [[nodiscard]] virtual bool shareable() const = 0;
  // Committed segments, in order of index.
  [[nodiscard]] virtual const std::vector<SegmentInfo>& committed() const = 0;
  // Returns the ranges that are neither taken nor claimed by an open stream, ascending, with block-aligned starts.
  // While the size is unknown the last range reaches to UINT64_MAX.
  [[nodiscard]] virtual std::vector<ByteRange> missing() const = 0;
  [[nodiscard]] virtual std::uint64_t bytes_written() const = 0;  // in written blocks, committed or not

  // Opens a stream: one source's run of bytes from range.offset (block-aligned) on. `fetched_for` is stored with each
  // segment that the stream's bytes complete: the id of the file (agent/jobs) on whose account it was fetched.
  virtual StreamId open_stream(ByteRange range, Source source, std::string fetched_for) = 0;
  // Sets the transport of an origin's stream; to be called before its bytes are appended.
  virtual void set_transport(StreamId stream, Transport transport) = 0;
  // Appends the next bytes of the stream. Error: too_large for bytes beyond the range or the content.
  virtual Status append(StreamId stream, Buffer bytes) = 0;
  // A peer's window within one segment: whole blocks, in any order, whose leaves are known already.
  struct BlockRun {
    ByteRange range;  // starts and ends at blocks (or the content's end); the content's size is known
    std::string fetched_for;
    std::vector<std::byte> attestation;  // stored with the segment (the latest of several); opaque
  };
  static constexpr std::size_t kMaxAttestation = 4 * kKiB;
  // Opens a span of blocks. An invalid run takes no block: append_blocks() returns the error.
  virtual StreamId open_blocks(BlockRun span) = 0;
  // Appends whole blocks at a block-aligned offset of the content, each once, with one leaf for each. They are written
  // without being hashed again: the caller has compared them with the leaves. Blocks that another stream brought
  // meanwhile are dropped silently. Error: invalid_argument (too_large beyond the run) for blocks outside the run,
  // incomplete, repeated or without leaves; the run goes on without them.
  virtual Status append_blocks(StreamId stream, std::uint64_t offset, Buffer bytes, std::vector<Digest> leaves) = 0;
  // Ends the stream. An incomplete last block that is not the content's last is dropped and missing again, and so is
  // every block of a run that was not appended.
  virtual void close_stream(StreamId stream) = 0;
  // Back-pressure: bytes appended and not yet written (or hashed, if in order). Above kHighWater the source must pause;
  // on_drained is called when the figure falls below kLowWater. It is above kHighWater also while complete segments
  // wait to be durable.
  static constexpr std::size_t kHighWater = 8 * kMiB;
  static constexpr std::size_t kLowWater = 4 * kMiB;
  [[nodiscard]] virtual std::size_t queued() const = 0;
  std::function<void()> on_drained;
  // Called when blocks of append_blocks() are in the file (not durable yet), and can be read there.
  std::function<void(ByteRange)> on_blocks_written;
  // Called when a segment was committed (durable).
  std::function<void(const SegmentInfo&)> on_segment;
  // Called once when disk or index failed; nothing more is accepted. disk_full says what is missing. Not called if
  // finish_content() is pending, which gets the error, or if the content was dropped: then calls return not_found.
  std::function<void(const Error&)> on_error;

  // Sets the size of a content of unknown size: it must be the end of the bytes appended.
  virtual void set_end(std::uint64_t size) = 0;
  // Called when everything is appended: commits the rest, computes the root, merges with a content of equal root if
  // there is one (then info.id differs from id()), and marks the content complete. With `want_sha256` also computes the
  // plain SHA-256 of all bytes (while they arrived, if in order, else read once). The record is bound to version().
  // Error: invalid_state if bytes are missing.
  virtual void finish_content(bool want_sha256, UniqueFunction<void(Result<ContentInfo>)> done) = 0;

  // Whole blocks that are not committed, in segments that are incomplete or being committed.
  struct Unfinished {
    std::uint64_t bytes = 0;
    std::uint64_t of_peers = 0;
  };
  [[nodiscard]] virtual Unfinished unfinished() const { return {}; }
  // Closes all streams, and keeps the blocks of unfinished() for the next writer of this content (Cache::resume) after
  // this one is destroyed: in memory, for Cache::kKeptFor, also if no segment is committed. False: nothing is kept,
  // since the size is unknown, the writer has failed or finished, or there is no such block.
  virtual bool keep_unfinished() { return false; }
};

using BlockSpan = ContentWriter::BlockRun;

}  // namespace larder::cache
