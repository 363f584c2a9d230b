// Records of a played cache as the peer side sees them: ids as on disk, roots as of the bytes.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "base/hash/merkle.h"
#include "peer/swarm/segment_leaves.h"
#include "tests/unit/transfer/fake_cache.h"

namespace larder::peer::test {

inline std::vector<std::byte> pattern(std::size_t size, unsigned seed = 1) {
  std::vector<std::byte> bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i * 31 + i / 251 + seed);
  return bytes;
}

// Fetched from the origin as the last of `versions`, whose segments are these. All: complete.
inline cache::ContentId put(larder::test::FakeCache& cache, char digit, std::vector<cache::Version> versions,
                            const std::vector<std::byte>& bytes, const std::vector<std::uint64_t>& held,
                            bool validated = true) {
  const cache::SegmentLayout layout(bytes.size());
  larder::test::FakeRecord record;
  record.info.id = std::string(32, digit);
  record.info.size = bytes.size();
  record.info.shareable = true;
  const Digest fetched_as = cache::version_name(versions.back());
  record.info.versions = std::move(versions);
  record.bytes = bytes;
  std::vector<Digest> roots;
  for (const std::uint64_t index : held) {
    const ByteRange range = layout.range(index);
    std::vector<Digest> leaves(block_count(range.length));
    hash_blocks(Bytes(bytes).subspan(range.offset, range.length), leaves);
    roots.push_back(segment_root(layout, leaves));
    record.segments.push_back({index, range, roots.back(), cache::Source::origin, "somebody"});
    record.segments.back().fetched_as = fetched_as;
    record.info.bytes_held += range.length;
  }
  const bool whole = held.size() == layout.count();
  record.info.state = whole ? cache::ContentState::complete : cache::ContentState::partial;
  record.info.validated = whole && validated;
  if (whole) record.info.root = layout.count() == 1 ? roots[0] : fold_segment_roots(roots, layout.segment_blocks());
  const cache::ContentId id = record.info.id;
  cache.records[id] = std::move(record);
  return id;
}

}  // namespace larder::peer::test
