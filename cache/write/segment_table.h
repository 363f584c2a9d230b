// Which blocks of a content are taken, written, committed; their leaves until the segment is committed. Pure but for
// the leaves, which disk threads fill in: each block is handed to one job only, and read only after that job's return.
//
// While the size is unknown the table keeps units of kMinSegment; set_size() makes segments of them.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/hash/digest.h"
#include "cache/record/interval_set.h"
#include "cache/record/record.h"
#include "cache/record/segments.h"
#include "cache/write/content_writer.h"

namespace larder::cache {

using Leaves = std::vector<Digest>;

// All blocks of it are written.
struct WholeSegment {
  std::uint64_t index = 0;
  std::shared_ptr<Leaves> leaves;
  Source source = Source::origin;
  std::string fetched_for;
  std::uint64_t peer_bytes = 0;
  std::vector<std::byte> attestation;
  Transport transport = Transport::unknown;  // the weakest of what came from the origin
};

class SegmentTable {
 public:
  // `committed`: indices of segments that the index has; with a known size only.
  SegmentTable(std::optional<std::uint64_t> size, const std::vector<std::uint64_t>& committed);

  [[nodiscard]] std::optional<std::uint64_t> size() const { return size_; }
  [[nodiscard]] std::uint64_t blocks() const;  // UINT64_MAX while the size is unknown
  // Taken: accepted by take(), or committed.
  [[nodiscard]] const IntervalSet& taken() const { return taken_; }

  // Takes those of `blocks` that nobody has yet, cut at segment boundaries. The account (`source`, `fetched_for`) of
  // the run that takes a segment's last free block is the segment's.
  std::vector<Interval> take(Interval blocks, Source source, const std::string& fetched_for);
  // `bytes` of blocks just taken, `block` among them, are a peer's; an empty attestation changes none.
  void came_from_peer(std::uint64_t block, std::uint64_t bytes, const std::vector<std::byte>& attestation);
  // Blocks just taken, `block` among them, are the origin's and came over `transport`.
  void came_from_origin(std::uint64_t block, Transport transport);
  // Segments of which every block is taken and not every one written: they will be whole without another take().
  [[nodiscard]] std::size_t filling() const { return filling_; }
  // Of known size: taken blocks of segments that are not whole.
  [[nodiscard]] ContentWriter::Unfinished unfinished() const;
  // The leaves vector of the segment that holds `block`, and the place of the block in it; only for taken blocks.
  struct LeafPlace {
    std::shared_ptr<Leaves> leaves;
    std::size_t first = 0;
  };
  [[nodiscard]] LeafPlace leaf_place(std::uint64_t block) const;
  // A job wrote `blocks` (within one segment, as take() gave them). The segment, once it is whole; it leaves the table.
  std::optional<WholeSegment> wrote(Interval blocks);

  // Only with an unknown size, when every block up to `size` is written and no job runs: the segments, all whole.
  // None when a block is missing or there are blocks beyond `size`.
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
