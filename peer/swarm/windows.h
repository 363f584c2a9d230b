// Leaves of the segments that are sent as torrents, and the check of their leaves against believed roots. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/hash/digest.h"
#include "base/text/units.h"
#include "cache/record/segments.h"
#include "peer/swarm/swarm.h"

namespace larder::peer {

// Above this size a torrent is one segment, not the whole content: a torrent's leaves are held in memory.
inline constexpr std::uint64_t kMaxWholeTorrent = 4 * kGiB;

// Returns the number of blocks of `segment`.
[[nodiscard]] std::uint64_t leaves_of(const cache::SegmentLayout& layout, std::uint64_t segment);
// Returns the segment's node in the content's tree, which attestations name.
[[nodiscard]] Digest segment_root(const cache::SegmentLayout& layout, std::span<const Digest> leaves);
// Returns whether `leaves` are exactly those of consecutive segments from `first` on with these roots.
[[nodiscard]] bool leaves_match(const cache::SegmentLayout& layout, std::uint64_t first,
                                std::span<const Digest> segment_roots, std::span<const Digest> leaves);
// Returns the torrent of these leaves. Its root is that of a file with these bytes alone. The root of a short last
// segment differs from its node in the content's tree, which is padded to the width of the others.
[[nodiscard]] TorrentId torrent_id(std::span<const Digest> leaves, std::uint64_t length);

}  // namespace larder::peer
