// The blocks of a content that are taken, written and committed, and their leaves until the segment is complete. Pure,
// except the leaves, which disk threads fill in: each block belongs to one job, and its leaf is read after that job.
//
// While the size is unknown the table keeps units of kMinSegment; set_size() joins them to segments.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/hash/digest.h"
#include "base/index.h"
#include "cache/record/interval_set.h"
#include "cache/record/record.h"
#include "cache/record/segments.h"
#include "cache/write/content_writer.h"

namespace larder::cache {

using Leaves = std::vector<Digest>;

// A segment of which all blocks are written.
struct WholeSegment {
  std::uint64_t index = 0;
  std::shared_ptr<Leaves> leaves;
  Source source = Source::origin;
  std::string fetched_for;
  std::uint64_t peer_bytes = 0;
  std::vector<std::byte> attestation;
  Transport transport = Transport::unknown;  // the weakest of the origin's blocks
};

class SegmentTable {
 public:
  // `committed`: indices of committed segments; with a known size only.
  SegmentTable(std::optional<std::uint64_t> size, const std::vector<std::uint64_t>& committed);

  [[nodiscard]] std::optional<std::uint64_t> size() const { return size_; }
  [[nodiscard]] std::uint64_t blocks() const;  // UINT64_MAX while the size is unknown
  // Blocks accepted by take_blocks(), or committed.
  [[nodiscard]] const IntervalSet& taken() const { return taken_; }

  // Takes the free ones of `blocks` and returns them, cut at segment boundaries. The call that takes the last free
  // block of a segment determines the segment's `source` and `fetched_for`.
  std::vector<Interval> take_blocks(Interval blocks, Source source, const std::string& fetched_for);
  // Records that `bytes` of blocks just taken in the segment of `block` came from a peer. An empty attestation changes
  // nothing.
  void note_from_peer(BlockIndex block, std::uint64_t bytes, const std::vector<std::byte>& attestation);
  // Records that blocks just taken in the segment of `block` came from the origin over `transport`.
  void note_from_origin(std::uint64_t block, Transport transport);
  // Returns the number of segments with all blocks taken but not all written: they get complete without another
  // take_blocks().
  [[nodiscard]] std::size_t filling() const { return filling_; }
  // Returns the taken blocks of segments that are not all written; none while the size is unknown.
  [[nodiscard]] ContentWriter::Unfinished unfinished() const;
  // Returns the leaves of the segment that holds `block`, and the block's place in it; only for taken blocks.
  struct LeafPlace {
    std::shared_ptr<Leaves> leaves;
    std::size_t first = 0;
  };
  [[nodiscard]] LeafPlace leaf_place(std::uint64_t block) const;
  // Called when a job wrote `blocks` (within one segment, as take_blocks() returned them). Returns the segment once all
  // its blocks are written, and removes it from the table.
  std::optional<WholeSegment> wrote(Interval blocks);

  // Sets an unknown size, when every block up to it is written and no job is in flight. Returns all segments. None if a
  // block is missing or there are blocks beyond `size`.
  std::optional<std::vector<WholeSegment>> set_size(std::uint64_t size);

 private:
  struct Open {
    std::shared_ptr<Leaves> leaves;
    std::uint64_t blocks = 0;
    std::uint64_t taken = 0;
    std::uint64_t written = 0;
    Source source = Source::origin;
    std::string fetched_for;
    std::uint64_t peer_bytes = 0;
    std::vector<std::byte> attestation;
    std::optional<Transport> transport;
  };
  [[nodiscard]] Open& open_segment(std::uint64_t index);
  [[nodiscard]] std::uint64_t blocks_in(std::uint64_t index) const;

  std::optional<std::uint64_t> size_;
  std::uint64_t unit_blocks_;
  IntervalSet taken_;
  std::map<std::uint64_t, Open> open_;
  std::size_t filling_ = 0;
};

}  // namespace larder::cache
