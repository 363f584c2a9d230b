#include "base/hash/merkle.h"

#include <algorithm>
#include <array>
#include <bit>

#include "base/hash/openssl_sha256.h"

namespace larder {
namespace {

Digest parent_of(const Digest& left, const Digest& right) {
  Sha256Context& context = Sha256Context::of_this_thread();
  context.update(left);
  context.update(right);
  Digest parent;
  context.finish(parent);
  return parent;
}

// Root of an all-padding subtree of 2^level leaves.
const Digest& pad_at(unsigned level) {
  static const auto pads = [] {
    std::array<Digest, 64> made{};
    for (std::size_t i = 1; i < made.size(); ++i) made[i] = parent_of(made[i - 1], made[i - 1]);
    return made;
  }();
  return pads[std::min<std::size_t>(level, pads.size() - 1)];
}

unsigned level_of(std::uint64_t width) {
  return static_cast<unsigned>(std::bit_width(std::bit_ceil(width)) - 1);
}

// Folds nodes of level `from` into the one node of level `to`, padding on the right.
Digest fold(std::vector<Digest> nodes, unsigned from, unsigned to) {
  if (nodes.empty()) return pad_at(to);
  for (unsigned level = from; level < to; ++level) {
    if (nodes.size() % 2 != 0) nodes.push_back(pad_at(level));
    const std::size_t parents = nodes.size() / 2;
    for (std::size_t i = 0; i < parents; ++i) nodes[i] = parent_of(nodes[2 * i], nodes[2 * i + 1]);
    nodes.resize(parents);
  }
  return nodes.front();
}

}  // namespace

void hash_blocks(Bytes bytes, std::span<Digest> leaves) {
  Sha256Context& context = Sha256Context::of_this_thread();
  for (Digest& leaf : leaves) {
    const std::size_t length = std::min<std::size_t>(kBlockSize, bytes.size());
    context.update(bytes.first(length));
    context.finish(leaf);
    bytes = bytes.subspan(length);
  }
}

Digest merkle_root(std::span<const Digest> leaves, std::uint64_t width) {
  return fold({leaves.begin(), leaves.end()}, 0, level_of(std::max<std::uint64_t>(width, leaves.size())));
}

Digest content_root(std::span<const Digest> leaves) {
  return merkle_root(leaves, leaves.size());
}

Digest merkle_pad(std::uint64_t width) {
  return pad_at(level_of(width));
}

Digest fold_segment_roots(std::span<const Digest> roots, std::uint64_t segment_blocks) {
  const unsigned level = level_of(segment_blocks);
  return fold({roots.begin(), roots.end()}, level, level + level_of(roots.size()));
}

void MerkleBuilder::add(const Digest& leaf) {
  Digest node = leaf;
  for (std::uint64_t bits = count_; (bits & 1U) != 0; bits >>= 1) {
    node = parent_of(peaks_.back(), node);
    peaks_.pop_back();
  }
  peaks_.push_back(node);
  ++count_;
}

Digest MerkleBuilder::root() const {
  if (count_ == 0) return pad_at(0);
  auto level = static_cast<unsigned>(std::countr_zero(count_));
  Digest node = peaks_.back();
  std::uint64_t rest = count_ & (count_ - 1);
  for (std::size_t i = peaks_.size() - 1; i-- > 0; rest &= rest - 1) {
    const auto peak_level = static_cast<unsigned>(std::countr_zero(rest));
    for (; level < peak_level; ++level) node = parent_of(node, pad_at(level));
    node = parent_of(peaks_[i], node);
    ++level;
  }
  return node;
}

}  // namespace larder
