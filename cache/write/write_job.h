// One job of a disk thread: hashes a run of whole blocks and writes it. Jobs of one content run side by side.
#pragma once

#include <memory>
#include <vector>

#include "base/hash/buffer.h"
#include "base/result.h"
#include "base/runtime/in_flight.h"
#include "base/text/units.h"
#include "cache/write/content_file.h"
#include "cache/write/segment_table.h"

namespace larder::cache {

// Least size of a job while others of the content are in flight, so that it is worth a switch of threads; the only job
// starts at once.
inline constexpr std::size_t kJobBytes = 256 * kKiB;

struct WritePart {
  std::uint64_t offset = 0;
  Bytes bytes;  // whole blocks, except the content's last
  Interval blocks;
  SegmentTable::LeafPlace place;
};

struct WriteJob {
  std::vector<WritePart> parts;  // ascending, except blocks of peers
  std::vector<Buffer> buffers;   // the memory of the parts
  std::size_t bytes = 0;
  bool hashed = false;  // the leaves are set: a peer's blocks, or a second attempt, which only writes
  bool of_peers = false;
  bool retried = false;  // second attempt, after room was made
  bool ordered = false;  // is hashed by OrderedHash after it was written
  InFlight::Hold in_flight;
};

// Disk thread.
Status run_write_job(WriteJob& job, ContentFile& content);

}  // namespace larder::cache
