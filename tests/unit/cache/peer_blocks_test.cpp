// Blocks that peers bring: any order, each once, beside streams of the origin; what a segment then says of itself.
#include <algorithm>
#include <numeric>
#include <random>

#include "base/hash/merkle.h"
#include "cache/record/segments.h"
#include "tests/unit/cache/block_runs.h"

namespace larder::cache {
namespace {

class PeerBlocks : public BlockRunFixture {};

TEST_F(PeerBlocks, InAnyOrderTheyMakeTheContent) {
  const std::string bytes = pattern(kThreeSegments + 77);
  auto writer = create(version_of("http://a/x", bytes.size()));
  ASSERT_TRUE(writer);
  ContentWriter& w = **writer;
  std::mt19937 random(3);
  std::map<std::uint64_t, StreamId> runs;
  for (std::uint64_t i = 0; i < 3; ++i) {
    runs[i] =
        w.open_blocks({SegmentLayout(bytes.size()).range(i), "file-1", as_vector("vouched " + std::to_string(i))});
  }
  EXPECT_TRUE(w.missing().empty()) << "all of it is in open runs";
  std::vector<std::uint64_t> blocks(block_count(bytes.size()));
  std::iota(blocks.begin(), blocks.end(), 0);
  std::shuffle(blocks.begin(), blocks.end(), random);
  for (const std::uint64_t block : blocks) {
    ASSERT_TRUE(append_run(w, runs.at(block / kSegmentBlocks), bytes, block, 1));
    if (random() % 16 == 0) loop.run_ready();
  }
  const auto info = finish(w, true);
  ASSERT_TRUE(info) << info.error().text();
  EXPECT_EQ(info->root, root_of(bytes));
  EXPECT_EQ(info->sha256, sha256(as_bytes(bytes))) << "read once at the end";
  writer->reset();
  reopen_cache();
  EXPECT_TRUE(read(info->id) == bytes);
  const auto segments = segments_of(info->id);
  ASSERT_EQ(segments.size(), 3u);
  for (const SegmentInfo& segment : segments) {
    EXPECT_EQ(segment.source, Source::peer);
    EXPECT_EQ(segment.peer_bytes, segment.range.length);
    EXPECT_EQ(segment.attestation, as_vector("vouched " + std::to_string(segment.index)));
    EXPECT_EQ(segment.fetched_for, "file-1");
  }
  expect_consistent();
}

TEST_F(PeerBlocks, TheirLeavesAreTakenAsTheyAre) {
  const std::string bytes = pattern(3 * kBlockSize);
  auto writer = create(version_of("http://a/x", bytes.size()));
  ASSERT_TRUE(writer);
  std::vector<Digest> leaves = leaves_of(bytes);
  std::swap(leaves[0], leaves[1]);
  const StreamId run = (*writer)->open_blocks({{0, bytes.size()}, "f", {}});
  ASSERT_TRUE((*writer)->append_blocks(run, 0, buffer_of(bytes), leaves));
  const auto info = finish(**writer);
  ASSERT_TRUE(info);
  EXPECT_EQ(info->root, content_root(leaves)) << "hashed again";
}

constexpr std::uint64_t kLast = kSegmentBlocks - 1;

// Blocks [0, 50) and the last, short one from a peer, the others from the origin; and some of both.
TEST_F(PeerBlocks, AMixedSegmentCountsExactlyAndKeepsWhatVouchesForIt) {
  const std::string bytes = pattern(kMinSegment - 5000);  // the last block is of 11384 bytes
  auto writer = create(version_of("http://a/x", bytes.size()));
  ASSERT_TRUE(writer);
  ContentWriter& w = **writer;
  const StreamId origin = w.open_stream({40 * kBlockSize, 80 * kBlockSize}, Source::origin, "origin");
  ASSERT_TRUE(w.append(origin, buffer_of(bytes.substr(40 * kBlockSize, 30 * kBlockSize))));
  w.close_stream(origin);
  ASSERT_TRUE(pump_until([&] { return w.bytes_written() == 30 * kBlockSize; }));
  const StreamId first = w.open_blocks({{0, 64 * kBlockSize}, "first", as_vector("early")});
  ASSERT_TRUE(append_run(w, first, bytes, 0, 50)) << "ten of them are there already";
  w.close_stream(first);
  const StreamId last =
      w.open_blocks({{kLast * kBlockSize, bytes.size() - kLast * kBlockSize}, "last", as_vector("late")});
  ASSERT_TRUE(append_run(w, last, bytes, kLast, 1));
  w.close_stream(last);
  EXPECT_EQ(w.missing(), (std::vector<ByteRange>{{70 * kBlockSize, (kLast - 70) * kBlockSize}}));
  const StreamId rest = w.open_stream({70 * kBlockSize, (kLast - 70) * kBlockSize}, Source::origin, "rest");
  ASSERT_TRUE(w.append(rest, buffer_of(bytes.substr(70 * kBlockSize, (kLast - 70) * kBlockSize))));
  const auto info = finish(w, true);
  ASSERT_TRUE(info) << info.error().text();
  EXPECT_EQ(info->root, root_of(bytes));
  EXPECT_EQ(info->sha256, sha256(as_bytes(bytes)));
  EXPECT_TRUE(read(info->id) == bytes);
  const auto segments = segments_of(info->id);
  ASSERT_EQ(segments.size(), 1u);
  EXPECT_EQ(segments[0].source, Source::origin);
  EXPECT_EQ(segments[0].fetched_for, "rest");
  EXPECT_EQ(segments[0].peer_bytes, 40 * kBlockSize + 11384);
  EXPECT_EQ(segments[0].attestation, as_vector("late"));
  expect_consistent();
}

TEST_F(PeerBlocks, WhatTheOriginAloneBroughtVouchesForItself) {
  const std::string bytes = pattern(50'000);
  const auto info = store(version_of("http://a/x", bytes.size()), bytes);
  ASSERT_TRUE(info);
  const auto segments = segments_of(info->id);
  ASSERT_EQ(segments.size(), 1u);
  EXPECT_EQ(segments[0].peer_bytes, 0u);
  EXPECT_TRUE(segments[0].attestation.empty());
}

TEST_F(PeerBlocks, AStreamOfAPeerCountsToo) {
  const std::string bytes = pattern(40'000);
  auto writer = create(version_of("http://a/x", bytes.size()));
  ASSERT_TRUE(writer);
  const StreamId stream = (*writer)->open_stream({0, bytes.size()}, Source::peer, "f");
  ASSERT_TRUE((*writer)->append(stream, buffer_of(bytes)));
  const auto info = finish(**writer);
  ASSERT_TRUE(info);
  EXPECT_EQ(segments_of(info->id).at(0).peer_bytes, bytes.size());
}

TEST_F(PeerBlocks, RefusedBlocksChangeNothing) {
  const std::string bytes = pattern(kMinSegment + 20'000);
  auto writer = create(version_of("http://a/x", bytes.size()));
  ASSERT_TRUE(writer);
  ContentWriter& w = **writer;
  const StreamId run = w.open_blocks({{16 * kBlockSize, 16 * kBlockSize}, "f", {}});
  ASSERT_TRUE(append_run(w, run, bytes, 20, 2));
  const auto refused = [&](std::uint64_t offset, std::size_t size, std::size_t leaves) {
    const auto status = w.append_blocks(run, offset, buffer_of(std::string(size, 'x')), std::vector<Digest>(leaves));
    return status ? ErrorCode::internal : status.error().code;
  };
  EXPECT_EQ(refused(20 * kBlockSize, kBlockSize, 1), ErrorCode::invalid_argument) << "came before";
  EXPECT_EQ(refused(19 * kBlockSize, 4 * kBlockSize, 4), ErrorCode::invalid_argument) << "came before in part";
  EXPECT_EQ(refused(15 * kBlockSize, kBlockSize, 1), ErrorCode::invalid_argument) << "before the run";
  EXPECT_EQ(refused(32 * kBlockSize, kBlockSize, 1), ErrorCode::invalid_argument) << "behind the run";
  EXPECT_EQ(refused(31 * kBlockSize, 2 * kBlockSize, 2), ErrorCode::too_large) << "beyond its end";
  EXPECT_EQ(refused(17 * kBlockSize + 1, kBlockSize, 1), ErrorCode::invalid_argument) << "not at a block";
  EXPECT_EQ(refused(17 * kBlockSize, kBlockSize - 1, 1), ErrorCode::invalid_argument) << "part of a block";
  EXPECT_EQ(refused(17 * kBlockSize, 0, 0), ErrorCode::invalid_argument) << "nothing";
  EXPECT_EQ(refused(17 * kBlockSize, 2 * kBlockSize, 1), ErrorCode::invalid_argument) << "a leaf is missing";
  EXPECT_EQ(refused(17 * kBlockSize, kBlockSize, 2), ErrorCode::invalid_argument) << "a leaf too many";
  ASSERT_TRUE(append_run(w, run, bytes, 16, 4));
  ASSERT_TRUE(append_run(w, run, bytes, 22, 10));
  w.close_stream(run);
  EXPECT_EQ(refused(17 * kBlockSize, kBlockSize, 1), ErrorCode::invalid_state) << "closed";
  for (const ByteRange range : w.missing()) {
    ASSERT_TRUE(append_all(w, std::string_view(bytes).substr(range.offset, range.length), range.offset));
  }
  const auto info = finish(w);
  ASSERT_TRUE(info) << info.error().text();
  EXPECT_EQ(info->root, root_of(bytes));
  EXPECT_EQ(segments_of(info->id).at(0).peer_bytes, 16 * kBlockSize);
}

TEST_F(PeerBlocks, ARunThatIsNoWindowOfOneSegmentTakesNothing) {
  const std::string bytes = pattern(kMinSegment + 20'000);
  auto writer = create(version_of("http://a/x", bytes.size()));
  ASSERT_TRUE(writer);
  ContentWriter& w = **writer;
  const std::vector<BlockSpan> wrong = {
      {{0, 0}, "f", {}},
      {{0, kMinSegment + kBlockSize}, "f", {}},     // two segments
      {{5, kBlockSize}, "f", {}},                   // not at a block
      {{0, kBlockSize + 1}, "f", {}},               // ends inside one
      {{kMinSegment, 20'001}, "f", {}},             // beyond the content
      {{UINT64_MAX - 16383, kBlockSize}, "f", {}},  // wraps around
      {{2 * kMinSegment, kBlockSize}, "f", {}},
      {{0, kBlockSize}, "f", std::vector<std::byte>(ContentWriter::kMaxAttestation + 1)},
  };
  for (std::size_t i = 0; i < wrong.size(); ++i) {
    const StreamId run = w.open_blocks(wrong[i]);
    const auto status = append_run(w, run, bytes, 0, 1);
    ASSERT_FALSE(status) << i;
    EXPECT_EQ(status.error().code, ErrorCode::invalid_argument) << i;
    EXPECT_EQ(w.missing(), (std::vector<ByteRange>{{0, bytes.size()}})) << i;
    w.close_stream(run);
  }
  const StreamId last = w.open_blocks({{kMinSegment, 20'000}, "f", {}});
  EXPECT_TRUE(append_run(w, last, bytes, kSegmentBlocks, 2)) << "up to the content's end";
  const StreamId stream = w.open_stream({0, kBlockSize}, Source::origin, "f");
  EXPECT_FALSE(append_run(w, stream, bytes, 0, 1)) << "a stream is no run";
  EXPECT_FALSE(w.append(last, buffer_of("x"))) << "a run is no stream";

  auto unknown = create(version_of("http://a/y", std::nullopt));
  ASSERT_TRUE(unknown);
  const StreamId run = (*unknown)->open_blocks({{0, kBlockSize}, "f", {}});
  EXPECT_EQ(append_run(**unknown, run, bytes, 0, 1).error().code, ErrorCode::invalid_state);
}

TEST_F(PeerBlocks, WhatDidNotComeIsMissingAgain) {
  const std::string bytes = pattern(kMinSegment);
  auto writer = create(version_of("http://a/x", bytes.size()));
  ASSERT_TRUE(writer);
  ContentWriter& w = **writer;
  const StreamId run = w.open_blocks({{0, 64 * kBlockSize}, "f", as_vector("v")});
  EXPECT_EQ(w.missing(), (std::vector<ByteRange>{{64 * kBlockSize, kMinSegment - 64 * kBlockSize}}));
  ASSERT_TRUE(append_run(w, run, bytes, 10, 10));
  w.close_stream(run);
  EXPECT_EQ(w.missing(),
            (std::vector<ByteRange>{{0, 10 * kBlockSize}, {20 * kBlockSize, kMinSegment - 20 * kBlockSize}}));
  const StreamId again = w.open_blocks({{0, kMinSegment}, "g", as_vector("w")});
  ASSERT_TRUE(append_run(w, again, bytes, 0, kSegmentBlocks)) << "what an earlier run brought is dropped";
  const auto info = finish(w);
  ASSERT_TRUE(info);
  EXPECT_EQ(segments_of(info->id).at(0).peer_bytes, kMinSegment);
  EXPECT_EQ(segments_of(info->id).at(0).attestation, as_vector("w"));
}

TEST_F(PeerBlocks, ASlowDiskSlowsThePeers) {
  const std::string bytes = pattern(40 * kMiB);
  auto writer = create(version_of("http://a/x", bytes.size()));
  ASSERT_TRUE(writer);
  ContentWriter& w = **writer;
  bool drained = false;
  w.on_drained = [&] { drained = true; };
  std::uint64_t block = 0;
  StreamId run = 0;
  for (; w.queued() < ContentWriter::kHighWater; ++block) {
    ASSERT_LT(block, block_count(bytes.size())) << "never full";
    if (block % kSegmentBlocks == 0) run = w.open_blocks({{block * kBlockSize, kMinSegment}, "f", {}});
    ASSERT_TRUE(append_run(w, run, bytes, block, 1));
  }
  EXPECT_FALSE(drained);
  ASSERT_TRUE(pump_until([&] { return drained; }));
  EXPECT_LT(w.queued(), ContentWriter::kLowWater);
  writer->reset();
}

TEST_F(PeerBlocks, AnAbandonedRunLeavesTheCommittedSegments) {
  const std::string bytes = pattern(kThreeSegments);
  auto writer = create(version_of("http://a/x", bytes.size()));
  ASSERT_TRUE(writer);
  const ContentId id = (*writer)->id();
  ASSERT_TRUE(hold(id, "f"));
  std::size_t told = 0;
  (*writer)->on_segment = [&](const SegmentInfo& segment) {
    ++told;
    EXPECT_EQ(segment.peer_bytes, segment.range.length);
    EXPECT_EQ(segment.attestation, as_vector("v"));
  };
  const StreamId first = (*writer)->open_blocks({{kMinSegment, kMinSegment}, "f", as_vector("v")});
  const StreamId second = (*writer)->open_blocks({{0, kMinSegment}, "f", as_vector("u")});
  ASSERT_TRUE(append_run(**writer, first, bytes, kSegmentBlocks, kSegmentBlocks));
  ASSERT_TRUE(append_run(**writer, second, bytes, 0, kSegmentBlocks - 1));
  ASSERT_TRUE(pump_until([&] { return told == 1; }));
  writer->reset();
  auto again = resume(id);
  ASSERT_TRUE(again) << again.error().text();
  ASSERT_EQ((*again)->committed().size(), 1u);
  EXPECT_EQ((*again)->committed()[0].index, 1u);
  EXPECT_EQ((*again)->committed()[0].peer_bytes, kMinSegment);
  EXPECT_EQ((*again)->committed()[0].attestation, as_vector("v"));
  EXPECT_EQ((*again)->missing(), (std::vector<ByteRange>{{0, kMinSegment}, {2 * kMinSegment, kMiB}}));
  again->reset();
  expect_consistent();
}

// Whatever way blocks come, by whom and how often runs are broken off: the bytes and the account are right.
TEST_F(PeerBlocks, AnyMixtureGivesTheSameBytesAndAnExactAccount) {
  for (std::uint32_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    mixture(seed);
    if (HasFailure()) break;
  }
  expect_consistent();
}

}  // namespace
}  // namespace larder::cache
