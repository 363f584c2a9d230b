// Which bytes may stand for which version, who is told of a record, and what one user's act leaves to others.
#include <SQLiteCpp/SQLiteCpp.h>
#include <gmock/gmock.h>

#include "tests/unit/cache/cache_fixture.h"

namespace larder::cache {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class Permission : public CacheFixture {
 protected:
  static constexpr std::uint32_t kAlice = 1000, kBob = 1001;
  const std::string bytes_ = pattern(kThreeSegments);
  const Version here_ = version_of("http://here/x", kThreeSegments);
  const Version there_ = version_of("http://there/x", kThreeSegments);

  // The first segment only, held by f.
  ContentId begin(const Version& version) {
    auto writer = create(version);
    EXPECT_TRUE(writer);
    const ContentId id = (*writer)->id();
    EXPECT_TRUE(hold(id, "f"));
    EXPECT_TRUE(append_all(**writer, bytes_.substr(0, kMinSegment)));
    EXPECT_TRUE(pump_until([&] { return (*writer)->committed().size() == 1; }));
    return id;
  }
  Status go_on_privately(const ContentId& id, const Version& version, const std::string& holder = "f") {
    return wait<void>([&](auto done) { cache->go_on_privately(id, holder, version, std::move(done)); });
  }
  Status set_aside(const ContentId& id, const Version& version) {
    return wait<void>([&](auto done) { cache->set_aside(id, version, std::move(done)); });
  }
  Status hold_for(const ContentId& id, const std::string& holder, std::uint32_t user, const std::string& url) {
    return wait<void>([&](auto done) { cache->hold(id, Holder(holder, {user, url}), std::move(done)); });
  }
  Status pin(const ContentId& id, bool pinned) {
    return wait<void>([&](auto done) { cache->pin(id, pinned, std::move(done)); });
  }
  std::vector<SegmentInfo> segments_of(const ContentId& id) {
    return wait<std::vector<SegmentInfo>>([&](auto done) { cache->segments(id, std::move(done)); })
        .value_or(std::vector<SegmentInfo>());
  }
  std::vector<ContentInfo> list_for(std::optional<std::uint32_t> user, std::string url = "", std::size_t limit = 100) {
    ListQuery query;
    query.limit = limit;
    query.url_contains = std::move(url);
    query.user = user;
    return wait<std::vector<ContentInfo>>([&](auto done) { cache->list(query, std::move(done)); })
        .value_or(std::vector<ContentInfo>());
  }
  Result<ContentInfo> get_for(const ContentId& id, std::uint32_t user) {
    return wait<ContentInfo>([&](auto done) { cache->get_for(id, user, std::move(done)); });
  }
  std::vector<Offerable> offerable() {
    return wait<std::vector<Offerable>>([&](auto done) { cache->offerable("", 100, std::move(done)); })
        .value_or(std::vector<Offerable>());
  }
};

TEST_F(Permission, WhatGoesOnAtAnotherUrlIsPrivateForGood) {
  const ContentId id = begin(here_);
  EXPECT_THAT(offerable(), SizeIs(1));
  ASSERT_TRUE(go_on_privately(id, there_));
  ASSERT_TRUE(go_on_privately(id, here_)) << "and back again";
  for (const Version& version : {here_, there_}) EXPECT_FALSE(*find(version)) << version.url;
  EXPECT_THAT(offerable(), IsEmpty());
  {
    auto writer = resume(id);
    ASSERT_TRUE(writer);
    EXPECT_FALSE((*writer)->shareable());
    EXPECT_EQ((*writer)->version(), here_) << "the latest";
    ASSERT_TRUE(append_all(**writer, std::string_view(bytes_).substr(kMinSegment), kMinSegment));
    const auto whole = finish(**writer);
    ASSERT_TRUE(whole);
    EXPECT_FALSE(whole->shareable);
  }
  for (const Version& version : {here_, there_}) EXPECT_FALSE(*find(version)) << version.url;
  const auto fresh = store(here_, bytes_);
  ASSERT_TRUE(fresh);
  EXPECT_NE(fresh->id, id) << "nothing shared is merged into it";
  EXPECT_THAT(fresh->versions, ElementsAre(here_)) << "nor does it give its names to what is shared";
  ASSERT_TRUE(release(id, "f"));
  EXPECT_FALSE(file_exists(id)) << "gone with its job";
  expect_consistent();
}

// Equal bytes under two URLs: what was judged under the one is no good edition of the other.
TEST_F(Permission, AVerdictIsOfOneUrl) {
  const auto newest = [this](const std::string& url) {
    return wait<std::optional<ContentInfo>>([&](auto done) { cache->find_newest(url, std::move(done)); });
  };
  const auto judge = [this](const ContentId& id) {
    return wait<void>([&](auto done) { cache->mark_validated(id, std::move(done)); });
  };
  const auto judged = store(here_, bytes_, "f");
  ASSERT_TRUE(judged && judge(judged->id));
  const auto unjudged = store(there_, bytes_, "g");
  ASSERT_TRUE(unjudged);
  EXPECT_NE(unjudged->id, judged->id) << "it does not come under the other's verdict";
  EXPECT_TRUE(*newest(here_.url));
  EXPECT_FALSE(*newest(there_.url));

  const std::string others = pattern(10, 4);
  const auto first = store(version_of("http://here/y", 10), others, "f");
  const auto second = store(version_of("http://there/y", 10), others, "g");
  ASSERT_TRUE(first && second);
  ASSERT_EQ(first->id, second->id) << "one content, not judged yet";
  ASSERT_TRUE(judge(second->id));
  EXPECT_FALSE(*newest("http://here/y"));
  expect_consistent();
}

TEST_F(Permission, AProvenDigestIsANameOnThisMachine) {
  const auto by_digest = [this](std::string_view bytes) {
    return *wait<std::optional<ContentInfo>>(
        [&](auto done) { cache->find_by_sha256(sha256(as_bytes(bytes)), std::move(done)); });
  };
  const auto share = [this](const ContentId& id) {
    return wait<void>([&](auto done) { cache->share_by_digest(id, std::move(done)); });
  };
  const std::string other = pattern(kThreeSegments, 5), unread = pattern(kThreeSegments, 6);
  const Version nameless{"http://here/x", kThreeSegments, {}, {}};
  const auto named = store(nameless, bytes_, "f", false, false);
  const auto with_validator = store(here_, other, "g", false, false);
  const auto without_digest = store({"http://here/y", kThreeSegments, {}, {}}, unread, "h", false, false);
  ASSERT_TRUE(named && with_validator && without_digest);
  for (const auto* record : {&*named, &*with_validator}) {
    ASSERT_TRUE(wait<Digest>([&](auto done) { cache->compute_sha256(record->id, std::move(done)); }));
  }
  EXPECT_FALSE(by_digest(bytes_) && by_digest(bytes_)->shareable);
  for (const auto* record : {&*named, &*with_validator, &*without_digest}) ASSERT_TRUE(share(record->id));
  ASSERT_TRUE(by_digest(bytes_));
  EXPECT_EQ(by_digest(bytes_)->id, named->id);
  EXPECT_TRUE(by_digest(bytes_)->shareable);
  EXPECT_THAT(offerable(), IsEmpty()) << "neighbours ask by version";
  EXPECT_FALSE(get(with_validator->id)->shareable) << "its validator may mean another edition";
  EXPECT_FALSE(get(without_digest->id)->shareable);
  ASSERT_TRUE(release(named->id, "f"));
  EXPECT_TRUE(by_digest(bytes_)) << "it stays as any shared content does";
  expect_consistent();
}

TEST_F(Permission, ContentThatOthersNeedGoesOnAsItIs) {
  const ContentId id = begin(here_);
  ASSERT_TRUE(hold(id, "other"));
  EXPECT_EQ(go_on_privately(id, there_).error().code, ErrorCode::busy);
  ASSERT_TRUE(release(id, "other"));
  {
    auto writer = resume(id);
    ASSERT_TRUE(writer);
    EXPECT_EQ(go_on_privately(id, there_).error().code, ErrorCode::busy) << "it is being written";
  }
  EXPECT_EQ((*find(here_))->id, id);
  EXPECT_FALSE(*find(there_));
  const auto whole = store(version_of("http://here/y", 10), pattern(10, 3), "f");
  ASSERT_TRUE(whole);
  EXPECT_EQ(go_on_privately(whole->id, there_).error().code, ErrorCode::invalid_state);
  EXPECT_TRUE(get(whole->id)->shareable);
  EXPECT_EQ(go_on_privately("none", there_).error().code, ErrorCode::not_found);
}

TEST_F(Permission, SegmentsRememberAsWhatAndOverWhatTheyCame) {
  auto writer = create(here_);
  ASSERT_TRUE(writer);
  ContentWriter& w = **writer;
  ASSERT_TRUE(hold(w.id(), "f"));
  const auto append = [&](ByteRange range, std::optional<Transport> over, Source source = Source::origin) {
    const StreamId stream = w.open_stream(range, source, "f");
    if (over) w.set_transport(stream, *over);
    ASSERT_TRUE(w.append(stream, buffer_of(std::string_view(bytes_).substr(range.offset, range.length))));
    w.close_stream(stream);
  };
  append({0, kMiB}, Transport::https);
  append({kMiB, kMinSegment - kMiB}, Transport::http);
  append({kMinSegment, kMinSegment}, Transport::https);
  append({2 * kMinSegment, kMiB}, std::nullopt, Source::peer);
  ASSERT_TRUE(finish(w));
  const ContentId id = w.id();
  writer->reset();
  reopen_cache();
  const auto segments = segments_of(id);
  ASSERT_THAT(segments, SizeIs(3));
  EXPECT_EQ(segments[0].transport, Transport::http) << "the weakest";
  EXPECT_EQ(segments[1].transport, Transport::https);
  EXPECT_EQ(segments[2].transport, Transport::unknown);
  EXPECT_EQ(segments[0].fetched_as, version_name(here_));
  EXPECT_EQ(segments[1].fetched_as, version_name(here_));
  EXPECT_EQ(segments[2].fetched_as, Digest{});
}

TEST_F(Permission, ANameOfAVersionIsOfThatVersionAlone) {
  const Version version{"http://a/x", 7, "\"e\"", "date"};
  const std::vector<Version> others{{"http://a/y", 7, "\"e\"", "date"},
                                    {"http://a/x", 8, "\"e\"", "date"},
                                    {"http://a/x", std::nullopt, "\"e\"", "date"},
                                    {"http://a/x", 7, "", "\"e\"date"},
                                    {"http://a/x\n3:\"e\"", 7, "", "date"}};
  for (const Version& other : others) EXPECT_NE(version_name(other), version_name(version)) << other.url;
  EXPECT_EQ(version_name(Version(version)), version_name(version));
}

TEST_F(Permission, SegmentsOfASurvivorStayWhatTheyWereFetchedAs) {
  const auto first = store(here_, bytes_, "f");
  const auto second = store(there_, bytes_, "g");
  ASSERT_TRUE(first && second);
  ASSERT_EQ(second->id, first->id);
  for (const SegmentInfo& segment : segments_of(first->id)) EXPECT_EQ(segment.fetched_as, version_name(here_));
}

TEST_F(Permission, WhatIsNotOfferedGetsNoNameInWhatIs) {
  const auto offered = store(here_, bytes_);
  ASSERT_TRUE(offered);
  auto writer = wait<std::unique_ptr<ContentWriter>>(
      [&](auto done) { cache->create({.version = there_, .offered = false}, std::move(done)); });
  ASSERT_TRUE(writer);
  ASSERT_TRUE(append_all(**writer, bytes_));
  const auto quiet = finish(**writer);
  ASSERT_TRUE(quiet);
  EXPECT_NE(quiet->id, offered->id);
  ASSERT_THAT(offerable(), SizeIs(1));
  EXPECT_THAT(offerable()[0].info.versions, ElementsAre(here_));
}

TEST_F(Permission, NamesOfOthersAreNotPushedOutOfARecord) {
  const Version first = version_of("http://here/small", 10);
  const auto info = store(first, pattern(10));
  ASSERT_TRUE(info);
  for (std::size_t i = 0; i < kMaxVersions + 20; ++i) {
    ASSERT_TRUE(store(version_of("http://there/" + std::to_string(i), 10), pattern(10)));
  }
  const auto versions = get(info->id)->versions;
  EXPECT_LE(versions.size(), kMaxVersions);
  EXPECT_THAT(versions, ::testing::Contains(first));
  EXPECT_EQ((*find(first))->id, info->id);
  EXPECT_TRUE(*find(version_of("http://there/" + std::to_string(kMaxVersions + 19), 10))) << "a record of its own";
}

TEST_F(Permission, ARecordSetAsideStaysForThoseWhoHoldItAndWhilePinned) {
  const auto info = store(here_, bytes_, "f");
  ASSERT_TRUE(info && hold(info->id, "g") && pin(info->id, true));
  ASSERT_TRUE(set_aside(info->id, here_));
  EXPECT_FALSE(*find(here_));
  EXPECT_THAT(offerable(), IsEmpty());
  EXPECT_EQ(get(info->id)->state, ContentState::set_aside);
  ASSERT_TRUE(release(info->id, "f"));
  EXPECT_TRUE(*read(info->id) == bytes_);
  reopen_cache();
  run_maintenance();
  EXPECT_TRUE(*read(info->id) == bytes_) << "a start of the agent between";
  ASSERT_TRUE(release(info->id, "g"));
  EXPECT_TRUE(*read(info->id) == bytes_) << "pinned";
  ASSERT_TRUE(pin(info->id, false));
  EXPECT_EQ(get(info->id).error().code, ErrorCode::not_found);
  EXPECT_FALSE(file_exists(info->id));
  expect_consistent();
}

TEST_F(Permission, OneHoldersWordSetsItsOwnContentAsideAlone) {
  const auto own = [this](const ContentId& id, const std::string& holder) {
    return wait<void>([&](auto done) { cache->set_aside_own(id, holder, std::move(done)); });
  };
  const auto mine = store(here_, bytes_, "file-1");  // the fixture fetches on the account of file-1
  ASSERT_TRUE(mine);
  EXPECT_EQ(own(mine->id, "file-2").error().code, ErrorCode::busy) << "fetched for another, who holds it";
  ASSERT_TRUE(hold(mine->id, "other"));
  EXPECT_EQ(own(mine->id, "file-1").error().code, ErrorCode::busy) << "another needs it";
  ASSERT_TRUE(release(mine->id, "other") && pin(mine->id, true));
  EXPECT_EQ(own(mine->id, "file-1").error().code, ErrorCode::busy) << "pinned";
  ASSERT_TRUE(pin(mine->id, false));
  EXPECT_EQ((*find(here_))->id, mine->id);
  ASSERT_TRUE(own(mine->id, "file-1"));
  EXPECT_FALSE(*find(here_));
  EXPECT_TRUE(*read(mine->id) == bytes_) << "for inspection";
  const auto judged = store(there_, bytes_, "file-1");
  ASSERT_TRUE(judged && wait<void>([&](auto done) { cache->mark_validated(judged->id, std::move(done)); }));
  EXPECT_EQ(own(judged->id, "file-1").error().code, ErrorCode::busy) << "somebody has found it good";
}

TEST_F(Permission, BytesThatAreWrongForOneUrlStayRightForTheOther) {
  const auto first = store(here_, bytes_, "f");
  const auto second = store(there_, bytes_, "g");
  ASSERT_TRUE(first && second);
  ASSERT_EQ(second->id, first->id);
  ASSERT_TRUE(set_aside(first->id, there_));
  EXPECT_FALSE(*find(there_));
  EXPECT_EQ((*find(here_))->id, first->id);
  ASSERT_TRUE(set_aside(first->id, here_));
  EXPECT_FALSE(*find(here_));
  EXPECT_TRUE(*read(first->id) == bytes_) << "held";
}

TEST_F(Permission, AUserIsToldOfWhatItAskedForAndOfNobodyElsesUrls) {
  const auto shared = store(here_, bytes_);
  ASSERT_TRUE(shared && hold_for(shared->id, "a", kAlice, here_.url));
  const auto again = store(there_, bytes_);
  ASSERT_TRUE(again && again->id == shared->id && hold_for(shared->id, "b", kBob, there_.url));
  const auto alices = store(version_of("http://here/secret", 10), pattern(10));
  ASSERT_TRUE(alices && hold_for(alices->id, "a", kAlice, "http://here/secret"));
  ASSERT_TRUE(store(version_of("http://nobody/x", 11), pattern(11)));

  EXPECT_THAT(list_for(std::nullopt), SizeIs(3)) << "an administrator sees all";
  EXPECT_THAT(list_for(kAlice), SizeIs(2));
  const auto bobs = list_for(kBob);
  ASSERT_THAT(bobs, SizeIs(1));
  EXPECT_EQ(bobs[0].id, shared->id);
  EXPECT_THAT(bobs[0].versions, ElementsAre(there_));
  EXPECT_THAT(list_for(kBob, "//here"), IsEmpty()) << "a filter does not tell either";
  EXPECT_THAT(list_for(kBob, "//there"), SizeIs(1));
  EXPECT_THAT(list_for(kAlice, "", 1), SizeIs(1)) << "page by page";
  EXPECT_THAT(get_for(shared->id, kBob)->versions, ElementsAre(there_));
  EXPECT_EQ(get_for(alices->id, kBob).error().code, ErrorCode::not_found);
  EXPECT_EQ(get_for("none", kBob).error().code, ErrorCode::not_found);

  for (const char* holder : {"a", "b"}) ASSERT_TRUE(release(shared->id, holder));
  reopen_cache();
  EXPECT_THAT(list_for(kBob), SizeIs(1)) << "as long as there is a record";
  ASSERT_TRUE(wait<void>([&](auto done) { cache->drop(shared->id, std::move(done)); }));
  EXPECT_THAT(list_for(kBob), IsEmpty());
}

TEST_F(Permission, WhoAskedGoesWithWhatIsMergedAndIsBounded) {
  const auto shared = store(here_, bytes_);
  auto writer = create(there_);
  ASSERT_TRUE(shared && writer);
  ASSERT_TRUE(hold_for((*writer)->id(), "b", kBob, there_.url)) << "before there is a record";
  ASSERT_TRUE(append_all(**writer, bytes_));
  ASSERT_TRUE(finish(**writer));
  EXPECT_THAT(list_for(kBob), SizeIs(1));
  for (std::uint32_t user = 0; user < kMaxAskers + 50; ++user) {
    ASSERT_TRUE(hold_for(shared->id, "h", 5000 + user, here_.url));
  }
  SQLite::Database db(settings.state_directory + "/larder.db", SQLite::OPEN_READONLY);
  EXPECT_EQ(db.execAndGet("SELECT count(*) FROM content_users").getInt(), static_cast<int>(kMaxAskers));
}

TEST_F(Permission, OneUserLeavesRoomForOthersWhoAsk) {
  const auto shared = store(here_, bytes_);
  ASSERT_TRUE(shared);
  for (std::size_t i = 0; i < kMaxAskers + 50; ++i) {
    ASSERT_TRUE(hold_for(shared->id, "h", 5000, "http://elsewhere/" + std::to_string(i)));
  }
  ASSERT_TRUE(hold_for(shared->id, "b", kBob, here_.url));
  EXPECT_THAT(list_for(kBob), SizeIs(1)) << "it is not told of what it asked for";
}

// What an older agent kept may be another server's: it stays for its jobs, and is nobody else's.
TEST_F(Permission, WhatAnOlderAgentKeptIsSharedNoMore) {
  const auto held = store(here_, bytes_, "f");
  const auto unheld = store(version_of("http://here/y", 10), pattern(10));
  ASSERT_TRUE(held && unheld);
  close_cache();
  {
    SQLite::Database db(settings.state_directory + "/larder.db", SQLite::OPEN_READWRITE);
    db.exec(
        "DROP TRIGGER contents_removed_users; DROP TABLE content_users;"
        "ALTER TABLE segments DROP COLUMN fetched_as; ALTER TABLE segments DROP COLUMN transport;"
        "DELETE FROM schema_steps WHERE name = 'cache-provenance'");
  }
  loop.advance(std::chrono::hours(1));
  open_cache();
  EXPECT_FALSE(*find(here_));
  EXPECT_THAT(offerable(), IsEmpty());
  EXPECT_TRUE(*read(held->id) == bytes_);
  EXPECT_EQ(segments_of(held->id).at(0).fetched_as, Digest{}) << "attested by nobody";
  run_maintenance();
  EXPECT_TRUE(*read(held->id) == bytes_);
  EXPECT_FALSE(file_exists(unheld->id));
  ASSERT_TRUE(release(held->id, "f"));
  EXPECT_FALSE(file_exists(held->id));
  expect_consistent();
}

}  // namespace
}  // namespace larder::cache
