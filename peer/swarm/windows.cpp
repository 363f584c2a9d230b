#include "peer/swarm/windows.h"

#include "base/hash/merkle.h"

namespace larder::peer {

std::uint64_t leaves_of(const cache::SegmentLayout& layout, std::uint64_t segment) {
  return block_count(layout.range(segment).length);
}

Digest segment_root(const cache::SegmentLayout& layout, std::span<const Digest> leaves) {
  return layout.count() == 1 ? content_root(leaves) : merkle_root(leaves, layout.segment_blocks());
}

bool leaves_match(const cache::SegmentLayout& layout, std::uint64_t first, std::span<const Digest> segment_roots,
                  std::span<const Digest> leaves) {
  for (std::size_t i = 0; i < segment_roots.size(); ++i) {
    if (first + i >= layout.count()) return false;
    const std::uint64_t count = leaves_of(layout, first + i);
    if (leaves.size() < count || segment_root(layout, leaves.first(count)) != segment_roots[i]) return false;
    leaves = leaves.subspan(count);
  }
  return leaves.empty();
}

TorrentId torrent_id(std::span<const Digest> leaves, std::uint64_t length) {
  return {content_root(leaves), length};
}

}  // namespace larder::peer
