// Records: finding, merging, holds, leases, pins, removal, listing.
#include "cache/cache.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "tests/unit/cache/cache_fixture.h"

namespace larder::cache {
namespace {

class CacheTest : public CacheFixture {
 protected:
  // As the version that it has.
  Status set_aside(const ContentId& id) {
    return wait<void>([&](auto done) { cache->set_aside(id, get(id)->versions.front(), std::move(done)); });
  }
  Status validate(const ContentId& id) {
    return wait<void>([&](auto done) { cache->mark_validated(id, std::move(done)); });
  }
  Status drop(const ContentId& id) {
    return wait<void>([&](auto done) { cache->drop(id, std::move(done)); });
  }
  Status remove(const ContentId& id) {
    return wait<void>([&](auto done) { cache->remove(id, std::move(done)); });
  }
  Status pin(const ContentId& id, bool pinned) {
    return wait<void>([&](auto done) { cache->pin(id, pinned, std::move(done)); });
  }
  Cache::Known known(const std::string& url, const std::string& holder) {
    auto result = wait<Cache::Known>([&](auto done) { cache->find_known(url, holder, std::move(done)); });
    EXPECT_TRUE(result);
    return result ? *result : Cache::Known{};
  }
  std::vector<ContentInfo> list(ListQuery query) {
    auto result = wait<std::vector<ContentInfo>>([&](auto done) { cache->list(query, std::move(done)); });
    EXPECT_TRUE(result);
    return result ? *result : std::vector<ContentInfo>{};
  }
};

TEST_F(CacheTest, FindsExactlyTheVersion) {
  const Version version = {"http://a/x", 10, "\"e\"", "Mon, 01 Jan 2024 00:00:00 GMT"};
  const auto stored = store(version, pattern(10));
  ASSERT_TRUE(stored);
  EXPECT_EQ((*find(version))->id, stored->id);
  Version other = version;
  other.etag = "\"f\"";
  EXPECT_FALSE(*find(other));
  other = version;
  other.size = 11;
  EXPECT_FALSE(*find(other));
  other = version;
  other.size.reset();
  EXPECT_FALSE(*find(other));
  other = version;
  other.last_modified = "";
  EXPECT_FALSE(*find(other));
  other = version;
  other.url = "http://a/y";
  EXPECT_FALSE(*find(other));
  ASSERT_EQ(get(stored->id)->versions.size(), 1u);
  EXPECT_EQ(get(stored->id)->versions[0], version);
}

TEST_F(CacheTest, WithoutValidatorNothingIsFound) {
  const Version version = {"http://a/x", 10, "", ""};
  const auto stored = store(version, pattern(10));
  ASSERT_TRUE(stored);
  EXPECT_FALSE(stored->shareable);
  EXPECT_FALSE(*find(version));
}

TEST_F(CacheTest, WhatIsNotShareableIsNotFoundByOthersButByItsHolder) {
  const Version version = version_of("http://a/x", 10);
  const auto stored = store(version, pattern(10), "file-1", true, false);
  ASSERT_TRUE(stored);
  EXPECT_FALSE(*find(version));
  const Cache::Known mine = known("http://a/x", "file-1");
  EXPECT_TRUE(mine.url);
  ASSERT_EQ(mine.own_contents.size(), 1u);
  EXPECT_EQ(mine.own_contents[0].id, stored->id);
  EXPECT_TRUE(known("http://a/x", "file-2").own_contents.empty());
  EXPECT_FALSE(known("http://a/y", "file-2").url);
  ASSERT_TRUE(release(stored->id, "file-1"));
  EXPECT_FALSE(file_exists(stored->id)) << "it goes with its last holder";
}

TEST_F(CacheTest, ManyAreLookedUpAndLetGoTogether) {
  const auto kept = store(version_of("http://a/kept", 10), pattern(10, 1), "file-1");
  const auto mine = store(version_of("http://a/mine", 10), pattern(10, 2), "file-2", true, false);
  ASSERT_TRUE(kept && mine);
  const auto known = wait<std::vector<Cache::Known>>([&](auto done) {
    cache->find_known_of({{"http://a/kept", "file-1"}, {"http://a/none", "file-3"}, {"http://a/mine", "file-2"}},
                         std::move(done));
  });
  ASSERT_TRUE(known && known->size() == 3);
  EXPECT_TRUE((*known)[0].url && (*known)[2].url);
  EXPECT_FALSE((*known)[1].url);
  ASSERT_EQ((*known)[2].own_contents.size(), 1u);
  EXPECT_EQ((*known)[2].own_contents[0].id, mine->id);
  const std::vector<Reference> all = {
      {kept->id, "file-1", true}, {mine->id, "file-2", true}, {std::string(32, '0'), "file-3", true}};
  ASSERT_TRUE(wait<void>([&](auto done) { cache->let_go(all, std::move(done)); }));
  EXPECT_TRUE(get(kept->id)->validated);
  EXPECT_TRUE(remove(kept->id)) << "nobody holds it any more";
  EXPECT_FALSE(get(mine->id)) << "it is not shareable and goes with its last holder";
  EXPECT_FALSE(file_exists(mine->id));
}

TEST_F(CacheTest, KnownWaitsForTheSegmentsOfAnEarlierAttempt) {
  auto writer = create(version_of("http://a/x", kThreeSegments), true, false);
  ASSERT_TRUE(writer);
  ASSERT_TRUE(hold((*writer)->id(), "file-1"));
  ASSERT_TRUE(append_all(**writer, pattern(kMinSegment)));
  writer->reset();
  const Cache::Known mine = known("http://a/x", "file-1");
  ASSERT_EQ(mine.own_contents.size(), 1u);
  EXPECT_EQ(mine.own_contents[0].bytes_held, kMinSegment);
}

TEST_F(CacheTest, RemembersTheFirstAnswerOfAContent) {
  const FirstAnswer answer{"mirror.example", "application/octet-stream"};
  Cache::Create what;
  what.version = version_of("http://a/x", kThreeSegments);
  what.first_answer = answer;
  auto writer =
      wait<std::unique_ptr<ContentWriter>>([&](auto done) { cache->create(std::move(what), std::move(done)); });
  ASSERT_TRUE(writer);
  const ContentId id = (*writer)->id();
  EXPECT_EQ(get(id)->first_answer, answer) << "before anything is committed";
  ASSERT_TRUE(hold(id, "file-1"));
  ASSERT_TRUE(append_all(**writer, pattern(kMinSegment)));
  writer->reset();
  ASSERT_EQ(known("http://a/x", "file-1").own_contents.size(), 1u);
  reopen_cache();
  ASSERT_EQ(known("http://a/x", "file-1").own_contents.size(), 1u);
  EXPECT_EQ(known("http://a/x", "file-1").own_contents[0].first_answer, answer);
  what.version = version_of("http://a/small", 10);
  what.first_answer = answer;
  auto small = wait<std::unique_ptr<ContentWriter>>([&](auto done) { cache->create(what, std::move(done)); });
  ASSERT_TRUE(small);
  ASSERT_TRUE(append_all(**small, pattern(10)));
  const auto whole = finish(**small);
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->first_answer, answer);
  EXPECT_EQ(get(whole->id)->first_answer, answer) << "of one that is complete with its first transaction";
  EXPECT_EQ(store(version_of("http://a/y", 10), pattern(10, 7))->first_answer, FirstAnswer{});
}

TEST_F(CacheTest, FindsBySha256AndTheNewestOfAUrl) {
  const auto old_one = store(version_of("http://a/x", 10, "\"1\""), pattern(10, 1));
  loop.advance(std::chrono::seconds(5));
  const auto new_one = store(version_of("http://a/x", 10, "\"2\""), pattern(10, 2));
  ASSERT_TRUE(old_one && new_one);
  const auto by_digest = wait<std::optional<ContentInfo>>(
      [&](auto done) { cache->find_by_sha256(sha256(as_bytes(pattern(10, 1))), std::move(done)); });
  ASSERT_TRUE(by_digest && *by_digest);
  EXPECT_EQ((*by_digest)->id, old_one->id);
  const auto newest = [&] {
    return wait<std::optional<ContentInfo>>([&](auto done) { cache->find_newest("http://a/x", std::move(done)); });
  };
  EXPECT_FALSE(*newest()) << "not validated";
  ASSERT_TRUE(validate(old_one->id));
  EXPECT_EQ((*newest())->id, old_one->id);
  ASSERT_TRUE(validate(new_one->id));
  EXPECT_EQ((*newest())->id, new_one->id);
  EXPECT_TRUE(get(new_one->id)->validated);
}

TEST_F(CacheTest, EqualContentsBecomeOne) {
  const std::string bytes = pattern(kMinSegment + kMiB);
  const auto first = store(version_of("http://a/x", bytes.size()), bytes, "file-1");
  const auto second = store(version_of("http://b/y", bytes.size()), bytes, "file-2");
  ASSERT_TRUE(first && second);
  EXPECT_EQ(second->id, first->id);
  EXPECT_EQ(figures().records, 1u);
  EXPECT_EQ(figures().bytes, bytes.size());
  EXPECT_EQ(files_on_disk(), 1u);
  EXPECT_EQ((*find(version_of("http://b/y", bytes.size())))->id, first->id);
  ASSERT_TRUE(release(first->id, "file-1"));
  EXPECT_EQ(remove(first->id).error().code, ErrorCode::busy) << "the second job's hold came over";
  ASSERT_TRUE(release(first->id, "file-2"));
  EXPECT_TRUE(remove(first->id));
  expect_consistent();
}

TEST_F(CacheTest, PrivateContentsAreNeverMerged) {
  const std::string bytes = pattern(1000);
  const auto shared = store(version_of("http://a/x", bytes.size()), bytes);
  const auto secret = store(version_of("http://b/y", bytes.size()), bytes, "file-2", true, false);
  ASSERT_TRUE(shared && secret);
  EXPECT_NE(shared->id, secret->id);
  const auto again = store(version_of("http://c/z", bytes.size()), bytes);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->id, shared->id);
}

