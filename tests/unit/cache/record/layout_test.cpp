#include "cache/record/layout.h"

#include <gtest/gtest.h>

#include "base/text/units.h"
#include "cache/recent_marks.h"
#include "cache/record/content_ids.h"
#include "cache/record/segments.h"

namespace larder::cache {
namespace {

const ContentId kId = "0f1e2d3c4b5a69788796a5b4c3d2e1f0";

TEST(ContentLayout, BuildsAndParsesNames) {
  const ContentLayout layout("/var/lib/larder");
  EXPECT_EQ(layout.contents_directory(), "/var/lib/larder/contents");
  EXPECT_EQ(layout.prefix_directory(15), "/var/lib/larder/contents/0f");
  EXPECT_EQ(layout.content_path(kId), "/var/lib/larder/contents/0f/" + kId);
  EXPECT_EQ(ContentLayout::parse_name(15, kId), kId);
}

TEST(ContentLayout, PrefixesAreTheFirstTwoDigits) {
  EXPECT_EQ(prefix_of(kId), 0x0fu);
  EXPECT_EQ(prefix_name(0), "00");
  EXPECT_EQ(prefix_name(255), "ff");
  for (std::size_t i = 0; i < kPrefixes; ++i) EXPECT_EQ(prefix_of(prefix_name(i)), i);
}

TEST(ContentIds, LieTogetherInRuns) {
  ContentIds ids;
  const WallTime now{std::chrono::seconds(1'700'000'000)};
  ContentId last = ids.next(now);
  EXPECT_TRUE(is_content_id(last));
  for (std::uint32_t i = 1; i < ContentIds::kContentsPerPrefix; ++i) {
    const ContentId next = ids.next(now + std::chrono::microseconds(i));
    EXPECT_TRUE(is_content_id(next)) << next;
    EXPECT_EQ(prefix_of(next), prefix_of(last));
    EXPECT_GT(next, last);
    last = next;
  }
}

TEST(ContentIds, OfTwoRunsAtTheSameTimeDiffer) {
  ContentIds one, two;
  EXPECT_NE(one.next(WallTime{}).substr(2), two.next(WallTime{}).substr(2));
}

TEST(RecentMarks, KeepsTheLatest) {
  RecentMarks marks;
  for (std::size_t i = 0; i <= RecentMarks::kMax; ++i) marks.add_mark(std::to_string(i), {i, 0, std::nullopt});
  EXPECT_FALSE(marks.find_mark("0"));
  ASSERT_TRUE(marks.find_mark("1"));
  EXPECT_EQ(marks.find_mark("1")->inode, 1u);
  marks.forget("1");
  EXPECT_FALSE(marks.find_mark("1"));
}

TEST(ContentLayout, RefusesNamesItWouldNotMake) {
  for (const std::string& name :
       {std::string(), kId.substr(1), kId + "0", std::string("0F1E2D3C4B5A69788796A5B4C3D2E1F0"),
        std::string("../../etc/passwd"), std::string(32, 'g'), std::string(32, '/')}) {
    EXPECT_FALSE(ContentLayout::parse_name(15, name)) << name;
  }
  EXPECT_FALSE(ContentLayout::parse_name(14, kId)) << "in the wrong directory";
}

struct SegmentCase {
  std::uint64_t size, segment, count, last;
};

TEST(SegmentLayout, SizesByTheTable) {
  const SegmentCase cases[] = {
      {0, 2 * kMiB, 1, 0},
      {1, 2 * kMiB, 1, 1},
      {2 * kMiB, 2 * kMiB, 1, 2 * kMiB},
      {2 * kMiB + 1, 2 * kMiB, 2, 1},
      {128 * kMiB, 2 * kMiB, 64, 2 * kMiB},
      {128 * kMiB + 1, 4 * kMiB, 33, 1},
      {256 * kMiB, 4 * kMiB, 64, 4 * kMiB},
      {256 * kMiB + 1, 8 * kMiB, 33, 1},
      {512 * kMiB, 8 * kMiB, 64, 8 * kMiB},
      {kGiB, 16 * kMiB, 64, 16 * kMiB},
      {4 * kGiB, 64 * kMiB, 64, 64 * kMiB},
      {100 * kGiB + 5, 64 * kMiB, 1601, 5},
      {UINT64_MAX / 2, 64 * kMiB, (UINT64_MAX / 2) / (64 * kMiB) + 1, 64 * kMiB - 1},
  };
  for (const SegmentCase& one : cases) {
    const SegmentLayout layout(one.size);
    EXPECT_EQ(layout.segment_size(), one.segment) << one.size;
    EXPECT_EQ(layout.count(), one.count) << one.size;
    const ByteRange last = layout.range(layout.count() - 1);
    EXPECT_EQ(last.length, one.last) << one.size;
    EXPECT_EQ(last.end(), one.size);
    if (one.size > 0) {
      EXPECT_EQ(layout.index_at(one.size - 1), layout.count() - 1);
    }
  }
}

TEST(SegmentLayout, BeyondTheEndIsEmpty) {
  EXPECT_EQ(SegmentLayout(10).range(3).length, 0u);
}

}  // namespace
}  // namespace larder::cache
