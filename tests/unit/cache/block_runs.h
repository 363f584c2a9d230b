// What tests of blocks from peers share: a content's leaves, runs of it, and a seeded mixture of all ways to write.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/unit/cache/cache_fixture.h"

namespace larder::cache {

[[nodiscard]] std::vector<Digest> leaves_of(std::string_view bytes);
[[nodiscard]] Digest root_of(std::string_view bytes);
[[nodiscard]] std::vector<std::byte> as_vector(std::string_view text);

class BlockRunFixture : public CacheFixture {
 protected:
  // Blocks [first, first + count) of the content `bytes`.
  static Status append_run(ContentWriter& writer, StreamId run, std::string_view bytes, std::uint64_t first,
                           std::uint64_t count);
  std::vector<SegmentInfo> segments_of(const ContentId& id);
  // Fills one content with streams of the origin and runs of peers that overlap, are broken off and begun again, and
  // with writers that are given up; compares bytes and accounts with a model.
  void mixture(std::uint32_t seed);
};

}  // namespace larder::cache
