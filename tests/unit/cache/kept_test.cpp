// What a writer had of unfinished segments is there for the next one, and never for anybody else.
#include "cache/record/segments.h"
#include "tests/unit/cache/cache_fixture.h"

namespace larder::cache {
namespace {

class Kept : public CacheFixture {
 protected:
  // Writes `bytes` of the content from `offset` on, as far as they are whole blocks, and leaves them for the next.
  void leave(std::unique_ptr<ContentWriter> writer, std::string_view bytes, std::uint64_t offset) {
    ASSERT_TRUE(append_all(*writer, bytes, offset));
    EXPECT_TRUE(writer->keep_unfinished());
  }
  Cache::Known known(const std::string& holder) {
    auto known = wait<Cache::Known>([&](auto done) { cache->find_known("http://a/x", holder, std::move(done)); });
    EXPECT_TRUE(known);
    return known ? *known : Cache::Known{};
  }

  const std::string bytes_ = pattern(kThreeSegments + 3);
  const Version version_ = version_of("http://a/x", kThreeSegments + 3);
};

TEST_F(Kept, AFileWhoseFirstSegmentIsNeverWholeInOneAttempt) {
  auto writer = create(version_);
  ASSERT_TRUE(writer);
  const ContentId id = (*writer)->id();
  ASSERT_TRUE(hold(id, "file-1"));
  std::uint64_t at = 0;
  constexpr std::size_t kStep = 700'000;
  for (int attempt = 0; at < bytes_.size(); ++attempt) {
    ASSERT_LT(attempt, 20);
    const std::string_view part = std::string_view(bytes_).substr(at, kStep);
    if (at + part.size() == bytes_.size()) break;
    leave(std::move(*writer), part, at);
    const Cache::Known now = known("file-1");
    ASSERT_EQ(now.own_contents.size(), 1U) << "its holder is told of it, though nothing is committed";
    EXPECT_TRUE(now.url);
    EXPECT_EQ(now.own_contents[0].id, id);
    EXPECT_EQ(now.own_contents[0].versions, std::vector{version_});
    EXPECT_TRUE(known("file-2").own_contents.empty());
    writer = resume(id);
    ASSERT_TRUE(writer) << writer.error().text();
    const auto missing = (*writer)->missing();
    ASSERT_EQ(missing.size(), 1U);
    EXPECT_EQ(missing[0].offset, (at + part.size()) / kBlockSize * kBlockSize) << "less than a block is lost";
    EXPECT_EQ(resume(id).error().code, ErrorCode::busy) << "one writer at a time";
    at = missing[0].offset;
    std::uint64_t committed = 0;
    for (const SegmentInfo& segment : (*writer)->committed()) committed += segment.range.length;
    EXPECT_EQ((*writer)->unfinished().bytes, at - committed);
  }
  ASSERT_TRUE(append_all(**writer, std::string_view(bytes_).substr(at), at));
  const auto info = finish(**writer, true);
  ASSERT_TRUE(info) << info.error().text();
  EXPECT_EQ(info->sha256, sha256(as_bytes(bytes_)));
  EXPECT_TRUE(*read(id) == bytes_);
  writer->reset();
  expect_consistent();
}

TEST_F(Kept, WithoutASegmentItIsForNobodyElse) {
  auto writer = create(version_);
  ASSERT_TRUE(writer);
  const ContentId id = (*writer)->id();
  ASSERT_TRUE(hold(id, "file-1"));
  leave(std::move(*writer), std::string_view(bytes_).substr(0, kMiB), 0);
  const auto found = find(version_);
  ASSERT_TRUE(found);
  EXPECT_FALSE(*found);
  EXPECT_EQ(figures().records, 0U);
  ASSERT_TRUE(release(id, "file-1"));
  EXPECT_TRUE(pump_until([&] { return !file_exists(id); }));
  EXPECT_FALSE(resume(id));
}

TEST_F(Kept, WhatNobodyHoldsGoes) {
  auto writer = create(version_);
  ASSERT_TRUE(writer);
  const ContentId id = (*writer)->id();
  leave(std::move(*writer), std::string_view(bytes_).substr(0, kMiB), 0);
  EXPECT_TRUE(pump_until([&] { return !file_exists(id); }));
}

TEST_F(Kept, GoesAfterAWhileAndTheCommittedStays) {
  auto writer = create(version_);
  ASSERT_TRUE(writer);
  const ContentId id = (*writer)->id();
  ASSERT_TRUE(hold(id, "file-1"));
  ASSERT_TRUE(append_all(**writer, std::string_view(bytes_).substr(0, kMinSegment)));
  ASSERT_TRUE(loop.wait_for([&] { return (*writer)->committed().size() == 1; }));
  leave(std::move(*writer), std::string_view(bytes_).substr(kMinSegment, kMiB), kMinSegment);
  (void)known("file-1");  // by then it is kept
  run_maintenance();      // which looks at it now and then
  loop.advance(Cache::kKeptFor);
  ASSERT_TRUE(pump_until([&] { return true; }));
  auto again = resume(id);
  ASSERT_TRUE(again) << again.error().text();
  EXPECT_EQ((*again)->unfinished().bytes, 0U);
  EXPECT_EQ((*again)->missing(), (std::vector<ByteRange>{{kMinSegment, bytes_.size() - kMinSegment}}));
}

TEST_F(Kept, ARestartForgetsIt) {
  auto writer = create(version_);
  ASSERT_TRUE(writer);
  const ContentId id = (*writer)->id();
  ASSERT_TRUE(hold(id, "file-1"));
  leave(std::move(*writer), std::string_view(bytes_).substr(0, kMiB), 0);
  reopen_cache();
  EXPECT_FALSE(resume(id));
  run_maintenance();
  EXPECT_FALSE(file_exists(id));
  expect_consistent();
}

TEST_F(Kept, SoManyAtTheMost) {
  std::vector<ContentId> ids;
  for (std::size_t i = 0; i < Cache::kMaxKept + 3; ++i) {
    auto writer = create(version_of("http://a/" + std::to_string(i), kThreeSegments));
    ASSERT_TRUE(writer);
    ids.push_back((*writer)->id());
    ASSERT_TRUE(hold(ids.back(), "file-" + std::to_string(i)));
    leave(std::move(*writer), std::string_view(bytes_).substr(0, kBlockSize), 0);
    ASSERT_TRUE(pump_until([&] { return file_exists(ids.back()); }));
    (void)known("file-" + std::to_string(i));
    loop.advance(std::chrono::seconds(1));
  }
  EXPECT_TRUE(pump_until([&] { return files_on_disk() == Cache::kMaxKept; })) << files_on_disk();
  EXPECT_FALSE(file_exists(ids.front())) << "the oldest goes";
  EXPECT_TRUE(file_exists(ids.back()));
}

TEST_F(Kept, AFileThatWasChangedMeanwhileIsNotTrusted) {
  auto writer = create(version_);
  ASSERT_TRUE(writer);
  const ContentId id = (*writer)->id();
  ASSERT_TRUE(hold(id, "file-1"));
  ASSERT_TRUE(append_all(**writer, std::string_view(bytes_).substr(0, kMinSegment)));
  ASSERT_TRUE(loop.wait_for([&] { return (*writer)->committed().size() == 1; }));
  leave(std::move(*writer), std::string_view(bytes_).substr(kMinSegment, kMiB), kMinSegment);
  (void)known("file-1");
  ASSERT_TRUE(real->remove(path_of(id)));
  EXPECT_EQ(resume(id).error().code, ErrorCode::content_damaged);
}

TEST_F(Kept, AsAnotherVersionOnlyWhatIsCommittedGoesOn) {
  auto writer = create(version_);
  ASSERT_TRUE(writer);
  const ContentId id = (*writer)->id();
  ASSERT_TRUE(hold(id, "file-1"));
  ASSERT_TRUE(append_all(**writer, std::string_view(bytes_).substr(0, kMinSegment)));
  ASSERT_TRUE(loop.wait_for([&] { return (*writer)->committed().size() == 1; }));
  leave(std::move(*writer), std::string_view(bytes_).substr(kMinSegment, kMiB), kMinSegment);
  const Version elsewhere = version_of("http://b/x", bytes_.size());
  const auto private_now =
      wait<void>([&](auto done) { cache->go_on_privately(id, "file-1", elsewhere, std::move(done)); });
  ASSERT_TRUE(private_now) << private_now.error().text();
  auto again = resume(id);
  ASSERT_TRUE(again);
  EXPECT_EQ((*again)->version(), elsewhere);
  EXPECT_EQ((*again)->unfinished().bytes, 0U);
}

TEST_F(Kept, WhatIsNotSaidToBeKeptIsNot) {
  auto writer = create(version_);
  ASSERT_TRUE(writer);
  const ContentId id = (*writer)->id();
  ASSERT_TRUE(hold(id, "file-1"));
  ASSERT_TRUE(append_all(**writer, std::string_view(bytes_).substr(0, kMiB)));
  writer->reset();
  EXPECT_TRUE(pump_until([&] { return !file_exists(id); }));
}

}  // namespace
}  // namespace larder::cache
