// Which blocks are whose: interval sets, the cutter of buffers, the table of segments.
#include <gtest/gtest.h>

#include <random>
#include <set>

#include "cache/record/interval_set.h"
#include "cache/write/block_cutter.h"
#include "cache/write/ordered_hash.h"
#include "cache/write/segment_table.h"
#include "tests/unit/cache/cache_fixture.h"

namespace larder::cache {
namespace {

std::vector<Interval> all(const IntervalSet& set) {
  std::vector<Interval> result;
  for (const auto& [begin, end] : set.intervals()) result.push_back({begin, end});
  return result;
}

TEST(IntervalSet, JoinsAndSplits) {
  IntervalSet set;
  set.add({10, 20});
  set.add({30, 40});
  set.add({5, 5});
  EXPECT_EQ(all(set), (std::vector<Interval>{{10, 20}, {30, 40}}));
  set.add({20, 30});
  EXPECT_EQ(all(set), (std::vector<Interval>{{10, 40}}));
  set.remove({15, 18});
  EXPECT_EQ(all(set), (std::vector<Interval>{{10, 15}, {18, 40}}));
  EXPECT_EQ(set.gaps({0, 50}), (std::vector<Interval>{{0, 10}, {15, 18}, {40, 50}}));
  EXPECT_EQ(set.gaps({12, 19}), (std::vector<Interval>{{15, 18}}));
  EXPECT_TRUE(set.gaps({19, 30}).empty());
  EXPECT_TRUE(set.contains(10));
  EXPECT_FALSE(set.contains(15));
  EXPECT_FALSE(set.contains(40));
}

TEST(IntervalSet, AgreesWithASetOfNumbers) {
  std::mt19937 random(7);
  IntervalSet set;
  std::set<std::uint64_t> model;
  for (int i = 0; i < 3000; ++i) {
    const std::uint64_t begin = random() % 60;
    const std::uint64_t end = begin + random() % 12;
    const bool adding = random() % 2 == 0;
    adding ? set.add({begin, end}) : set.remove({begin, end});
    for (std::uint64_t n = begin; n < end; ++n) {
      if (adding) model.insert(n);
      if (!adding) model.erase(n);
    }
    std::vector<Interval> gaps;
    for (std::uint64_t n = 3; n < 70; ++n) {
      ASSERT_EQ(set.contains(n), model.count(n) != 0);
      if (model.count(n) != 0) continue;
      if (!gaps.empty() && gaps.back().end == n) {
        ++gaps.back().end;
      } else {
        gaps.push_back({n, n + 1});
      }
    }
    ASSERT_EQ(set.gaps({3, 70}), gaps);
  }
}

// What the pieces hold, put together again.
std::string joined(const std::vector<Cut>& cuts, std::uint64_t start) {
  std::string bytes;
  for (const Cut& cut : cuts) {
    for (const Piece& piece : cut.pieces) {
      EXPECT_EQ(piece.offset, start + bytes.size());
      EXPECT_EQ(piece.offset % kBlockSize, 0u);
      bytes.append(reinterpret_cast<const char*>(piece.bytes.data()), piece.bytes.size());
    }
  }
  return bytes;
}

TEST(BlockCutter, AnyBufferSizesGiveTheSameBytes) {
  const std::string bytes = pattern(5 * kBlockSize + 123);
  for (const std::size_t step : {1000ul, 4096ul, 16384ul, 16385ul, 40000ul, 1000000ul}) {
    BlockCutter cutter(3 * kBlockSize);
    std::vector<Cut> cuts;
    std::size_t whole = 0;
    for (std::size_t at = 0; at < bytes.size(); at += step) {
      whole += cutter.append(buffer_of(std::string_view(bytes).substr(at, step)));
      if (at % 3 == 0) cuts.push_back(cutter.take_blocks());
    }
    EXPECT_EQ(whole, 5 * kBlockSize) << step;
    EXPECT_EQ(cutter.partial(), 123u);
    EXPECT_EQ(cutter.end_here(), 123u);
    cuts.push_back(cutter.take_blocks());
    EXPECT_EQ(joined(cuts, 3 * kBlockSize), bytes) << step;
    EXPECT_EQ(cutter.next(), 3 * kBlockSize + bytes.size());
    EXPECT_EQ(cutter.first_uncut(), cutter.next());
  }
}

TEST(BlockCutter, AlignedBuffersAreNotCopied) {
  BlockCutter cutter(0);
  Buffer buffer = buffer_of(pattern(4 * kBlockSize));
  const std::byte* data = buffer.bytes().data();
  EXPECT_EQ(cutter.append(std::move(buffer)), 4 * kBlockSize);
  const Cut cut = cutter.take_blocks();
  ASSERT_EQ(cut.pieces.size(), 1u);
  EXPECT_EQ(cut.pieces[0].bytes.data(), data);
}

TEST(BlockCutter, FirstUncutCountsWhatIsPending) {
  BlockCutter cutter(0);
  cutter.append(buffer_of(pattern(kBlockSize + 5)));
  EXPECT_EQ(cutter.first_uncut(), 0u);
  static_cast<void>(cutter.take_blocks());
  EXPECT_EQ(cutter.first_uncut(), kBlockSize);
}

constexpr std::uint64_t kEnd = kSegmentBlocks;  // of the first segment

TEST(SegmentTable, GivesEachBlockOnceAndCutsAtSegments) {
  SegmentTable table(kThreeSegments, {});
  EXPECT_EQ(table.take_blocks({kEnd - 6, kEnd + 4}, Source::origin, "a"),
            (std::vector<Interval>{{kEnd - 6, kEnd}, {kEnd, kEnd + 4}}));
  EXPECT_EQ(table.take_blocks({0, kEnd + 9}, Source::origin, "a"),
            (std::vector<Interval>{{0, kEnd - 6}, {kEnd + 4, kEnd + 9}}));
  EXPECT_TRUE(table.take_blocks({0, kEnd + 9}, Source::peer, "b").empty());
  EXPECT_EQ(table.leaf_place(kEnd + 2).first, 2u);
  EXPECT_EQ(table.leaf_place(kEnd + 2).leaves->size(), kEnd);
}

TEST(SegmentTable, WholeWhenAllIsWrittenWithTheAccountOfTheLastTaken) {
  SegmentTable table(kMinSegment + 1, {});
  static_cast<void>(table.take_blocks({0, 100}, Source::origin, "first"));
  static_cast<void>(table.take_blocks({100, kEnd}, Source::peer, "last"));
  EXPECT_FALSE(table.wrote({100, kEnd}));
  const auto whole = table.wrote({0, 100});
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->index, 0u);
  EXPECT_EQ(whole->source, Source::peer);
  EXPECT_EQ(whole->fetched_for, "last");
  static_cast<void>(table.take_blocks({kEnd, kEnd + 1}, Source::origin, "x"));
  const auto tail = table.wrote({kEnd, kEnd + 1});
  ASSERT_TRUE(tail);
  EXPECT_EQ(tail->leaves->size(), 1u);
}

TEST(SegmentTable, CommittedSegmentsAreTaken) {
  SegmentTable table(kThreeSegments, {1});
  EXPECT_EQ(table.taken().gaps({0, table.blocks()}), (std::vector<Interval>{{0, kEnd}, {2 * kEnd, table.blocks()}}));
}

TEST(SegmentTable, UnknownSizeBecomesSegmentsAtTheEnd) {
  const std::uint64_t size = 300 * kMiB + 7;  // segments of 8 MiB
  SegmentTable table(std::nullopt, {});
  for (const Interval part : table.take_blocks({0, block_count(size)}, Source::origin, "f")) {
    for (std::uint64_t block = part.begin; block < part.end; ++block) {
      auto place = table.leaf_place(block);
      (*place.leaves)[place.first].fill(static_cast<std::byte>(block * 31));
    }
    EXPECT_FALSE(table.wrote(part));
  }
  EXPECT_FALSE(table.set_size(size + kBlockSize)) << "a block is missing";
  EXPECT_FALSE(table.set_size(size - kBlockSize)) << "there is one too many";
  const auto segments = table.set_size(size);
  ASSERT_TRUE(segments);
  ASSERT_EQ(segments->size(), 38u);
  std::uint64_t block = 0;
  for (const WholeSegment& segment : *segments) {
    EXPECT_EQ(segment.fetched_for, "f");
    for (const Digest& leaf : *segment.leaves) EXPECT_EQ(leaf[0], static_cast<std::byte>(block++ * 31));
  }
  EXPECT_EQ(block, block_count(size));
}

std::shared_ptr<WriteJob> job_of(std::uint64_t offset, Bytes bytes) {
  auto job = std::make_shared<WriteJob>();
  job->parts.push_back({offset, bytes, {}, {}});
  job->bytes = bytes.size();
  return job;
}

TEST(OrderedHash, HashesInOrderWhateverOrderTheJobsReturnIn) {
  const std::string bytes = pattern(3 * kBlockSize);
  const Bytes view = as_bytes(bytes);
  OrderedHash hash(true);
  std::vector<std::shared_ptr<WriteJob>> jobs;
  for (std::size_t i = 0; i < 3; ++i) {
    jobs.push_back(job_of(i * kBlockSize, view.subspan(i * kBlockSize, kBlockSize)));
    EXPECT_TRUE(hash.expect(*jobs.back()));
  }
  hash.on_written(jobs[2]);
  hash.on_written(jobs[1]);
  EXPECT_TRUE(hash.take_jobs().empty());
  EXPECT_FALSE(hash.finish(bytes.size()));
  hash.on_written(jobs[0]);
  hash_jobs(*hash.hash(), hash.take_jobs());
  EXPECT_EQ(hash.finish(bytes.size()), sha256(view));
}

TEST(OrderedHash, GivesUpAtAGap) {
  const std::string bytes = pattern(kBlockSize);
  OrderedHash hash(true);
  const auto job = job_of(kBlockSize, as_bytes(bytes));
  EXPECT_FALSE(hash.expect(*job));
  EXPECT_FALSE(hash.expect(*job_of(0, as_bytes(bytes))));
  EXPECT_FALSE(hash.finish(0));
}

}  // namespace
}  // namespace larder::cache
