// The BitTorrent v2 (BEP 52) SHA-256 Merkle tree over 16 KiB blocks.
//
// A leaf is the SHA-256 of a block (the last one short, not padded). Missing leaves are 32 zero bytes; a parent is
// SHA-256(left || right). The root of a content is taken over the next power of two of its block count, so the root
// of an aligned power-of-two segment is a node of the content's tree. For a content that is one segment or less, the
// segment's root is the content's root.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/hash/digest.h"

namespace larder {

inline constexpr std::uint64_t kBlockSize = 16 * 1024;

[[nodiscard]] inline std::uint64_t block_count(std::uint64_t bytes) {
  return (bytes + kBlockSize - 1) / kBlockSize;
}

// Computes the leaves of bytes whose first byte starts a block.
void hash_blocks(Bytes bytes, std::span<Digest> leaves);  // leaves.size() == block_count(bytes.size())

// Root over `leaves`, padded with zero leaves to `width` (a power of two, >= leaves.size(), >= 1).
[[nodiscard]] Digest merkle_root(std::span<const Digest> leaves, std::uint64_t width);
// Root of a content with these leaves (width: next power of two).
[[nodiscard]] Digest content_root(std::span<const Digest> leaves);
// Root of an all-padding subtree of `width` zero leaves.
[[nodiscard]] Digest merkle_pad(std::uint64_t width);
// Folds the roots of equal segments of `segment_blocks` leaves (a power of two) into the root of the content.
[[nodiscard]] Digest fold_segment_roots(std::span<const Digest> roots, std::uint64_t segment_blocks);

// Incremental: leaves in order, O(log n) memory.
class MerkleBuilder {
 public:
  void add(const Digest& leaf);
  [[nodiscard]] std::uint64_t leaves() const { return count_; }
  [[nodiscard]] Digest root() const;  // width: next power of two of leaves(); SHA-256 tree of zero leaves is all-zero

 private:
  std::vector<Digest> peaks_;  // one subtree root per set bit of count_, highest first
  std::uint64_t count_ = 0;
};

}  // namespace larder
