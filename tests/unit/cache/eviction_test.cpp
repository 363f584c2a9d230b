// Space: eviction by rule, limits, a full disk; and what maintenance finds.
#include <filesystem>
#include <fstream>

#include "tests/unit/cache/cache_fixture.h"

namespace larder::cache {
namespace {

class Eviction : public CacheFixture {
 protected:
  // `count` contents of 1 MiB, each used an hour after the one before.
  std::vector<ContentId> fill(int count) {
    std::vector<ContentId> ids;
    for (int i = 0; i < count; ++i) {
      loop.advance(std::chrono::hours(1));
      const auto info =
          store(version_of("http://a/" + std::to_string(i), kMiB), pattern(kMiB, 50 + static_cast<std::uint64_t>(i)));
      EXPECT_TRUE(info) << info.error().text();
      if (info) ids.push_back(info->id);
    }
    return ids;
  }
  void set_limits(std::uint64_t max_size, std::uint64_t keep_free = 1) {
    settings.max_size = max_size;
    settings.keep_free = keep_free;
    cache->apply(settings);
  }
};

TEST_F(Eviction, TheLeastRecentlyUsedGoesFirst) {
  set_limits(4 * kMiB);
  const auto ids = fill(4);
  loop.advance(std::chrono::hours(1));
  ASSERT_TRUE(open(ids[0]));  // used again
  ASSERT_TRUE(store(version_of("http://b/", kMiB), pattern(kMiB, 1)));
  EXPECT_TRUE(file_exists(ids[0]));
  EXPECT_FALSE(file_exists(ids[1]));
  EXPECT_TRUE(file_exists(ids[2]));
  EXPECT_EQ(figures().evicted, 1u);
  EXPECT_LE(figures().bytes, 4 * kMiB);
  expect_consistent();
}

TEST_F(Eviction, NeverWhatIsPinnedHeldLeasedOrBeingWritten) {
  set_limits(5 * kMiB);
  const auto ids = fill(4);
  ASSERT_TRUE(wait<void>([&](auto done) { cache->pin(ids[0], true, std::move(done)); }));
  ASSERT_TRUE(hold(ids[1], "f"));
  auto lease = open(ids[2]);
  ASSERT_TRUE(lease);
  auto writer = create(version_of("http://w/", kMiB));
  ASSERT_TRUE(writer);
  ASSERT_TRUE(store(version_of("http://b/", kMiB), pattern(kMiB, 1)));
  EXPECT_FALSE(file_exists(ids[3])) << "the only one that may go, though it was used last";
  const auto full = create(version_of("http://c/", 2 * kMiB));
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, ErrorCode::disk_full);
  EXPECT_NE(full.error().text().find("needs 2.00 MiB, 1.00 MiB may be used"), std::string::npos) << full.error().text();
  EXPECT_EQ(figures().evicted, 1u) << "nothing was evicted for what cannot fit anyway";
  lease->reset();
  loop.advance(std::chrono::seconds(2));
  EXPECT_TRUE(create(version_of("http://c/", 2 * kMiB))) << "two may go now";
}

TEST_F(Eviction, KeepsTheFileSystemsReserve) {
  const auto ids = fill(3);
  files.set_space(DiskSpace{100 * kGiB, 10 * kGiB + kMiB / 2});
  settings.keep_free = 0;  // 10 %
  settings.max_size = 0;
  cache->apply(settings);
  loop.advance(std::chrono::seconds(2));
  EXPECT_EQ(figures().keep_free, 10 * kGiB);
  EXPECT_EQ(figures().max_size, 20 * kGiB);
  auto writer = create(version_of("http://b/", kMiB));
  ASSERT_TRUE(writer) << writer.error().text();
  EXPECT_EQ(figures().evicted, 1u);
  const auto full = create(version_of("http://c/", 50 * kMiB));
  ASSERT_FALSE(full);
  EXPECT_NE(full.error().text().find("stay free (cache.keep_free)"), std::string::npos) << full.error().text();
  EXPECT_TRUE(create(version_of("http://d/", 50 * kMiB), false)) << "the job needs it all the same";
}

TEST_F(Eviction, GivesWayToTheUsersData) {
  const auto ids = fill(3);
  cache->start_maintenance();
  files.set_space(DiskSpace{100 * kGiB, 10 * kGiB});
  settings.keep_free = 10 * kGiB + 2 * kMiB;
  cache->apply(settings);
  ASSERT_TRUE(pump_until([&] { return !file_exists(ids[1]); }));
  EXPECT_FALSE(file_exists(ids[0]));
}

TEST_F(Eviction, SmallerLimitsEvictInTheBackground) {
  const auto ids = fill(5);
  set_limits(2 * kMiB);
  ASSERT_TRUE(loop.wait_for([&] { return !file_exists(ids[0]) && !file_exists(ids[1]) && !file_exists(ids[2]); }));
  EXPECT_TRUE(file_exists(ids[4]));
  EXPECT_EQ(figures().bytes, 2 * kMiB);
}

TEST_F(Eviction, TwoAtOnceDoNotTakeTheSameRoom) {
  set_limits(3 * kMiB);
  std::vector<Result<std::unique_ptr<ContentWriter>>> made;
  for (int i = 0; i < 2; ++i) {
    cache->create({.version = version_of("http://a/" + std::to_string(i), 2 * kMiB)},
                  [&](Result<std::unique_ptr<ContentWriter>> writer) { made.push_back(std::move(writer)); });
  }
  ASSERT_TRUE(loop.wait_for([&] { return made.size() == 2; }));
  EXPECT_NE(made[0].has_value(), made[1].has_value());
}

TEST_F(Eviction, AWriterThatGoesGivesItsReservationBack) {
  set_limits(3 * kMiB);
  {
    auto writer = create(version_of("http://a/", 3 * kMiB));
    ASSERT_TRUE(writer);
    EXPECT_FALSE(create(version_of("http://b/", kMiB)));
  }
  loop.run_ready();
  ASSERT_TRUE(pump_until([&] { return create(version_of("http://b/", kMiB)).has_value(); }));
}

TEST_F(Eviction, AFullDiskInTheMiddleEvictsAndGoesOn) {
  const auto ids = fill(2);
  auto writer = create(version_of("http://b/", 3 * kMiB));
  ASSERT_TRUE(writer);
  files.fail_nth(2, ErrorCode::disk_full, test::DiskCall::write);
  ASSERT_TRUE(append_all(**writer, pattern(3 * kMiB, 1)));
  const auto info = finish(**writer);
  ASSERT_TRUE(info) << info.error().text();
  EXPECT_TRUE(files.failed());
  EXPECT_EQ(figures().evicted, 2u);
  EXPECT_TRUE(*read(info->id) == pattern(3 * kMiB, 1));
  expect_consistent();
}

TEST_F(Eviction, AFullDiskWithNothingToEvictSaysWhatIsMissing) {
  auto writer = create(version_of("http://b/", 9 * kMiB));
  ASSERT_TRUE(writer);
  ASSERT_TRUE(hold((*writer)->id(), "f"));
  std::optional<Error> error;
  (*writer)->on_error = [&](const Error& told) { error = told; };
  files.set_budget(6 * kMiB);
  files.set_space(DiskSpace{100 * kGiB, 0});
  static_cast<void>(append_all(**writer, pattern(9 * kMiB, 1)));
  ASSERT_TRUE(loop.wait_for([&] { return error.has_value(); }));
  EXPECT_EQ(error->code, ErrorCode::disk_full);
  EXPECT_NE(error->text().find("may be used: the file system has 0 B available"), std::string::npos) << error->text();
  const ContentId id = (*writer)->id();
  ASSERT_TRUE(loop.wait_for([&] { return !(*writer)->committed().empty(); })) << "what was whole is not lost";
  writer->reset();
  files.heal();
  files.set_space(std::nullopt);
  auto again = resume(id);
  ASSERT_TRUE(again) << again.error().text();
  EXPECT_GE((*again)->committed().size(), 1u);
  again->reset();
  expect_consistent();
}

TEST_F(Eviction, ResumingIsNotRefusedForTheCachesLimits) {
  auto writer = create(version_of("http://b/", 9 * kMiB));
  ASSERT_TRUE(writer);
  const ContentId id = (*writer)->id();
  ASSERT_TRUE(hold(id, "f"));
  ASSERT_TRUE(append_all(**writer, pattern(4 * kMiB, 1)));
  ASSERT_TRUE(loop.wait_for([&] { return !(*writer)->committed().empty(); }));
  writer->reset();
  set_limits(kMiB);
  auto again = resume(id);
  ASSERT_TRUE(again) << again.error().text();
  again->reset();
  ASSERT_TRUE(release(id, "f"));
  EXPECT_FALSE(file_exists(id));
}

class MaintenanceTest : public Eviction {};

TEST_F(MaintenanceTest, RemovesFilesWithoutARecordAndNothingElse) {
  const auto info = store(version_of("http://a/x", 100), pattern(100));
  ASSERT_TRUE(info);
  const ContentId orphan = "ab" + std::string(30, '0');
  const ContentId other_orphan = info->id.substr(0, 2) + std::string(30, '0');
  for (const ContentId& id : {orphan, other_orphan}) {
    std::filesystem::create_directories(std::filesystem::path(path_of(id)).parent_path());
    std::ofstream(path_of(id)) << "x";
  }
  const std::string strange = settings.state_directory + "/contents/" + info->id.substr(0, 2) + "/notes.txt";
  std::ofstream(strange) << "somebody's";
  auto writer = create(version_of("http://a/w", 9 * kMiB));
  ASSERT_TRUE(writer);
  ASSERT_TRUE(append_all(**writer, pattern(kMiB)));
  ASSERT_TRUE(loop.wait_for([&] { return (*writer)->bytes_written() > 0; }));
  run_maintenance();
  EXPECT_FALSE(file_exists(orphan));
  EXPECT_FALSE(file_exists(other_orphan));
  EXPECT_TRUE(file_exists(info->id));
  EXPECT_TRUE(file_exists((*writer)->id())) << "it has no record yet, but a writer";
  EXPECT_TRUE(std::filesystem::exists(strange));
  ASSERT_TRUE(append_all(**writer, pattern(9 * kMiB).substr(kMiB), kMiB));
  EXPECT_TRUE(finish(**writer));
  std::filesystem::remove(strange);
  expect_consistent();
}

TEST_F(MaintenanceTest, DropsRecordsWhoseFileIsMissingOrDiffers) {
  const auto ids = fill(6);
  std::filesystem::remove(path_of(ids[0]));
  std::filesystem::resize_file(path_of(ids[1]), 7);
  std::ofstream(path_of(ids[2]), std::ios::app) << "more";
  auto lease = open(ids[3]);
  ASSERT_TRUE(lease);
  run_maintenance();
  ASSERT_TRUE(pump_until([&] { return figures().dropped_damaged == 3; }));
  EXPECT_EQ(figures().records, 3u);
  expect_consistent();
}

TEST_F(MaintenanceTest, DropsPartialContentsOfAnEarlierRunThatNobodyHolds) {
  ContentId held, unheld;
  for (const bool hold_it : {true, false}) {
    auto writer = create(version_of("http://a/x", 9 * kMiB));
    ASSERT_TRUE(writer);
    (hold_it ? held : unheld) = (*writer)->id();
    if (hold_it) {
      ASSERT_TRUE(hold(held, "f"));
    }
    ASSERT_TRUE(append_all(**writer, pattern(4 * kMiB)));
    ASSERT_TRUE(loop.wait_for([&] { return !(*writer)->committed().empty(); }));
  }
  loop.run_ready();
  reopen_cache();
  loop.advance(std::chrono::seconds(1));
  run_maintenance();
  ASSERT_TRUE(pump_until([&] { return !file_exists(unheld); }));
  EXPECT_TRUE(file_exists(held));
  expect_consistent();
}

TEST_F(MaintenanceTest, OldRecordsGo) {
  const auto ids = fill(3);
  ASSERT_TRUE(wait<void>([&](auto done) { cache->pin(ids[0], true, std::move(done)); }));
  loop.advance(std::chrono::hours(24 * 89));
  ASSERT_TRUE(open(ids[1]));
  loop.advance(std::chrono::hours(24 * 2));
  run_maintenance();
  ASSERT_TRUE(pump_until([&] { return !file_exists(ids[2]); }));
  EXPECT_TRUE(file_exists(ids[0])) << "pinned";
  EXPECT_TRUE(file_exists(ids[1])) << "used since";
  loop.advance(std::chrono::hours(24 * 91));
  // A look that began before the jump may end after it; the next one comes an hour later.
  ASSERT_TRUE(pump_until([&] { return !file_exists(ids[1]); }, std::chrono::minutes(1)))
      << "looked at again from time to time";
  expect_consistent();
}

}  // namespace
}  // namespace larder::cache
