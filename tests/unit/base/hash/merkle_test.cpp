#include "base/hash/merkle.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <bit>

namespace larder {
namespace {

std::vector<std::byte> sample(std::size_t size) {
  std::vector<std::byte> bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i * 131 + (i >> 8) * 17 + 7);
  return bytes;
}

std::vector<Digest> leaves_of(Bytes bytes) {
  std::vector<Digest> leaves(block_count(bytes.size()));
  hash_blocks(bytes, leaves);
  return leaves;
}

// Leaves that are all different, without hashing any blocks.
std::vector<Digest> numbered_leaves(std::size_t count) {
  std::vector<Digest> leaves(count);
  for (std::size_t i = 0; i < count; ++i) leaves[i] = sha256(as_bytes(std::to_string(i)));
  return leaves;
}

struct Vector {
  std::size_t size;
  const char* root;
};

// Computed with Python's hashlib from the definition in BEP 52, over the bytes of sample().
constexpr Vector kVectors[] = {
    {0, "0000000000000000000000000000000000000000000000000000000000000000"},
    {1, "ca358758f6d27e6cf45272937977a748fd88391db679ceda7dc7bf1f005ee879"},
    {16384, "7f84c483715c952cc1ff2abc61524eb8bc3c7a16de47dafa4f7ef1a573e18cb5"},
    {16385, "057b44cc52016a94eb70bbbba01e496158cdb8f20ebb072005e233620ce6e09f"},
    {20000, "8fe9ee1b52de65b684cf898dd71f231c050b4b828baa4ea082d52256b32ee495"},
    {65536, "e3795d869468b4c7a47938376205ce271cba66d06f1666226b603933e8f4d037"},
    {262144, "6607bab13d8a9c70254612da639a5467efcff488e7e2e6c82578e43269884cb3"},
    {262145, "6731757c044b196f5e56e574ba9dc620ed7623e4734a2301da93c60165d06a5c"},
    {1000003, "86eb2b821b8da80f76f40b0dc4ae9b59e0b645385e9412f2e65f5320aa3cdc34"},
};

class MerkleVector : public testing::TestWithParam<Vector> {};

TEST_P(MerkleVector, ContentRoot) {
  const auto leaves = leaves_of(sample(GetParam().size));
  EXPECT_EQ(to_hex(content_root(leaves)), GetParam().root);
}

TEST_P(MerkleVector, Incremental) {
  MerkleBuilder builder;
  for (const Digest& leaf : leaves_of(sample(GetParam().size))) builder.add(leaf);
  EXPECT_EQ(builder.leaves(), block_count(GetParam().size));
  EXPECT_EQ(to_hex(builder.root()), GetParam().root);
}

INSTANTIATE_TEST_SUITE_P(Sizes, MerkleVector, testing::ValuesIn(kVectors),
                         [](const auto& test) { return std::to_string(test.param.size); });

TEST(Merkle, PadSubtrees) {
  EXPECT_EQ(merkle_pad(1), Digest{});
  EXPECT_EQ(to_hex(merkle_pad(2)), "f5a5fd42d16a20302798ef6ed309979b43003d2320d9f0e8ea9831a92759fb4b");
  EXPECT_EQ(to_hex(merkle_pad(256)), "26846476fd5fc54a5d43385167c95144f2643f533cc85bb9d16b782f8d7db193");
  EXPECT_EQ(merkle_root({}, 8), merkle_pad(8));
}

TEST(Merkle, RootIsPaddedToTheAskedWidth) {
  const std::vector<Digest> one{sha256(as_bytes("a"))};
  EXPECT_EQ(merkle_root(one, 1), one[0]);
  EXPECT_EQ(to_hex(merkle_root(one, 4)), "a8efe8010d28c9703af50f4293d734b397d1ed6fd7e7029aa6b18b7e7304db45");
}

TEST(Merkle, BlockCountRoundsUp) {
  EXPECT_EQ(block_count(0), 0U);
  EXPECT_EQ(block_count(1), 1U);
  EXPECT_EQ(block_count(kBlockSize), 1U);
  EXPECT_EQ(block_count(kBlockSize + 1), 2U);
}

TEST(Merkle, AnyFlippedBitChangesTheRoot) {
  auto bytes = sample(50000);
  const Digest root = content_root(leaves_of(bytes));
  for (const std::size_t at : {std::size_t{0}, std::size_t{16383}, std::size_t{16384}, std::size_t{49999}}) {
    bytes[at] ^= std::byte{1};
    EXPECT_NE(content_root(leaves_of(bytes)), root) << at;
    bytes[at] ^= std::byte{1};
  }
}

// The heart of segments: their roots are nodes of the content's tree, a short last one included.
RC_GTEST_PROP(MerkleProperty, SegmentRootsFoldIntoTheContentRoot, ()) {
  const auto count = *rc::gen::inRange<std::size_t>(1, 300);
  const auto segment = std::size_t{1} << *rc::gen::inRange(0, 8);
  const auto leaves = numbered_leaves(count);
  const std::span<const Digest> all(leaves);
  std::vector<Digest> roots;
  for (std::size_t at = 0; at < count; at += segment) {
    const auto part = all.subspan(at, std::min(segment, count - at));
    roots.push_back(count <= segment ? content_root(part) : merkle_root(part, segment));
  }
  RC_ASSERT(fold_segment_roots(roots, segment) == content_root(leaves));
}

RC_GTEST_PROP(MerkleProperty, IncrementalEqualsWholeAtEveryLength, ()) {
  const auto count = *rc::gen::inRange<std::size_t>(1, 200);
  const auto leaves = numbered_leaves(count);
  MerkleBuilder builder;
  for (std::size_t i = 0; i < count; ++i) {
    builder.add(leaves[i]);
    RC_ASSERT(builder.root() == content_root(std::span(leaves).first(i + 1)));
  }
}

}  // namespace
}  // namespace larder
