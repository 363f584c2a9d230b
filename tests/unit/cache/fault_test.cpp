// A disk that fails at every place where it can, and one that forgets what was never synced. After each: the cache is
// opened again on the healed disk, and index and bytes must agree in everything.
#include <filesystem>

#include "tests/unit/cache/cache_fixture.h"

namespace larder::cache {
namespace {

using test::DiskCall;

constexpr std::size_t kStep = 1'000'000;  // large, so that the calls that can fail stay few

class FaultTest : public CacheFixture {
 protected:
  // Two contents, one of them in two attempts with several segments; a merge; a drop. What went wrong is no matter.
  void scenario() {
    const std::string large = pattern(kThreeSegments + 5, 1);
    const std::string small = pattern(20'000, 2);
    static_cast<void>(store(version_of("http://a/small", small.size()), small, "f1"));
    ContentId id;
    if (auto writer = create(version_of("http://a/large", large.size()))) {
      id = (*writer)->id();
      static_cast<void>(hold(id, "f2"));
      static_cast<void>(append_all(**writer, std::string_view(large).substr(0, kMinSegment + kMiB), 0, kStep));
    }
    if (auto writer = resume(id)) {
      for (const ByteRange range : (*writer)->missing()) {
        static_cast<void>(
            append_all(**writer, std::string_view(large).substr(range.offset, range.length), range.offset, kStep));
      }
      if (finish(**writer)) ++finished;
    }
    if (const auto equal = store(version_of("http://b/small", small.size()), small, "f3")) {
      static_cast<void>(wait<void>([&, id = equal->id](auto done) { cache->drop(id, std::move(done)); }));
    }
    if (const auto last = store(version_of("http://c/last", 50'000), pattern(50'000, 3), "f4")) {
      static_cast<void>(release(last->id, "f4"));
      stored.emplace_back(last->id, 3);
    }
  }

  // A dead program's threads have come to an end; the disk is as `crash` leaves it.
  void restart_and_check(const std::string& what) {
    SCOPED_TRACE(what);
    files.heal();
    open_cache();
    loop.advance(std::chrono::seconds(1));
    run_maintenance();
    std::vector<std::string> problems;
    const bool well = pump_until_consistent(problems);
    for (const std::string& problem : problems) EXPECT_TRUE(well) << problem;
    for (const auto& [id, seed] : stored) {
      const auto bytes = read(id);
      EXPECT_TRUE(bytes && *bytes == pattern(50'000, seed)) << "what was said to be stored is gone: " << id;
    }
    stored.clear();
  }

  // The last step of maintenance may still be on its way.
  bool pump_until_consistent(std::vector<std::string>& problems) {
    for (int i = 0; i < 50; ++i) {
      problems = test::check_consistency(settings.state_directory);
      if (problems.empty()) return true;
      loop.advance(std::chrono::milliseconds(100));
      static_cast<void>(figures());
    }
    return false;
  }

  void start_afresh() {
    close_cache();
    std::filesystem::remove_all(settings.state_directory);
    std::filesystem::create_directories(settings.state_directory);
    files.forget();
    open_cache();
  }

  void fail_each_call(ErrorCode code, bool short_writes) {
    files.short_writes(short_writes);
    int failures = 0;
    for (std::uint64_t n = 0;; ++n) {
      stored.clear();
      start_afresh();
      files.fail_nth(n, code);
      scenario();
      const bool failed = files.failed();
      close_cache();
      restart_and_check("call " + std::to_string(n) + " failed");
      if (!failed) break;
      ++failures;
      ASSERT_LT(failures, 2000) << "it never comes to an end";
    }
    RecordProperty("failures", failures);
    EXPECT_GT(failures, 30);
  }

  std::vector<std::pair<ContentId, std::uint64_t>> stored;
  int finished = 0;
};

TEST_F(FaultTest, WithoutFaultsTheScenarioSucceeds) {
  scenario();
  EXPECT_EQ(finished, 1);
  EXPECT_EQ(stored.size(), 1u);
  expect_consistent();
}

TEST_F(FaultTest, EachDiskCallFailsOnceWithAnError) {
  fail_each_call(ErrorCode::disk_error, false);
}

TEST_F(FaultTest, EachDiskCallFailsOnceWithAFullDiskAfterAShortWrite) {
  fail_each_call(ErrorCode::disk_full, true);
}

TEST_F(FaultTest, AKindOfCallThatAlwaysFails) {
  for (const DiskCall kind : {DiskCall::write, DiskCall::sync, DiskCall::sync_directory, DiskCall::truncate,
                              DiskCall::open, DiskCall::stat, DiskCall::remove, DiskCall::space}) {
    start_afresh();
    finished = 0;
    files.fail_all(ErrorCode::disk_error, kind);
    scenario();
    EXPECT_TRUE(files.failed()) << static_cast<int>(kind);
    if (kind != DiskCall::remove) {
      EXPECT_EQ(finished, 0) << static_cast<int>(kind);
    }
    close_cache();
    restart_and_check("kind " + std::to_string(static_cast<int>(kind)));
  }
}

TEST_F(FaultTest, ASyncThatFailsCommitsNothingOfThatFile) {
  files.fail_all(ErrorCode::disk_error, DiskCall::sync);
  auto writer = create(version_of("http://a/x", kThreeSegments));
  ASSERT_TRUE(writer);
  std::optional<Error> error;
  (*writer)->on_error = [&](const Error& told) { error = told; };
  static_cast<void>(append_all(**writer, pattern(kThreeSegments)));
  ASSERT_TRUE(loop.wait_for([&] { return error.has_value(); }));
  EXPECT_EQ(error->code, ErrorCode::disk_error);
  EXPECT_TRUE((*writer)->committed().empty());
  writer->reset();
  files.heal();
  ASSERT_TRUE(loop.wait_for([&] { return files_on_disk() == 0; }));
  expect_consistent();
}

// At a random moment the program dies and the machine loses what was not synced; at most the segments in flight.
TEST_F(FaultTest, LostUnsyncedWritesAtRandomPoints) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    start_afresh();
    const auto random = make_seeded_random(seed);
    const std::string bytes = pattern(17 * kMiB, seed);
    std::vector<std::uint64_t> told;
    ContentId id;
    {
      auto writer = create(version_of("http://a/x", bytes.size()));
      ASSERT_TRUE(writer);
      id = (*writer)->id();
      ASSERT_TRUE(hold(id, "f"));
      (*writer)->on_segment = [&](const SegmentInfo& segment) { told.push_back(segment.index); };
      const StreamId stream = (*writer)->open_stream({0, bytes.size()}, Source::origin, "f");
      const std::uint64_t death = random->below(bytes.size() / 100'000 + 8);
      std::uint64_t step = 0;
      for (std::size_t at = 0; at < bytes.size() && step < death; at += 100'000, ++step) {
        static_cast<void>((*writer)->append(stream, buffer_of(std::string_view(bytes).substr(at, 100'000))));
        ASSERT_TRUE(loop.wait_for([&] { return (*writer)->queued() < ContentWriter::kLowWater; }));
        if (random->below(8) == 0) loop.run_ready();
      }
      if (step < death) (*writer)->finish_content(false, [](Result<ContentInfo>) {});
      files.die();
    }
    close_cache();
    files.crash(seed % 4 == 0 ? nullptr : random.get());
    restart_and_check("seed " + std::to_string(seed));
    if (told.empty()) continue;
    const auto segments = wait<std::vector<SegmentInfo>>([&](auto done) { cache->segments(id, std::move(done)); });
    ASSERT_TRUE(segments) << "seed " << seed << ": " << segments.error().text();
    for (const std::uint64_t index : told) {
      EXPECT_TRUE(std::any_of(segments->begin(), segments->end(),
                              [&](const SegmentInfo& segment) { return segment.index == index; }))
          << "seed " << seed << ": segment " << index << " was committed and is lost";
    }
  }
}

TEST_F(FaultTest, ManySmallContentsAndACrash) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    start_afresh();
    const auto random = make_seeded_random(seed);
    const std::uint64_t death = random->below(60);
    std::uint64_t done = 0;
    {
      std::vector<std::unique_ptr<ContentWriter>> writers;
      for (std::uint64_t i = 0; i < 60; ++i) {
        auto writer = create(version_of("http://a/" + std::to_string(i), 50'000));
        ASSERT_TRUE(writer);
        const StreamId stream = (*writer)->open_stream({0, 50'000}, Source::origin, "f");
        ASSERT_TRUE((*writer)->append(stream, buffer_of(pattern(50'000, 1000 + i))));
        (*writer)->finish_content(false, [&, i](Result<ContentInfo> info) {
          if (!info) return;
          ++done;
          stored.emplace_back(info->id, 1000 + i);
        });
        writers.push_back(std::move(*writer));
      }
      ASSERT_TRUE(loop.wait_for([&] { return done >= death; }));
      files.die();
    }
    close_cache();
    files.crash(random.get());
    restart_and_check("seed " + std::to_string(seed));
  }
}

}  // namespace
}  // namespace larder::cache
