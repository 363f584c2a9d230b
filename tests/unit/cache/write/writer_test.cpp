// Writers: whatever way bytes come, what is there in the end, and what is gone on with.
#include <filesystem>

#include "base/hash/merkle.h"
#include "cache/record/segments.h"
#include "tests/unit/cache/cache_fixture.h"

namespace larder::cache {
namespace {

class Writer : public CacheFixture {};

Digest root_of(std::string_view bytes) {
  std::vector<Digest> leaves(block_count(bytes.size()));
  hash_blocks(as_bytes(bytes), leaves);
  return content_root(leaves);
}

TEST_F(Writer, EverySizeAtTheEdges) {
  std::uint64_t seed = 0;
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, kBlockSize - 1, kBlockSize, kBlockSize + 1,
                                 kMinSegment - 1, kMinSegment, kMinSegment + 1, 2 * kMinSegment, kThreeSegments + 77}) {
    const std::string bytes = pattern(size, ++seed);
    const auto info = store(version_of("http://a/" + std::to_string(size), size), bytes);
    ASSERT_TRUE(info) << size << ": " << info.error().text();
    EXPECT_EQ(info->state, ContentState::complete);
    EXPECT_EQ(info->size, size);
    EXPECT_EQ(info->bytes_held, size);
    EXPECT_EQ(info->root, root_of(bytes)) << size;
    const auto back = read(info->id);
    ASSERT_TRUE(back) << back.error().text();
    EXPECT_TRUE(*back == bytes) << size;
  }
  expect_consistent();
}

