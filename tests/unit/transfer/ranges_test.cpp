// Files made of ranges: from the origin, from the cache, out of one stream.
#include <cstring>

#include "tests/unit/transfer/transfer_lab.h"

namespace larder::test {
namespace {

using agent::TransferRequest;

constexpr std::size_t kSize = 3 * kMiB + 17;

class Ranges : public ::testing::Test, public TransferLab {
 protected:
  Ranges() { origin.files[kUrl] = make_file(kUrl, 1, kSize); }

  [[nodiscard]] static TransferRequest ranged(const std::string& file_id, std::vector<ByteRange> ranges) {
    TransferRequest asked = request(file_id);
    asked.ranges = std::move(ranges);
    return asked;
  }

  [[nodiscard]] std::vector<std::byte> cut(const std::vector<ByteRange>& ranges) {
    const auto& all = origin.files[kUrl].bytes;
    std::vector<std::byte> out;
    for (const ByteRange& range : ranges) {
      const std::size_t end = range.length == UINT64_MAX ? all.size() : range.end();
      out.insert(out.end(), all.begin() + static_cast<std::ptrdiff_t>(range.offset),
                 all.begin() + static_cast<std::ptrdiff_t>(end));
    }
    return out;
  }
};

const std::vector<ByteRange> kAscending{{100, 50}, {70000, 200000}, {kMiB, UINT64_MAX}};
const std::vector<ByteRange> kMixed{{2 * kMiB, 100000}, {5, 20}, {25, 30}, {0, 10}, {2 * kMiB, 7}};

TEST_F(Ranges, AreConsecutiveInTheResult) {
  for (const auto& ranges : {kAscending, kMixed}) {
    TransferLab lab;
    lab.origin.files[kUrl] = origin.files[kUrl];
    const auto got = lab.fetch(ranged("f", ranges));
    lab.expect_whole(*got, cut(ranges));
    EXPECT_FALSE(got->value().content.shareable);
    EXPECT_EQ(got->value().figures.origin, cut(ranges).size());
    EXPECT_EQ(got->value().figures.wasted, 0U);
    EXPECT_EQ(lab.origin.delivered, cut(ranges).size());
  }
}

TEST_F(Ranges, NeighboursAreOneRequest) {
  const auto got = fetch(ranged("f", {{5, 20}, {25, 30}, {55, 1}}));
  expect_whole(*got, cut({{5, 51}}));
  ASSERT_EQ(origin.fetches.size(), 1U);
  EXPECT_EQ(origin.fetches[0].offset, 5U);
  EXPECT_EQ(origin.fetches[0].length, 51U);
}

TEST_F(Ranges, AreCopiedFromACachedWhole) {
  (void)cache.put(origin.files[kUrl].edition.version, origin.files[kUrl].bytes);
  const auto got = fetch(ranged("f", kMixed));
  expect_whole(*got, cut(kMixed));
  EXPECT_EQ(origin.fetches.size(), 0U);
  EXPECT_EQ(origin.probes, 1U);
  EXPECT_EQ(got->value().figures.cache, cut(kMixed).size());
}

TEST_F(Ranges, AnUnreadableCachedWholeIsNotNeeded) {
  const auto id = cache.put(origin.files[kUrl].edition.version, origin.files[kUrl].bytes);
  cache.records.at(id).unreadable = true;
  const auto got = fetch(ranged("f", kMixed));
  expect_whole(*got, cut(kMixed));
  EXPECT_EQ(got->value().figures.origin, cut(kMixed).size());
}

TEST_F(Ranges, AreCutOutOfOneStreamWhereTheOriginHasNone) {
  origin.files[kUrl].edition.ranges = false;
  origin.files[kUrl].edition.one_stream = true;
  const auto got = fetch(ranged("f", kAscending));
  expect_whole(*got, cut(kAscending));
  EXPECT_EQ(origin.fetches.size(), 1U);
  EXPECT_EQ(got->value().figures.origin + got->value().figures.wasted, origin.delivered);
}

TEST_F(Ranges, AWholeAnswerThatNobodyAnnouncedIsCutToo) {
  origin.behave = [](const origin::Fetch&) { return Behaviour{{}, {}, {}, true}; };
  for (const auto& ranges : {kAscending, kMixed}) {
    const auto got = fetch(ranged("f" + std::to_string(ranges.size()), ranges));
    expect_whole(*got, cut(ranges));
  }
}

TEST_F(Ranges, WithoutValidatorsOneAnswerMustDo) {
  origin::Edition& edition = origin.files[kUrl].edition;
  edition.version.etag.clear();
  edition.version.last_modified.clear();
  const auto got = fetch(ranged("f", kAscending));
  expect_whole(*got, cut(kAscending));
  EXPECT_EQ(origin.fetches.size(), 1U);
  const auto refused = fetch(ranged("g", kMixed));
  ASSERT_FALSE(refused->ok());
  EXPECT_EQ(refused->code(), ErrorCode::range_not_supported);
}

TEST_F(Ranges, OutOfBoundsIsSaid) {
  const auto got = fetch(ranged("f", {{0, 10}, {kSize - 5, 6}}));
  ASSERT_FALSE(got->ok());
  EXPECT_EQ(got->code(), ErrorCode::invalid_argument);
  EXPECT_NE(got->error().detail.find("range 1"), std::string::npos) << got->error().text();
  EXPECT_NE(got->error().detail.find(std::to_string(kSize)), std::string::npos) << got->error().text();
}

// RFC 9110 §14.1.2.
TEST_F(Ranges, OfTheEndAreFoundWithTheSize) {
  struct Row {
    std::size_t size;
    std::vector<ByteRange> asked, cut;
  };
  const std::uint64_t last = UINT64_MAX;
  const Row rows[] = {
      {kSize, {{last, 100}}, {{kSize - 100, 100}}},
      {kSize, {{last, kSize}}, {{0, kSize}}},
      {kSize, {{last, kSize + 1}}, {{0, kSize}}},
      {kSize, {{last, UINT64_MAX - 1}}, {{0, kSize}}},
      {kSize, {{0, 10}, {last, 10}}, {{0, 10}, {kSize - 10, 10}}},
      {kSize, {{last, 10}, {0, 10}}, {{kSize - 10, 10}, {0, 10}}},
      {kSize, {{kSize - 20, 10}, {last, 10}}, {{kSize - 20, 20}}},
      {40, {{last, 100}}, {{0, 40}}},
      {1, {{last, 1}}, {{0, 1}}},
      {0, {{last, 100}}, {}},
  };
  for (const Row& row : rows) {
    origin.files[kUrl] = make_file(kUrl, 1, row.size);
    TransferLab lab;
    lab.origin.files[kUrl] = origin.files[kUrl];
    const auto got = lab.fetch(ranged("f", row.asked));
    ASSERT_TRUE(got->ok()) << row.size << ": " << got->error().text();
    lab.expect_whole(*got, cut(row.cut));
  }
}

TEST_F(Ranges, OfTheEndNeedTheSizeAndOverlapNothing) {
  const auto overlapping = fetch(ranged("f", {{0, kSize - 5}, {UINT64_MAX, 6}}));
  ASSERT_FALSE(overlapping->ok());
  EXPECT_EQ(overlapping->code(), ErrorCode::invalid_argument);
  EXPECT_NE(overlapping->error().detail.find("overlaps"), std::string::npos) << overlapping->error().text();
  origin::Edition& edition = origin.files[kUrl].edition;
  edition.version.size.reset();
  edition.ranges = false;
  const auto unknown = fetch(ranged("g", {{UINT64_MAX, 6}}));
  ASSERT_FALSE(unknown->ok());
  EXPECT_EQ(unknown->code(), ErrorCode::range_not_supported);
  EXPECT_NE(unknown->error().detail.find("the last 6 bytes"), std::string::npos) << unknown->error().text();
}

TEST_F(Ranges, OutOfBoundsOfAnUnknownSizeIsFoundOut) {
  origin::Edition& edition = origin.files[kUrl].edition;
  edition.version.size.reset();
  edition.ranges = false;
  const auto got = fetch(ranged("f", {{0, 10}, {kSize - 5, 6}}));
  ASSERT_FALSE(got->ok());
  EXPECT_EQ(got->code(), ErrorCode::invalid_argument) << got->error().text();
  expect_whole(*fetch(ranged("g", {{0, 10}, {kSize - 5, 5}})), cut({{0, 10}, {kSize - 5, 5}}));
}

TEST_F(Ranges, AnAttemptThatBrokeIsGoneOnWith) {
  const std::vector<ByteRange> ranges{{10, 2 * kMiB}, {0, kSize}, {0, kSize}};  // more than one segment
  origin.script = {Behaviour{}, Behaviour{}, Behaviour{{}, 900000},
                   Behaviour{Error{ErrorCode::connect_failed, "connect", "refused"}}};
  const auto first = fetch(ranged("f", ranges));
  ASSERT_FALSE(first->ok());
  restart();
  origin.fetches.clear();
  const auto got = fetch(ranged("f", ranges));
  expect_whole(*got, cut(ranges));
  ASSERT_FALSE(origin.fetches.empty());
  EXPECT_EQ(origin.fetches[0].offset, 2 * kMiB) << "4 MiB are there: the first range and 2 MiB of the second";
  EXPECT_EQ(cache.records.size(), 1U);
}

TEST_F(Ranges, AChangeOfEditionStartsOver) {
  const FakeFile next = make_file(kUrl, 2, kSize);
  loop.after(std::chrono::milliseconds(150), [&] { origin.publish(kUrl, next); });
  const std::vector<ByteRange> ranges{{10, 2 * kMiB}, {5, kMiB}};
  const auto got = fetch(ranged("f", ranges));
  expect_whole(*got, cut(ranges));
  EXPECT_EQ(got->progress.back().restarts, 1U);
  EXPECT_EQ(got->value().figures.origin + got->value().figures.wasted, origin.delivered);
}

TEST_F(Ranges, AreNobodyElses) {
  (void)fetch(ranged("f", {{0, kSize}}));
  const auto got = fetch(request("g"));
  expect_whole(*got, origin.files[kUrl].bytes);
  EXPECT_EQ(got->value().figures.origin, kSize);
}

}  // namespace
}  // namespace larder::test
