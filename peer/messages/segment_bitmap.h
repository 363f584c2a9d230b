// The bitmap of segments in HAVE and CROWD, lowest bit first (docs/formats/datagram.md). Pure; any thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "peer/messages/datagram.h"

namespace larder::peer {

// Returns the bitmap of ascending segments; those beyond kMaxSegmentBitmap bytes are left out.
template <typename Segments>
[[nodiscard]] std::vector<std::byte> bitmap_of(const Segments& segments) {
  std::vector<std::byte> bitmap;
  for (const std::uint64_t segment : segments) {
    if (segment / 8 >= kMaxSegmentBitmap) break;
    bitmap.resize(std::max<std::size_t>(bitmap.size(), segment / 8 + 1));
    bitmap[segment / 8] |= std::byte{1} << (segment % 8);
  }
  return bitmap;
}

[[nodiscard]] inline bool has_bit(const std::vector<std::byte>& bitmap, std::uint64_t index) {
  return index / 8 < bitmap.size() && (bitmap[index / 8] & (std::byte{1} << (index % 8))) != std::byte{};
}

}  // namespace larder::peer
