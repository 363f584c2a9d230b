// What others may be offered: leaves, pages of offerable contents, and who is told when that changes.
#include <SQLiteCpp/SQLiteCpp.h>

#include <algorithm>
#include <utility>

#include "cache/index/schema.h"
#include "cache/record/segments.h"
#include "tests/unit/cache/block_runs.h"

namespace larder::cache {
namespace {

class Offer : public BlockRunFixture {
 protected:
  Result<std::vector<Digest>> leaves(const ContentId& id, std::uint64_t first, std::uint64_t count) {
    return wait<std::vector<Digest>>(
        [&](auto done) { cache->leaves(id, SegmentIndex(first), count, std::move(done)); });
  }
  std::vector<Offerable> offerable(const ContentId& after = "", std::size_t limit = 1000) {
    auto page = wait<std::vector<Offerable>>([&](auto done) { cache->offerable(after, limit, std::move(done)); });
    EXPECT_TRUE(page) << page.error().text();
    return page.value_or(std::vector<Offerable>());
  }
  Status validate(const ContentId& id) {
    return wait<void>([&](auto done) { cache->mark_validated(id, std::move(done)); });
  }
  Status drop(const ContentId& id) {
    return wait<void>([&](auto done) { cache->drop(id, std::move(done)); });
  }
  std::string index_path() const { return settings.state_directory + "/larder.db"; }
  // Who was told of, in order; a content told of again at once is there once, since the last segment may be committed
  // by itself or together with the end.
  static std::vector<ContentId> collapsed(std::vector<ContentId> told) {
    told.erase(std::unique(told.begin(), told.end()), told.end());
    return told;
  }
  // A partial content with segments 0 and 2 of three.
  ContentId store_partial(const std::string& url, const std::string& bytes) {
    auto writer = create(version_of(url, bytes.size()));
    EXPECT_TRUE(writer);
    const ContentId id = (*writer)->id();
    EXPECT_TRUE(hold(id, "f"));
    EXPECT_TRUE(append_all(**writer, std::string_view(bytes).substr(0, kMinSegment), 0));
    EXPECT_TRUE(append_all(**writer, std::string_view(bytes).substr(2 * kMinSegment), 2 * kMinSegment));
    EXPECT_TRUE(pump_until([&] { return (*writer)->committed().size() == 2; }));
    writer->reset();
    loop.run_ready();
    return id;
  }
};

TEST_F(Offer, LeavesOfCommittedSegments) {
  const std::string bytes = pattern(kThreeSegments + 77);
  const ContentId id = store_partial("http://a/x", bytes);
  const std::vector<Digest> all = leaves_of(bytes);
  const auto first = leaves(id, 0, 1);
  ASSERT_TRUE(first) << first.error().text();
  EXPECT_EQ(*first, std::vector<Digest>(all.begin(), all.begin() + kSegmentBlocks));
  const auto last = leaves(id, 2, 1);
  ASSERT_TRUE(last);
  EXPECT_EQ(*last, std::vector<Digest>(all.begin() + 2 * kSegmentBlocks, all.end()));
  EXPECT_EQ(leaves(id, 1, 1).error().code, ErrorCode::not_found);
  EXPECT_EQ(leaves(id, 0, 3).error().code, ErrorCode::not_found) << "one of them is not there";
  EXPECT_EQ(leaves(id, 0, 0).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(leaves(id, 3, 1).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(leaves(id, 1, UINT64_MAX).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(leaves("none", 0, 1).error().code, ErrorCode::not_found);
}

TEST_F(Offer, LeavesOfAWholeContent) {
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, kBlockSize, kThreeSegments + 77}) {
    const std::string bytes = pattern(size, size + 1);
    const auto info = store(version_of("http://a/" + std::to_string(size), size), bytes);
    ASSERT_TRUE(info);
    const auto got = leaves(info->id, 0, SegmentLayout(size).count());
    ASSERT_TRUE(got) << got.error().text();
    EXPECT_EQ(*got, leaves_of(bytes)) << size;
  }
}

TEST_F(Offer, LeavesAreBounded) {
  const std::uint64_t size = 300 * kGiB;  // 4800 segments of 4096 leaves; sparse, and dropped before anything is read
  settings.max_size = 400 * kGiB;
  files.set_space(DiskSpace{800 * kGiB, 700 * kGiB});
  reopen_cache();
  auto writer = create(version_of("http://a/huge", size));
  ASSERT_TRUE(writer) << writer.error().text();
  const ContentId id = (*writer)->id();
  ASSERT_TRUE(hold(id, "f"));
  const StreamId run = (*writer)->open_blocks({{0, 64 * kMiB}, "f", {}});
  const std::string bytes = pattern(64 * kMiB);
  ASSERT_TRUE(append_run(**writer, run, bytes, 0, 4096));
  ASSERT_TRUE(pump_until([&] { return (*writer)->committed().size() == 1; }));
  EXPECT_EQ(leaves(id, 0, 1).value_or(std::vector<Digest>()).size(), 4096u);
  EXPECT_EQ(leaves(id, 0, Cache::kMaxLeaves / 4096).error().code, ErrorCode::not_found);
  EXPECT_EQ(leaves(id, 0, Cache::kMaxLeaves / 4096 + 1).error().code, ErrorCode::too_large);
}

TEST_F(Offer, WhatIsOfferedInEachState) {
  const std::string bytes = pattern(kThreeSegments + 77);
  const ContentId partial = store_partial("http://a/partial", bytes);
  const auto whole = store(version_of("http://a/whole", kThreeSegments), pattern(kThreeSegments, 2), "f");
  const auto judged = store(version_of("http://a/judged", 100), pattern(100, 3), "f");
  ASSERT_TRUE(validate(judged->id));
  const auto aside = store(version_of("http://a/aside", 100), pattern(100, 4), "f");
  ASSERT_TRUE(
      wait<void>([&](auto done) { cache->set_aside(aside->id, version_of("http://a/aside", 100), std::move(done)); }));
  ASSERT_TRUE(store(version_of("http://a/private", 100), pattern(100, 5), "f", true, false));
  auto begun = create(version_of("http://a/begun", kThreeSegments));
  ASSERT_TRUE(begun);

  std::map<ContentId, Offerable> found;
  for (Offerable& one : offerable()) found.emplace(one.info.id, std::move(one));
  EXPECT_EQ(found.size(), 3u);
  ASSERT_TRUE(found.contains(partial));
  EXPECT_EQ(found.at(partial).segments, (std::vector<std::uint64_t>{0, 2}));
  EXPECT_EQ(found.at(partial).info.versions, std::vector{version_of("http://a/partial", bytes.size())});
  ASSERT_TRUE(found.contains(whole->id));
  EXPECT_EQ(found.at(whole->id).segments, (std::vector<std::uint64_t>{0, 1, 2})) << "one by one before its verdict";
  ASSERT_TRUE(found.contains(judged->id));
  EXPECT_TRUE(found.at(judged->id).segments.empty());
  EXPECT_EQ(found.at(judged->id).info.state, ContentState::complete);
}

TEST_F(Offer, PagesHaveEachContentOnce) {
  std::vector<ContentId> stored;
  for (std::uint64_t i = 0; i < 25; ++i) {
    const auto info = store(version_of("http://a/" + std::to_string(i), 100 + i), pattern(100 + i, i));
    ASSERT_TRUE(info);
    stored.push_back(info->id);
  }
  std::sort(stored.begin(), stored.end());
  std::vector<ContentId> found;
  for (auto page = offerable("", 10); !page.empty(); page = offerable(found.back(), 10)) {
    EXPECT_LE(page.size(), 10u);
    for (const Offerable& one : page) found.push_back(one.info.id);
  }
  EXPECT_EQ(found, stored);
}

TEST_F(Offer, TheObserverIsToldOfEachChange) {
  std::vector<ContentId> told;
  cache->observe([&](const ContentId& id) { told.push_back(id); });
  const auto expect_told = [&](std::vector<ContentId> ids, const char* what) {
    EXPECT_EQ(collapsed(std::exchange(told, {})), ids) << what;
  };
  const std::string bytes = pattern(kThreeSegments + 77);
  const ContentId partial = store_partial("http://a/partial", bytes);
  EXPECT_EQ(told, (std::vector<ContentId>{partial, partial})) << "two segments";
  told.clear();
  const auto info = store(version_of("http://a/whole", 100), pattern(100), "f");
  expect_told({info->id}, "completed");
  ASSERT_TRUE(validate(info->id));
  expect_told({info->id}, "validated");
  ASSERT_TRUE(open(info->id));
  ASSERT_TRUE(hold(info->id, "g"));
  ASSERT_TRUE(release(info->id, "g"));
  expect_told({}, "nothing of that changes what is offered");
  auto begun = create(version_of("http://a/whole", 100, "\"other\""));
  ASSERT_TRUE(begun);
  const ContentId merged = (*begun)->id();
  ASSERT_TRUE(append_all(**begun, pattern(100)));
  ASSERT_TRUE(finish(**begun));
  expect_told({merged, info->id}, "merged");
  begun->reset();
  ASSERT_TRUE(drop(info->id));
  expect_told({info->id}, "dropped");
  ASSERT_TRUE(release(partial, "f"));
  expect_told({partial}, "released, and gone with its last holder");
  const auto aside = store(version_of("http://a/aside", 100), pattern(100, 4), "f");
  told.clear();
  ASSERT_TRUE(
      wait<void>([&](auto done) { cache->set_aside(aside->id, version_of("http://a/aside", 100), std::move(done)); }));
  expect_told({aside->id}, "set aside");
  cache->observe({});
  ASSERT_TRUE(drop(aside->id));
  expect_told({}, "nobody observes");
}

TEST_F(Offer, TheObserverIsToldOfEvictionAndDamage) {
  settings.max_size = 3 * kMiB;
  reopen_cache();
  const auto old = store(version_of("http://a/old", 2 * kMiB), pattern(2 * kMiB, 1));
  ASSERT_TRUE(old);
  std::vector<ContentId> told;
  cache->observe([&](const ContentId& id) { told.push_back(id); });
  const auto fresh = store(version_of("http://a/new", 2 * kMiB), pattern(2 * kMiB, 2));
  ASSERT_TRUE(fresh) << fresh.error().text();
  EXPECT_EQ(collapsed(std::exchange(told, {})), (std::vector<ContentId>{old->id, fresh->id}));
  ASSERT_TRUE(real->remove(path_of(fresh->id)));
  EXPECT_FALSE(open(fresh->id));
  EXPECT_EQ(told, std::vector{fresh->id});
}

// A cache of the time before peers is taken over as it is.
TEST_F(Offer, AnOlderIndexGetsItsColumn) {
  close_cache();
  for (const char* suffix : {"", "-wal", "-shm"}) static_cast<void>(real->remove(index_path() + suffix));
  {
    auto old = Database::open(index_path(), cache_schema().first(1), loop);
    ASSERT_TRUE(old) << old.error().text();
  }
  open_cache();
  const auto info = store(version_of("http://a/x", 100), pattern(100));
  ASSERT_TRUE(info) << info.error().text();
  EXPECT_EQ(segments_of(info->id).at(0).peer_bytes, 0u);
}

// One of larger segments: what is cut as ever stays.
TEST_F(Offer, WhatAnOlderCacheCutOtherwiseIsGone) {
  const auto small = store(version_of("http://a/small", kMinSegment), pattern(kMinSegment));
  const auto other = store(version_of("http://a/other", kMinSegment + 1), pattern(kMinSegment + 1));
  ASSERT_TRUE(small && other);
  close_cache();
  {
    SQLite::Database db(index_path(), SQLite::OPEN_READWRITE);
    EXPECT_EQ(db.exec("DELETE FROM schema_steps WHERE name = 'cache-4'"), 1);
  }
  open_cache();
  EXPECT_TRUE(*read(small->id) == pattern(kMinSegment));
  EXPECT_EQ(get(other->id).error().code, ErrorCode::not_found);
  run_maintenance();
  EXPECT_FALSE(file_exists(other->id));
  expect_consistent();
}

}  // namespace
}  // namespace larder::cache
