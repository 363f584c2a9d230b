// Reads a content for its plain SHA-256, in steps short enough that other disk work gets its turn. Disk threads.
#pragma once

#include <cstdint>

#include "base/hash/digest.h"
#include "base/io/file_system.h"
#include "base/result.h"
#include "base/text/units.h"
#include "cache/record/record.h"

namespace larder::cache {

inline constexpr std::uint64_t kHashStep = 16 * kMiB;

// Hashes up to kHashStep bytes from `offset`. Returns the offset reached. Error: content_damaged if the file ends
// before `size`.
Result<std::uint64_t> hash_step(File& file, const ContentId& id, Sha256& hash, std::uint64_t offset,
                                std::uint64_t size);

}  // namespace larder::cache
