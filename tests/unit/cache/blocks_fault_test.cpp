// A disk that fails, and a machine that crashes, in the middle of runs of blocks from peers. After each the index and
// the bytes agree, what was committed is there, and what is gone on with ends right.
#include <algorithm>
#include <filesystem>
#include <map>
#include <random>

#include "base/hash/merkle.h"
#include "tests/unit/cache/block_runs.h"

namespace larder::cache {
namespace {

class BlocksFault : public BlockRunFixture {
 protected:
  // Fills one content by runs of peers and a stream of the origin; gives up at the first error, like a transfer whose
  // disk fails. `stop_after`: so many steps, then the program dies.
  void fill(ContentWriter& writer, std::mt19937& random, std::size_t stop_after) {
    writer.on_segment = [this](const SegmentInfo& segment) { told[segment.index] = segment.peer_bytes; };
    for (std::size_t step = 0; step < stop_after; ++step) {
      const auto gaps = writer.missing();
      if (gaps.empty()) return;
      const ByteRange gap = gaps[random() % gaps.size()];
      const std::uint64_t first = gap.offset / kBlockSize;
      const std::uint64_t room = std::min(block_count(gap.length), kSegmentBlocks - first % kSegmentBlocks);
      const std::uint64_t count = 1 + random() % std::min<std::uint64_t>(room, 100);
      const std::uint64_t end = std::min<std::uint64_t>(bytes.size(), (first + count) * kBlockSize);
      const ByteRange range{first * kBlockSize, end - first * kBlockSize};
      if (random() % 4 == 0) {
        const StreamId stream = writer.open_stream(range, Source::origin, "f");
        if (!writer.append(stream, buffer_of(std::string_view(bytes).substr(range.offset, range.length)))) return;
        writer.close_stream(stream);
      } else {
        const StreamId run = writer.open_blocks({range, "f", as_vector("v")});
        for (std::uint64_t block = block_count(end); block > first; --block) {
          if (!append_run(writer, run, bytes, block - 1, 1)) return;
        }
        writer.close_stream(run);
      }
      if (random() % 2 == 0) loop.run_ready();
      // Whole segments get their time, as a source that minds back-pressure gives it to them.
      if (random() % 2 == 0) {
        EXPECT_TRUE(loop.wait_for([&] { return writer.queued() < ContentWriter::kHighWater; }));
      }
    }
  }

  // After the disk was healed: what was said to be committed is there, and the rest can be fetched.
  void go_on_and_check() {
    run_maintenance();
    loop.advance(std::chrono::seconds(1));
    static_cast<void>(figures());
    expect_consistent();
    std::unique_ptr<ContentWriter> writer;
    if (auto resumed = resume(id)) {
      writer = std::move(*resumed);
    } else {
      EXPECT_TRUE(told.empty()) << "committed and gone: " << resumed.error().text();
      auto created = create(version_of("http://a/again", bytes.size()));
      ASSERT_TRUE(created) << created.error().text();
      writer = std::move(*created);
    }
    std::map<std::uint64_t, std::uint64_t> there;
    for (const SegmentInfo& segment : writer->committed()) there[segment.index] = segment.peer_bytes;
    for (const auto& [index, peer_bytes] : told) {
      ASSERT_TRUE(there.contains(index)) << "segment " << index << " was committed and is gone";
      EXPECT_EQ(there.at(index), peer_bytes);
    }
    std::mt19937 random(1);
    fill(*writer, random, 100'000);
    const auto info = finish(*writer, true);
    ASSERT_TRUE(info) << info.error().text();
    EXPECT_EQ(info->root, root_of(bytes));
    EXPECT_EQ(info->sha256, sha256(as_bytes(bytes)));
    EXPECT_TRUE(read(info->id) == bytes);
    writer.reset();
    expect_consistent();
  }

  void start_afresh() {
    close_cache();
    std::filesystem::remove_all(settings.state_directory);
    std::filesystem::create_directories(settings.state_directory);
    files.forget();
    told.clear();
    open_cache();
    auto writer = create(version_of("http://a/x", bytes.size()));
    ASSERT_TRUE(writer) << writer.error().text();
    id = (*writer)->id();
    ASSERT_TRUE(hold(id, "f"));
    begun = std::move(*writer);
  }

  const std::string bytes = pattern(kThreeSegments + 4321);
  std::unique_ptr<ContentWriter> begun;
  ContentId id;
  std::map<std::uint64_t, std::uint64_t> told;  // committed segments, and their bytes of peers
};

TEST_F(BlocksFault, ACrashLosesNoCommittedSegment) {
  std::size_t crashes_with_segments = 0;
  for (std::uint32_t seed = 1; seed <= 12; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    start_afresh();
    std::mt19937 random(seed);
    fill(*begun, random, 10 + random() % 40);
    if (seed % 2 == 0) loop.run_ready();
    if (!told.empty()) ++crashes_with_segments;
    files.die();
    begun.reset();
    close_cache();
    const auto coin = make_seeded_random(seed);
    files.crash(seed % 3 == 0 ? nullptr : coin.get());
    open_cache();
    go_on_and_check();
    if (HasFailure()) return;
  }
  EXPECT_GT(crashes_with_segments, 3u) << "the crashes come too early to show anything";
}

TEST_F(BlocksFault, AFailedCallIsAnErrorAndNoWrongByte) {
  for (const auto& [code, half] : {std::pair(ErrorCode::disk_error, false), std::pair(ErrorCode::disk_full, true)}) {
    files.short_writes(half);
    for (std::uint64_t n = 0; n < 60; n += 3) {
      SCOPED_TRACE("call " + std::to_string(n));
      start_afresh();
      files.fail_nth(n, code);
      std::mt19937 random(static_cast<std::uint32_t>(n));
      fill(*begun, random, 100'000);
      if (begun->missing().empty()) static_cast<void>(finish(*begun, true));
      begun.reset();
      close_cache();
      files.heal();
      open_cache();
      // A content that was finished after all is no matter of going on with.
      const auto info = get(id);
      if (info && info->state == ContentState::complete) {
        EXPECT_TRUE(read(id) == bytes);
        expect_consistent();
      } else {
        go_on_and_check();
      }
      if (HasFailure()) return;
    }
  }
}

}  // namespace
}  // namespace larder::cache
