// One job of a disk thread: hashes a run of whole blocks and writes it. Jobs of one content run side by side.
#pragma once

#include <memory>
#include <vector>

#include "base/buffer.h"
#include "base/result.h"
#include "cache/content_file.h"
#include "cache/segment_table.h"

namespace larder::cache {

struct WritePart {
  std::uint64_t offset = 0;
  Bytes bytes;  // whole blocks, but for the content's last
  Interval blocks;
  SegmentTable::LeafPlace place;
};

struct WriteJob {
  std::vector<WritePart> parts;  // ascending
  std::vector<Buffer> buffers;   // what the parts point into
  std::size_t bytes = 0;
  bool hashed = false;   // a second attempt only writes
  bool retried = false;  // after room was made
  bool ordered = false;  // waits for the hash over all bytes after it was written
};

// Disk thread.
Status run_write_job(WriteJob& job, ContentFile& content);

}  // namespace larder::cache