TEST_F(CacheTest, IsNotMergedIntoADamagedRecord) {
  const std::string bytes = pattern(100'000);
  const auto first = store(version_of("http://a/x", bytes.size()), bytes);
  ASSERT_TRUE(first);
  std::filesystem::resize_file(path_of(first->id), 5);
  const auto second = store(version_of("http://b/y", bytes.size()), bytes);
  ASSERT_TRUE(second) << second.error().text();
  EXPECT_NE(second->id, first->id);
  EXPECT_TRUE(*read(second->id) == bytes);
  EXPECT_EQ(figures().dropped_damaged, 1u);
  expect_consistent();
}

TEST_F(CacheTest, AHoldDuringTheLastTransactionFollowsTheSurvivor) {
  const std::string bytes = pattern(1000);
  const auto first = store(version_of("http://a/x", bytes.size()), bytes);
  auto writer = create(version_of("http://b/y", bytes.size()));
  ASSERT_TRUE(first && writer);
  ASSERT_TRUE(append_all(**writer, bytes));
  std::optional<ContentInfo> info;
  (*writer)->finish_content(false, [&](Result<ContentInfo> result) { info = *result; });
  // Posted tasks one by one until the transaction is under way; then the hold comes.
  Status held = fail(ErrorCode::internal, "hold", "not answered");
  bool answered = false;
  cache->hold((*writer)->id(), "file-9", [&](Status status) {
    held = std::move(status);
    answered = true;
  });
  ASSERT_TRUE(loop.wait_for([&] { return info && answered; }));
  EXPECT_TRUE(held);
  EXPECT_EQ(info->id, first->id);
  EXPECT_EQ(remove(first->id).error().code, ErrorCode::busy);
  expect_consistent();
}

struct Damage {
  const char* name;
  std::function<void(const std::string& path)> apply;
};

TEST_F(CacheTest, AFileThatIsNotAsItWasLeftIsDropped) {
  const Damage damages[] = {
      {"missing", [](const std::string& path) { std::filesystem::remove(path); }},
      {"shorter", [](const std::string& path) { std::filesystem::resize_file(path, 5); }},
      {"longer", [](const std::string& path) { std::ofstream(path, std::ios::app) << "x"; }},
      {"modified",
       [](const std::string& path) {
         std::filesystem::last_write_time(path, std::filesystem::file_time_type::clock::now() + std::chrono::hours(1));
       }},
      {"another file",
       [](const std::string& path) {
         std::filesystem::copy(path, path + ".x");
         std::filesystem::last_write_time(path + ".x", std::filesystem::last_write_time(path));
         std::filesystem::rename(path + ".x", path);
       }},
  };
  std::uint64_t dropped = 0;
  for (const Damage& damage : damages) {
    for (const bool by_find : {true, false}) {
      const Version version = version_of(std::string("http://a/") + damage.name, 1000);
      const auto info = store(version, pattern(1000, dropped));
      ASSERT_TRUE(info);
      damage.apply(path_of(info->id));
      if (by_find) {
        EXPECT_FALSE(*find(version)) << damage.name;
      } else {
        const auto lease = open(info->id);
        ASSERT_FALSE(lease) << damage.name;
        EXPECT_EQ(lease.error().code, ErrorCode::content_damaged);
      }
      EXPECT_EQ(get(info->id).error().code, ErrorCode::not_found) << damage.name;
      EXPECT_FALSE(file_exists(info->id)) << damage.name;
      EXPECT_EQ(figures().dropped_damaged, ++dropped) << damage.name;
    }
  }
  expect_consistent();
}

TEST_F(CacheTest, AnOlderRecordOfTheVersionIsFoundWhenTheNewestIsDamaged) {
  const Version version = version_of("http://a/x", 1000);
  const auto older = store(version, pattern(1000, 1));
  loop.advance(std::chrono::seconds(1));
  const auto newer = store(version, pattern(1000, 2));
  ASSERT_TRUE(older && newer);
  EXPECT_EQ((*find(version))->id, newer->id);
  std::filesystem::remove(path_of(newer->id));
  EXPECT_EQ((*find(version))->id, older->id);
}

TEST_F(CacheTest, ADiskThatDoesNotAnswerIsNoReasonToDrop) {
  const Version version = version_of("http://a/x", 1000);
  const auto info = store(version, pattern(1000));
  ASSERT_TRUE(info);
  files.fail_nth(0, ErrorCode::disk_error, test::DiskCall::stat);
  EXPECT_EQ(find(version).error().code, ErrorCode::disk_error);
  EXPECT_TRUE(*find(version));
}

TEST_F(CacheTest, HoldsAreCountedByHolder) {
  const auto info = store(version_of("http://a/x", 10), pattern(10), "file-1");
  ASSERT_TRUE(info);
  ASSERT_TRUE(hold(info->id, "file-1"));
  ASSERT_TRUE(hold(info->id, "file-2"));
  reopen_cache();
  EXPECT_EQ(remove(info->id).error().code, ErrorCode::busy);
  ASSERT_TRUE(release(info->id, "file-1"));
  EXPECT_EQ(remove(info->id).error().code, ErrorCode::busy);
  ASSERT_TRUE(release(info->id, "file-1"));
  ASSERT_TRUE(release(info->id, "file-2"));
  EXPECT_TRUE(remove(info->id));
  EXPECT_EQ(hold(info->id, "file-3").error().code, ErrorCode::not_found);
  expect_consistent();
}

struct ReleaseCase {
  bool complete, shareable, bounded, aside, stays;
};

TEST_F(CacheTest, WhatStaysAfterTheLastRelease) {
  settings.max_size = kMinSegment;
  cache->apply(settings);
  const ReleaseCase cases[] = {
      {true, true, true, false, true}, {true, false, true, false, false}, {false, true, true, false, false},
      {true, true, true, true, false}, {true, true, false, false, true},  // it fits after all
  };
  int number = 0;
  for (const ReleaseCase& one : cases) {
    const std::string bytes = pattern(5000, 100 + static_cast<std::uint64_t>(++number));
    const Version version = version_of("http://a/" + std::to_string(number), one.complete ? 5000 : kThreeSegments);
    ContentId id;
    if (one.complete) {
      const auto info = store(version, bytes, "f", one.bounded, one.shareable);
      ASSERT_TRUE(info) << number;
      id = info->id;
    } else {
      auto writer = create(version, false, one.shareable);
      ASSERT_TRUE(writer);
      id = (*writer)->id();
      ASSERT_TRUE(hold(id, "f"));
      ASSERT_TRUE(append_all(**writer, pattern(kMinSegment)));
      ASSERT_TRUE(loop.wait_for([&] { return !(*writer)->committed().empty(); }));
    }
    if (one.aside) {
      ASSERT_TRUE(set_aside(id));
    }
    ASSERT_TRUE(release(id, "f"));
    EXPECT_EQ(get(id).has_value(), one.stays) << number;
    EXPECT_EQ(file_exists(id), one.stays) << number;
  }
  expect_consistent();
}

TEST_F(CacheTest, AnUnboundedContentThatDoesNotFitGoes) {
  settings.max_size = kMiB;
  cache->apply(settings);
  EXPECT_EQ(create(version_of("http://a/x", 2 * kMiB)).error().code, ErrorCode::disk_full);
  const auto info = store(version_of("http://a/x", 2 * kMiB), pattern(2 * kMiB), "f", false);
  ASSERT_TRUE(info) << info.error().text();
  ASSERT_TRUE(release(info->id, "f"));
  EXPECT_FALSE(file_exists(info->id));
  expect_consistent();
}

TEST_F(CacheTest, ReferencesOfTheDeadAreDropped) {
  const auto kept = store(version_of("http://a/1", 10), pattern(10, 1), "alive");
  const auto gone = store(version_of("http://a/2", 10), pattern(10, 2), "dead", true, false);
  const auto both = store(version_of("http://a/3", 10), pattern(10, 3), "dead", true, false);
  ASSERT_TRUE(kept && gone && both);
  ASSERT_TRUE(hold(both->id, "alive"));
  std::vector<ContentId> many;
  for (int i = 0; i < 300; ++i) {
    ASSERT_TRUE(hold(kept->id, "x" + std::to_string(i)));
  }
  reopen_cache();
  ASSERT_TRUE(wait<void>([&](auto done) { cache->release_all_but({"alive"}, std::move(done)); }));
  EXPECT_TRUE(get(kept->id));
  EXPECT_FALSE(get(gone->id));
  EXPECT_TRUE(get(both->id));
  ASSERT_TRUE(release(kept->id, "alive"));
  EXPECT_TRUE(remove(kept->id)) << "the other 300 are gone";
  expect_consistent();
}

TEST_F(CacheTest, ADroppedContentStaysReadableWhereItIsLeased) {
  const std::string bytes = pattern(1000);
  const auto info = store(version_of("http://a/x", bytes.size()), bytes);
  auto lease = open(info->id);
  ASSERT_TRUE(lease);
  EXPECT_EQ(remove(info->id).error().code, ErrorCode::busy);
  ASSERT_TRUE(drop(info->id));
  EXPECT_FALSE(file_exists(info->id));
  std::string back(1000, '\0');
  EXPECT_EQ(::pread((*lease)->descriptor(), back.data(), back.size(), 0), 1000);
  EXPECT_TRUE(back == bytes);
  EXPECT_TRUE(drop(info->id)) << "again is no error";
}

TEST_F(CacheTest, DroppingWhileItIsBeingWrittenLeavesNothing) {
  auto writer = create(version_of("http://a/x", kThreeSegments));
  ASSERT_TRUE(writer);
  const ContentId id = (*writer)->id();
  ASSERT_TRUE(append_all(**writer, pattern(kMinSegment + kMiB)));
  ASSERT_TRUE(drop(id));
  const StreamId stream = (*writer)->open_stream({kMinSegment + kMiB, kMiB}, Source::origin, "f");
  EXPECT_EQ((*writer)->append(stream, buffer_of("x")).error().code, ErrorCode::not_found);
  EXPECT_EQ(finish(**writer).error().code, ErrorCode::not_found);
  writer->reset();
  ASSERT_TRUE(loop.wait_for([&] { return !file_exists(id); }));
  EXPECT_EQ(figures().records, 0u);
  expect_consistent();
}

TEST_F(CacheTest, SetAsideIsNeverFoundButCanBeInspected) {
  const Version version = version_of("http://a/x", 100);
  const auto info = store(version, pattern(100), "f");
  ASSERT_TRUE(info);
  ASSERT_TRUE(set_aside(info->id));
  EXPECT_FALSE(*find(version));
  EXPECT_TRUE(*read(info->id) == pattern(100));
  const auto again = store(version, pattern(100));
  ASSERT_TRUE(again);
  EXPECT_NE(again->id, info->id) << "nothing is merged into what was judged bad";
  ASSERT_TRUE(release(info->id, "f"));
  EXPECT_FALSE(file_exists(info->id));
  const auto unheld = store(version_of("http://a/y", 100), pattern(100, 5));
  ASSERT_TRUE(set_aside(unheld->id));
  EXPECT_FALSE(file_exists(unheld->id)) << "nobody is there to inspect it";
}

TEST_F(CacheTest, OpeningIsAUse) {
  const auto info = store(version_of("http://a/x", 100), pattern(100));
  ASSERT_TRUE(info);
  loop.advance(std::chrono::hours(1));
  ASSERT_TRUE(open(info->id));
  const auto after = get(info->id);
  EXPECT_EQ(after->uses, 1u);
  EXPECT_EQ(after->last_used, loop.wall());
  const auto partial =
      wait<std::shared_ptr<ContentLease>>([&](auto done) { cache->open_partial(info->id, std::move(done)); });
  ASSERT_TRUE(partial);
  EXPECT_EQ(get(info->id)->uses, 1u);
}

TEST_F(CacheTest, APartialContentCanBeReadEarlyOnly) {
  const std::string bytes = pattern(kThreeSegments);
  auto writer = create(version_of("http://a/x", bytes.size()));
  ASSERT_TRUE(writer);
  const ContentId id = (*writer)->id();
  const auto early = [&] {
    return wait<std::shared_ptr<ContentLease>>([&](auto done) { cache->open_partial(id, std::move(done)); });
  };
  EXPECT_EQ(early().error().code, ErrorCode::not_found) << "nothing is written yet";
  ASSERT_TRUE(append_all(**writer, std::string_view(bytes).substr(0, kMinSegment)));
  ASSERT_TRUE(loop.wait_for([&] { return !(*writer)->committed().empty(); }));
  auto lease = early();
  ASSERT_TRUE(lease) << lease.error().text();
  std::string back(kMinSegment, '\0');
  ASSERT_TRUE((*lease)->file().read_at(0, std::as_writable_bytes(std::span(back))));
  EXPECT_TRUE(back == bytes.substr(0, kMinSegment));
  EXPECT_EQ(open(id).error().code, ErrorCode::invalid_state);
}

TEST_F(CacheTest, ComputesTheSha256OnceAndKeepsIt) {
  const std::string bytes = pattern(40 * kMiB);
  const auto info = store(version_of("http://a/x", bytes.size()), bytes);
  ASSERT_TRUE(info);
  EXPECT_FALSE(info->sha256);
  const auto compute = [&] {
    return wait<Digest>([&](auto done) { cache->compute_sha256(info->id, std::move(done)); });
  };
  EXPECT_EQ(compute(), sha256(as_bytes(bytes)));
  const std::uint64_t reads = files.calls(test::DiskCall::read);
  EXPECT_EQ(compute(), sha256(as_bytes(bytes)));
  EXPECT_EQ(files.calls(test::DiskCall::read), reads);
  EXPECT_EQ(get(info->id)->sha256, sha256(as_bytes(bytes)));
}

TEST_F(CacheTest, AReadErrorDropsTheRecord) {
  const std::string bytes = pattern(kMiB);
  const auto info = store(version_of("http://a/x", bytes.size()), bytes);
  ASSERT_TRUE(info);
  files.fail_nth(0, ErrorCode::disk_error, test::DiskCall::read);
  const auto digest = wait<Digest>([&](auto done) { cache->compute_sha256(info->id, std::move(done)); });
  EXPECT_EQ(digest.error().code, ErrorCode::disk_error);
  EXPECT_EQ(get(info->id).error().code, ErrorCode::not_found);
}

TEST_F(CacheTest, ListsInPages) {
  std::set<ContentId> stored;
  for (int i = 0; i < 25; ++i) {
    const auto info = store(version_of((i % 5 == 0 ? "http://five/" : "http://a/") + std::to_string(i), 100),
                            pattern(100, static_cast<std::uint64_t>(i)));
    ASSERT_TRUE(info);
    stored.insert(info->id);
  }
  std::set<ContentId> listed;
  ContentId after;
  for (int pages = 0; pages < 3; ++pages) {
    const auto page = list({after, 10, ""});
    EXPECT_EQ(page.size(), pages < 2 ? 10u : 5u);
    for (const ContentInfo& info : page) {
      EXPECT_GT(info.id, after);
      after = info.id;
      listed.insert(info.id);
      EXPECT_EQ(info.versions.size(), 1u);
    }
  }
  EXPECT_EQ(listed, stored);
  EXPECT_TRUE(list({after, 10, ""}).empty());
  EXPECT_EQ(list({"", 100, "five"}).size(), 5u);
  EXPECT_EQ(list({"", 2, "five"}).size(), 2u);
  EXPECT_TRUE(list({"", 100, "nothing like it"}).empty());
}

TEST_F(CacheTest, RemovesByUrlAndClears) {
  const auto one = store(version_of("http://a/x", 10, "\"1\""), pattern(10, 1));
  const auto two = store(version_of("http://a/x", 10, "\"2\""), pattern(10, 2));
  const auto held = store(version_of("http://a/x", 10, "\"3\""), pattern(10, 3), "f");
  const auto pinned = store(version_of("http://b/y", 10), pattern(10, 4));
  ASSERT_TRUE(one && two && held && pinned);
  EXPECT_EQ(wait<std::uint64_t>([&](auto done) { cache->remove_url("http://a/x", std::move(done)); }), 2u);
  ASSERT_TRUE(pin(pinned->id, true));
  for (int i = 0; i < 300; ++i) {
    ASSERT_TRUE(
        store(version_of("http://c/" + std::to_string(i), 3), pattern(3, 1000 + static_cast<std::uint64_t>(i))));
  }
  EXPECT_EQ(wait<std::uint64_t>([&](auto done) { cache->clear(std::move(done)); }), 300u);
  EXPECT_TRUE(get(held->id));
  EXPECT_TRUE(get(pinned->id)->pinned);
  ASSERT_TRUE(pin(pinned->id, false));
  EXPECT_EQ(wait<std::uint64_t>([&](auto done) { cache->clear(std::move(done)); }), 1u);
  EXPECT_EQ(pin(pinned->id, true).error().code, ErrorCode::not_found);
  expect_consistent();
}

TEST_F(CacheTest, OneContentForManyVersions) {
  const auto info = store(version_of("http://a/x", 10), pattern(10));
  const Version other = version_of("http://mirror/x", 10, "\"m\"");
  const auto same = store(other, pattern(10));
  ASSERT_TRUE(info && same);
  EXPECT_EQ(same->id, info->id) << "each was fetched whole as its own version";
  EXPECT_EQ((*find(other))->id, info->id);
  EXPECT_EQ(get(info->id)->versions.size(), 2u);
}

TEST_F(CacheTest, SegmentsOfARecord) {
  const auto info = store(version_of("http://a/x", kThreeSegments), pattern(kThreeSegments));
  ASSERT_TRUE(info);
  const auto segments = wait<std::vector<SegmentInfo>>([&](auto done) { cache->segments(info->id, std::move(done)); });
  ASSERT_TRUE(segments);
  ASSERT_EQ(segments->size(), 3u);
  EXPECT_EQ((*segments)[2].range, (ByteRange{2 * kMinSegment, kMiB}));
  EXPECT_EQ((*segments)[0].fetched_for, "file-1");
  EXPECT_FALSE(wait<std::vector<SegmentInfo>>([&](auto done) { cache->segments("none", std::move(done)); }));
}

TEST_F(CacheTest, ADatabaseOfThisSchemaOpensAgain) {
  const auto info = store(version_of("http://a/x", 10), pattern(10));
  ASSERT_TRUE(info);
  reopen_cache();
  reopen_cache();
  EXPECT_EQ(figures().records, 1u);
  EXPECT_TRUE(*read(info->id) == pattern(10));
}

}  // namespace
}  // namespace larder::cache
