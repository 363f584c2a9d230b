// The windows of a content that travel as torrents, and how their leaves are held against what is believed. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/hash/digest.h"
#include "base/text/units.h"
#include "cache/record/segments.h"
#include "peer/swarm/swarm.h"

namespace larder::peer {

// Above it segments stay the unit: the leaves of a torrent are held in memory.
inline constexpr std::uint64_t kMaxWholeTorrent = 4 * kGiB;

// Blocks of `segment`.
[[nodiscard]] std::uint64_t leaves_of(const cache::SegmentLayout& layout, std::uint64_t segment);
// The node of the content's tree: what attestations name.
[[nodiscard]] Digest segment_root(const cache::SegmentLayout& layout, std::span<const Digest> leaves);
// Whether `leaves` are those of consecutive segments from `first` on with these roots, and no more.
[[nodiscard]] bool leaves_match(const cache::SegmentLayout& layout, std::uint64_t first,
                                std::span<const Digest> segment_roots, std::span<const Digest> leaves);
// The torrent of a window. Its root is that of a file of these bytes alone: a short last segment's differs from its
// node in the content's tree, which is padded to the others' width.
[[nodiscard]] SwarmWindow torrent_window(std::span<const Digest> leaves, std::uint64_t length);

}  // namespace larder::peer