TEST_F(Writer, BlocksOutOfOrderFromSeveralStreams) {
  const std::string bytes = pattern(kThreeSegments + 5);
  auto writer = create(version_of("http://a/x", bytes.size()));
  ASSERT_TRUE(writer);
  ContentWriter& w = **writer;
  const StreamId late = w.open_stream({kMinSegment + kMiB, UINT64_MAX}, Source::origin, "late");
  const StreamId early = w.open_stream({0, kMinSegment + kMiB}, Source::peer, "early");
  EXPECT_TRUE(w.missing().empty()) << "all of it is in open streams";
  const std::string_view view(bytes);
  std::size_t at_late = kMinSegment + kMiB, at_early = 0;
  while (at_late < bytes.size() || at_early < kMinSegment + kMiB) {
    if (at_late < bytes.size()) {
      ASSERT_TRUE(w.append(late, buffer_of(view.substr(at_late, 50'000))));
      at_late += std::min<std::size_t>(50'000, bytes.size() - at_late);
    }
    if (at_early < kMinSegment + kMiB) {
      const std::size_t step = std::min<std::size_t>(33'333, kMinSegment + kMiB - at_early);
      ASSERT_TRUE(w.append(early, buffer_of(view.substr(at_early, step))));
      at_early += step;
    }
    loop.run_ready();
  }
  w.close_stream(late);
  w.close_stream(early);
  const auto info = finish(w, true);
  ASSERT_TRUE(info) << info.error().text();
  EXPECT_EQ(info->root, root_of(bytes));
  EXPECT_EQ(info->sha256, sha256(as_bytes(bytes))) << "read once, since the bytes did not come in order";
  ASSERT_EQ(w.committed().size(), 3u);
  EXPECT_EQ(w.committed()[0].source, Source::peer);
  EXPECT_EQ(w.committed()[0].fetched_for, "early");
  EXPECT_EQ(w.committed()[2].source, Source::origin);
  EXPECT_EQ(w.bytes_written(), bytes.size());
  expect_consistent();
}

TEST_F(Writer, Sha256OnTheWay) {
  const std::string bytes = pattern(3 * kMiB + 100);
  auto writer = wait<std::unique_ptr<ContentWriter>>([&](auto done) {
    cache->create({.version = version_of("http://a/x", bytes.size()), .want_sha256 = true}, std::move(done));
  });
  ASSERT_TRUE(writer);
  ASSERT_TRUE(append_all(**writer, bytes));
  const std::uint64_t reads = files.calls(test::DiskCall::read);
  const auto info = finish(**writer, true);
  ASSERT_TRUE(info);
  EXPECT_EQ(info->sha256, sha256(as_bytes(bytes)));
  EXPECT_EQ(files.calls(test::DiskCall::read), reads) << "nothing was read again";
  EXPECT_EQ((*writer)->queued(), 0u);
}

TEST_F(Writer, SmallContentsHaveTheirSha256AtNoCost) {
  const auto one = store(version_of("http://a/1", 100), pattern(100));
  ASSERT_TRUE(one);
  EXPECT_EQ(one->sha256, sha256(as_bytes(pattern(100))));
  const auto none = store(version_of("http://a/0", 0), "");
  ASSERT_TRUE(none);
  EXPECT_EQ(none->sha256, sha256({}));
}

TEST_F(Writer, APartialBlockAtAStreamsEndIsMissingAgain) {
  const std::string bytes = pattern(3 * kBlockSize);
  auto writer = create(version_of("http://a/x", bytes.size()));
  ASSERT_TRUE(writer);
  ContentWriter& w = **writer;
  const StreamId stream = w.open_stream({0, bytes.size()}, Source::origin, "f");
  ASSERT_TRUE(w.append(stream, buffer_of(std::string_view(bytes).substr(0, kBlockSize + 100))));
  w.close_stream(stream);
  EXPECT_EQ(w.missing(), (std::vector<ByteRange>{{kBlockSize, 2 * kBlockSize}}));
  const auto refused = finish(w);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::invalid_state);
  EXPECT_NE(refused.error().text().find("32768 bytes of it are missing"), std::string::npos);
  ASSERT_TRUE(append_all(w, std::string_view(bytes).substr(kBlockSize), kBlockSize));
  EXPECT_TRUE(finish(w));
  expect_consistent();
}

TEST_F(Writer, RefusesBytesBeyondTheEnd) {
  auto writer = create(version_of("http://a/x", 100));
  ASSERT_TRUE(writer);
  ContentWriter& w = **writer;
  const StreamId stream = w.open_stream({0, 1000}, Source::origin, "f");
  const Status refused = w.append(stream, buffer_of(pattern(101)));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::too_large);
  const StreamId narrow = w.open_stream({0, 10}, Source::origin, "f");
  EXPECT_EQ(w.append(narrow, buffer_of(pattern(11))).error().code, ErrorCode::too_large);
  const StreamId crooked = w.open_stream({7, 10}, Source::origin, "f");
  EXPECT_EQ(w.append(crooked, buffer_of(pattern(1))).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(w.append(99, buffer_of(pattern(1))).error().code, ErrorCode::invalid_state);
}

TEST_F(Writer, BlocksThatComeTwiceAreWrittenOnce) {
  const std::string bytes = pattern(kMiB);
  auto writer = create(version_of("http://a/x", bytes.size()));
  ASSERT_TRUE(writer);
  ContentWriter& w = **writer;
  ASSERT_TRUE(append_all(w, std::string_view(bytes).substr(0, kMiB / 2)));
  ASSERT_TRUE(append_all(w, bytes));
  EXPECT_TRUE(finish(w));
  EXPECT_EQ(w.bytes_written(), bytes.size());
  EXPECT_EQ(w.queued(), 0u);
  expect_consistent();
}

TEST_F(Writer, UnknownSize) {
  std::uint64_t seed = 10;
  for (const std::size_t size : {std::size_t{0}, std::size_t{5}, kBlockSize, kMinSegment, kMinSegment + kMiB + 9}) {
    const std::string bytes = pattern(size, ++seed);
    auto writer = create(version_of("http://a/" + std::to_string(size), std::nullopt));
    ASSERT_TRUE(writer);
    ContentWriter& w = **writer;
    EXPECT_FALSE(w.size());
    EXPECT_EQ(w.missing(), (std::vector<ByteRange>{{0, UINT64_MAX}}));
    const StreamId stream = w.open_stream({0, UINT64_MAX}, Source::origin, "f");
    for (std::size_t at = 0; at < size; at += 70'000) {
      ASSERT_TRUE(w.append(stream, buffer_of(std::string_view(bytes).substr(at, 70'000))));
    }
    const auto early = finish(w);
    ASSERT_FALSE(early);
    EXPECT_EQ(early.error().code, ErrorCode::invalid_state) << "its end is not known";
    if (seed % 2 == 0) w.close_stream(stream);  // both orders are usual
    w.set_end(size);
    if (seed % 2 != 0) w.close_stream(stream);
    const auto info = finish(w, true);
    ASSERT_TRUE(info) << size << ": " << info.error().text();
    EXPECT_EQ(info->size, size);
    EXPECT_EQ(info->root, root_of(bytes));
    EXPECT_EQ(info->sha256, sha256(as_bytes(bytes)));
    EXPECT_EQ(w.committed().size(), SegmentLayout(size).count());
    EXPECT_TRUE(*read(info->id) == bytes);
  }
  expect_consistent();
}

TEST_F(Writer, UnknownSizeThatDoesNotMatchItsEnd) {
  auto writer = create(version_of("http://a/x", std::nullopt));
  ASSERT_TRUE(writer);
  ASSERT_TRUE(append_all(**writer, pattern(40'000)));
  (*writer)->set_end(30'000);
  EXPECT_FALSE(finish(**writer));
}

TEST_F(Writer, BackPressureIsCalledOffWhenItFalls) {
  const std::string bytes = pattern(12 * kMiB);
  auto writer = create(version_of("http://a/x", bytes.size()));
  ASSERT_TRUE(writer);
  ContentWriter& w = **writer;
  int drained = 0;
  w.on_drained = [&] { ++drained; };
  const StreamId stream = w.open_stream({0, bytes.size()}, Source::origin, "f");
  std::size_t at = 0;
  while (w.queued() < ContentWriter::kHighWater) {
    ASSERT_TRUE(w.append(stream, buffer_of(std::string_view(bytes).substr(at, 256 * kKiB))));
    at += 256 * kKiB;
  }
  EXPECT_EQ(drained, 0);
  ASSERT_TRUE(loop.wait_for([&] { return drained > 0; }));
  EXPECT_LT(w.queued(), ContentWriter::kLowWater);
  EXPECT_EQ(drained, 1);
}

TEST_F(Writer, TellsOfEachSegmentOnceItIsDurable) {
  const std::string bytes = pattern(kThreeSegments);
  auto writer = create(version_of("http://a/x", bytes.size()));
  ASSERT_TRUE(writer);
  std::vector<std::uint64_t> told;
  (*writer)->on_segment = [&](const SegmentInfo& segment) { told.push_back(segment.index); };
  ASSERT_TRUE(append_all(**writer, std::string_view(bytes).substr(0, kMinSegment)));
  ASSERT_TRUE(loop.wait_for([&] { return told.size() == 1; })) << "long before the end";
  ASSERT_TRUE(append_all(**writer, std::string_view(bytes).substr(kMinSegment), kMinSegment));
  ASSERT_TRUE(finish(**writer));
  EXPECT_EQ(told.size(), 3u);
}

TEST_F(Writer, GoesOnWithWhatWasCommitted) {
  const std::string bytes = pattern(kThreeSegments + 3);
  const Version version = version_of("http://a/x", bytes.size());
  auto writer = create(version);
  ASSERT_TRUE(writer);
  const ContentId id = (*writer)->id();
  ASSERT_TRUE(hold(id, "file-1"));
  ASSERT_TRUE(append_all(**writer, std::string_view(bytes).substr(kMinSegment, kMinSegment + kMiB), kMinSegment));
  ASSERT_TRUE(loop.wait_for([&] { return (*writer)->committed().size() == 1; }));
  writer->reset();
  ASSERT_TRUE(loop.wait_for([&] { return true; }));
  reopen_cache();

  const auto found = find(version);
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->id, id);
  EXPECT_EQ((*found)->state, ContentState::partial);
  EXPECT_EQ((*found)->bytes_held, kMinSegment);
  auto again = resume(id);
  ASSERT_TRUE(again) << again.error().text();
  ASSERT_EQ((*again)->committed().size(), 1u);
  EXPECT_EQ((*again)->committed()[0].index, 1u);
  EXPECT_EQ((*again)->missing(), (std::vector<ByteRange>{{0, kMinSegment}, {2 * kMinSegment, kMiB + 3}}));
  EXPECT_EQ(resume(id).error().code, ErrorCode::busy) << "one writer at a time";
  for (const ByteRange range : (*again)->missing()) {
    ASSERT_TRUE(append_all(**again, std::string_view(bytes).substr(range.offset, range.length), range.offset));
  }
  const auto info = finish(**again, true);
  ASSERT_TRUE(info) << info.error().text();
  EXPECT_EQ(info->root, root_of(bytes));
  EXPECT_EQ(info->sha256, sha256(as_bytes(bytes)));
  EXPECT_TRUE(*read(id) == bytes);
  expect_consistent();
}

TEST_F(Writer, ResumesRightAfterItsWriterWentWithSegmentsStillOnTheirWay) {
  const std::string bytes = pattern(kThreeSegments);
  auto writer = create(version_of("http://a/x", bytes.size()));
  ASSERT_TRUE(writer);
  const ContentId id = (*writer)->id();
  ASSERT_TRUE(hold(id, "file-1"));
  ASSERT_TRUE(append_all(**writer, std::string_view(bytes).substr(0, 2 * kMinSegment)));
  writer->reset();  // two whole segments are being hashed and synced
  auto again = resume(id);
  ASSERT_TRUE(again) << again.error().text();
  EXPECT_EQ((*again)->committed().size(), 2u);
  ASSERT_TRUE(append_all(**again, std::string_view(bytes).substr(2 * kMinSegment), 2 * kMinSegment));
  EXPECT_TRUE(finish(**again));
  expect_consistent();
}

TEST_F(Writer, AllCommittedButNotFinished) {
  const std::string bytes = pattern(100);
  auto writer = create(version_of("http://a/x", bytes.size()));
  ASSERT_TRUE(writer);
  const ContentId id = (*writer)->id();
  ASSERT_TRUE(hold(id, "file-1"));
  ASSERT_TRUE(append_all(**writer, bytes));
  ASSERT_TRUE(loop.wait_for([&] { return (*writer)->committed().size() == 1; }));
  writer->reset();
  reopen_cache();
  auto again = resume(id);
  ASSERT_TRUE(again);
  EXPECT_TRUE((*again)->missing().empty());
  EXPECT_TRUE(finish(**again));
  EXPECT_TRUE(*read(id) == bytes);
  expect_consistent();
}

TEST_F(Writer, NothingCommittedLeavesNothing) {
  auto writer = create(version_of("http://a/x", kThreeSegments));
  ASSERT_TRUE(writer);
  const ContentId id = (*writer)->id();
  ASSERT_TRUE(append_all(**writer, pattern(kMiB)));
  ASSERT_TRUE(loop.wait_for([&] { return (*writer)->bytes_written() > 0; }));
  EXPECT_TRUE(file_exists(id));
  writer->reset();
  ASSERT_TRUE(loop.wait_for([&] { return !file_exists(id); }));
  // The disk thread has removed it; that this is known here comes after.
  ASSERT_TRUE(loop.wait_for([&] { return !get(id); }));
  EXPECT_EQ(get(id).error().code, ErrorCode::not_found);
  EXPECT_EQ(figures().records, 0u);
}

TEST_F(Writer, OutlivesItsCache) {
  auto writer = create(version_of("http://a/x", kThreeSegments));
  ASSERT_TRUE(writer);
  ASSERT_TRUE(append_all(**writer, pattern(kMiB)));
  close_cache();
  EXPECT_FALSE((*writer)->append((*writer)->open_stream({kMiB, kMiB}, Source::origin, "f"), buffer_of("x")));
  writer->reset();
  loop.run_ready();
  open_cache();
}

TEST_F(Writer, ManySmallContentsAreSyncedTogether) {
  std::vector<std::unique_ptr<ContentWriter>> writers;
  std::size_t done = 0;
  const std::string bytes = pattern(10 * kKiB);
  for (std::size_t i = 0; i < 200; ++i) {
    auto writer = create(version_of("http://a/" + std::to_string(i), bytes.size()));
    ASSERT_TRUE(writer);
    writers.push_back(std::move(*writer));
  }
  for (std::size_t i = 0; i < 200; ++i) {
    std::string own = bytes;
    own[0] = static_cast<char>(i);
    const StreamId stream = writers[i]->open_stream({0, own.size()}, Source::origin, "f");
    ASSERT_TRUE(writers[i]->append(stream, buffer_of(own)));
    writers[i]->finish_content(false, [&](Result<ContentInfo> info) {
      EXPECT_TRUE(info);
      ++done;
    });
  }
  ASSERT_TRUE(loop.wait_for([&] { return done == 200; }));
  EXPECT_GT(files.calls(test::DiskCall::sync_all), 0u);
  EXPECT_LT(files.calls(test::DiskCall::sync), 200u);
  EXPECT_EQ(figures().records, 200u);
  expect_consistent();
}

}  // namespace
}  // namespace larder::cache
