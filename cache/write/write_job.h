// One job of a disk thread: hashes a run of whole blocks and writes it. Jobs of one content run side by side.
#pragma once

#include <memory>
#include <vector>

#include "base/hash/buffer.h"
#include "base/result.h"
#include "base/text/units.h"
#include "cache/write/content_file.h"
#include "cache/write/segment_table.h"

namespace larder::cache {

// A job is at least this long while others run, so that a hand-over to a thread is paid for; alone it starts at once.
inline constexpr std::size_t kJobBytes = 256 * kKiB;

struct WritePart {
  std::uint64_t offset = 0;
  Bytes bytes;  // whole blocks, but for the content's last
  Interval blocks;
  SegmentTable::LeafPlace place;
};

struct WriteJob {
  std::vector<WritePart> parts;  // ascending but for blocks of peers
  std::vector<Buffer> buffers;   // what the parts point into
  std::size_t bytes = 0;
  bool hashed = false;  // the leaves are in place: a peer's blocks, or a second attempt, which only writes
  bool of_peers = false;
  bool retried = false;  // after room was made
  bool ordered = false;  // waits for the hash over all bytes after it was written
};

// Disk thread.
Status run_write_job(WriteJob& job, ContentFile& content);

}  // namespace larder::cache
