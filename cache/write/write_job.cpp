#include "cache/write/write_job.h"

#include "base/hash/merkle.h"
#include "base/text/units.h"

namespace larder::cache {
namespace {

// Step of the write-back that starts while data arrives, so that the sync at a segment's end has little left to do.
constexpr std::uint64_t kWritebackStep = 2 * kMiB;

void start_writeback(File& file, const WritePart& part) {
  const std::uint64_t first = part.offset / kWritebackStep;
  const std::uint64_t last = (part.offset + part.bytes.size()) / kWritebackStep;
  if (last > first) file.start_writeback({first * kWritebackStep, (last - first) * kWritebackStep});
}

}  // namespace

Status run_write_job(WriteJob& job, ContentFile& content) {
  if (!job.hashed) {
    for (const WritePart& part : job.parts) {
      hash_blocks(part.bytes,
                  std::span(*part.place.leaves).subspan(part.place.first, part.blocks.end - part.blocks.begin));
    }
    job.hashed = true;
  }
  auto file = content.open();
  if (!file) return tl::unexpected(file.error());
  for (const WritePart& part : job.parts) {
    if (Status written = (*file)->write_at(part.offset, part.bytes); !written) return written;
    start_writeback(**file, part);
  }
  return {};
}

}  // namespace larder::cache
