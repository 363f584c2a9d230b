// One file: hits, fresh fetches, resumption, breaks, parallel ranges, limits, stops.
#include "tests/unit/transfer/transfer_lab.h"

namespace larder::test {
namespace {

using agent::TransferRequest;

constexpr std::size_t kSize = 2 * cache::kMinSegment + kMiB + 12345;  // three segments, the last one short

class Transfer : public ::testing::Test, public TransferLab {
 protected:
  Transfer() { origin.files[kUrl] = make_file(kUrl, 1, kSize); }
  [[nodiscard]] const std::vector<std::byte>& bytes() { return origin.files[kUrl].bytes; }
  [[nodiscard]] Error broken() const { return {ErrorCode::connect_failed, "connect", "refused"}; }

  // A content of the file as an attempt that broke off after `bytes` leaves it.
  void leave_partial(const std::string& file_id, std::uint64_t bytes) {
    origin.script = {Behaviour{{}, bytes}, Behaviour{broken()}};
    ASSERT_FALSE(fetch(request(file_id))->ok());
    restart();
    origin.fetches.clear();
    origin.probes = 0;
  }
};

TEST_F(Transfer, WithNothingToAskBeforeTheGetIsTheProbe) {
  const auto got = fetch(request("f"));
  expect_whole(*got, bytes());
  EXPECT_EQ(origin.probes, 0U);
  ASSERT_EQ(origin.fetches.size(), 1U);
  EXPECT_FALSE(origin.fetches[0].expected);
  EXPECT_TRUE(origin.fetches[0].no_cache);
  EXPECT_EQ(got->connected, 1U);
  EXPECT_EQ(got->value().figures.origin, kSize);
  EXPECT_EQ(got->value().figures.wasted, 0U);
  EXPECT_EQ(got->value().note, "");
  EXPECT_EQ(got->value().effective_url, kUrl);
  EXPECT_EQ(cache.records.size(), 1U);
  EXPECT_EQ(cache.records.begin()->second.holders, std::set<std::string>{"f"});
}

TEST_F(Transfer, ARepeatedRequestIsAnsweredFromTheCacheAfterAProbe) {
  (void)fetch(request("f"));
  const auto again = fetch(request("g"));
  expect_whole(*again, bytes());
  EXPECT_EQ(origin.probes, 1U);
  EXPECT_EQ(origin.fetches.size(), 1U);
  EXPECT_EQ(again->value().figures.cache, kSize);
  EXPECT_EQ(again->connected, 1U);
}

TEST_F(Transfer, ADigestOfTheCallerNeedsNoOrigin) {
  (void)cache.put({"http://elsewhere.test/y", kSize, "\"y\"", ""}, bytes());
  TransferRequest asked = request("f");
  asked.sha256 = sha256(bytes());
  const auto got = fetch(asked);
  expect_whole(*got, bytes());
  EXPECT_EQ(origin.probes + origin.fetches.size(), 0U);
  EXPECT_EQ(got->value().figures.cache, kSize);
  EXPECT_EQ(got->value().sha256, asked.sha256);

  asked.file_id = "g";
  asked.no_cache = true;  // then it is asked all the same
  (void)fetch(asked);
  EXPECT_GT(origin.probes + origin.fetches.size(), 0U);
}

TEST_F(Transfer, PrivateContentIsNotFoundByOthers) {
  (void)cache.put(origin.files[kUrl].edition.version, bytes(), false);
  TransferRequest asked = request("f");
  asked.sha256 = sha256(bytes());
  const auto got = fetch(asked);
  expect_whole(*got, bytes());
  EXPECT_EQ(got->value().figures.origin, kSize);
}

TEST_F(Transfer, AHitThatCannotBeReadIsFetched) {
  const auto id = cache.put(origin.files[kUrl].edition.version, bytes());
  cache.records.at(id).unreadable = true;
  const auto got = fetch(request("f"));
  expect_whole(*got, bytes());
  EXPECT_EQ(got->value().figures.origin, kSize);
  EXPECT_EQ(got->connected, 1U);
}

TEST_F(Transfer, AnUnreadableHitByDigestIsFetchedToo) {
  const auto id = cache.put({"http://elsewhere.test/y", kSize, "\"y\"", ""}, bytes());
  cache.records.at(id).unreadable = true;
  TransferRequest asked = request("f");
  asked.sha256 = sha256(bytes());
  const auto got = fetch(asked);
  expect_whole(*got, bytes());
  EXPECT_EQ(got->value().figures.origin, kSize);
}

TEST_F(Transfer, AnAttemptThatBrokeIsGoneOnWith) {
  leave_partial("f", cache::kMinSegment + kMiB);
  const auto got = fetch(request("f"));
  expect_whole(*got, bytes());
  EXPECT_EQ(origin.probes, 1U);
  ASSERT_EQ(origin.fetches.size(), 1U);
  EXPECT_EQ(origin.fetches[0].offset, cache::kMinSegment);
  EXPECT_EQ(origin.fetches[0].expected, origin.files[kUrl].edition.version);
  EXPECT_EQ(got->value().figures.origin, kSize) << "both attempts were on this file's account";
  EXPECT_EQ(cache.records.size(), 1U);
}

TEST_F(Transfer, AnotherFileGoesOnWithAPartialContent) {
  leave_partial("f", cache::kMinSegment + kMiB);
  const auto got = fetch(request("g"));
  expect_whole(*got, bytes());
  EXPECT_EQ(got->value().figures.cache, cache::kMinSegment);
  EXPECT_EQ(got->value().figures.origin, kSize - cache::kMinSegment);
}

TEST_F(Transfer, PrivateContentOfAnEarlierAttemptIsGoneOnWith) {
  origin.files[kUrl].edition.privacy = origin::Privacy::says_no_store;
  leave_partial("f", cache::kMinSegment + kMiB);
  const auto got = fetch(request("f"));
  expect_whole(*got, bytes());
  EXPECT_EQ(origin.fetches[0].offset, cache::kMinSegment);
  EXPECT_EQ(got->value().note, "not shared: the origin says no-store");
  EXPECT_FALSE(got->value().content.shareable);
}

TEST_F(Transfer, AnOldEditionOfAnEarlierAttemptIsReleased) {
  leave_partial("f", cache::kMinSegment + kMiB);
  origin.files[kUrl] = make_file(kUrl, 2, kSize);
  const auto got = fetch(request("f"));
  expect_whole(*got, bytes());
  EXPECT_EQ(cache.records.size(), 1U);
  EXPECT_EQ(got->value().figures.origin, kSize);
  EXPECT_EQ(got->value().figures.wasted, cache::kMinSegment) << "what the first attempt had committed";
}

TEST_F(Transfer, AFlakyLinkIsResumedAtOnce) {
  origin.script = {Behaviour{{}, cache::kMinSegment + kMiB + 777}, Behaviour{{}, 2 * kMiB}};
  const auto got = fetch(request("f"));
  expect_whole(*got, bytes());
  ASSERT_EQ(origin.fetches.size(), 3U);
  EXPECT_EQ(origin.fetches[1].offset, cache::kMinSegment + kMiB);
  EXPECT_EQ(origin.probes, 0U);
  EXPECT_EQ(got->value().figures.wasted, 777U) << "the block that was cut";
  EXPECT_EQ(got->value().figures.origin, kSize);
}

// A disk that is slower than the link: the answer is over before there is a file to keep it in.
TEST_F(Transfer, WhatCameBeforeThereWasAFileIsKeptThoughTheLinkBroke) {
  cache.latency = std::chrono::seconds(5);
  origin.gap = {};
  origin.script = {Behaviour{{}, kMiB + 777}};
  const auto got = fetch(request("f"));
  expect_whole(*got, bytes());
  ASSERT_EQ(origin.fetches.size(), 2U);
  EXPECT_EQ(origin.fetches[1].offset, kMiB);
  EXPECT_EQ(got->value().figures.wasted, 777U) << "the block that was cut";
  EXPECT_EQ(cache.creates, 1U);
}

TEST_F(Transfer, AnotherEditionThatCameBeforeThereWasAFileIsNotKept) {
  cache.latency = std::chrono::seconds(5);
  origin.gap = {};
  origin.script = {Behaviour{{}, kMiB, ErrorCode::version_changed}};
  const auto got = fetch(request("f"));
  expect_whole(*got, bytes());
  EXPECT_EQ(origin.fetches.back().offset, 0U);
  EXPECT_EQ(got->value().figures.wasted, kMiB);
  EXPECT_EQ(cache.records.size(), 1U);
}

TEST_F(Transfer, ALinkWithoutProgressIsAnError) {
  origin.script = {Behaviour{{}, cache::kMinSegment + kMiB}, Behaviour{{}, 1000}};
  const auto got = fetch(request("f"));
  ASSERT_FALSE(got->ok());
  EXPECT_EQ(got->code(), ErrorCode::connection_lost);
  ASSERT_FALSE(got->progress.empty());
  const agent::TransferProgress& last = got->progress.back();
  EXPECT_EQ(last.figures.origin, cache::kMinSegment);
  EXPECT_EQ(last.figures.wasted, kMiB + 1000);
  EXPECT_FALSE(last.content.empty());
  EXPECT_EQ(cache.records.at(last.content).holders, std::set<std::string>{"f"});
}

TEST_F(Transfer, AnOriginThatIsNotThereIsTheCallersAffair) {
  origin.script = {Behaviour{broken()}};
  const auto got = fetch(request("f"));
  ASSERT_FALSE(got->ok());
  EXPECT_EQ(got->code(), ErrorCode::connect_failed);
  EXPECT_EQ(got->connected, 0U);
  EXPECT_TRUE(got->progress.empty()) << "nothing is known that was not before";
  EXPECT_TRUE(cache.records.empty());
}

TEST_F(Transfer, ARetryThatGetsNowhereSaysNothingOfWhatIsThere) {
  leave_partial("f", cache::kMinSegment + kMiB);
  origin.files.clear();
  const auto got = fetch(request("f"));
  ASSERT_FALSE(got->ok());
  EXPECT_TRUE(got->progress.empty());
  EXPECT_EQ(cache.records.size(), 1U);
}

TEST_F(Transfer, ParallelRangesAreAlignedAndExpectTheProbedVersion) {
  TransferRequest asked = request("f");
  asked.parallel_ranges = 3;
  const auto got = fetch(asked);
  expect_whole(*got, bytes());
  EXPECT_EQ(origin.probes, 1U);
  ASSERT_EQ(origin.fetches.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(origin.fetches[i].offset, i * cache::kMinSegment);
    EXPECT_EQ(origin.fetches[i].expected, origin.files[kUrl].edition.version);
  }
}

TEST_F(Transfer, AnOriginThatRefusesSeveralConnectionsIsAskedByFewer) {
  TransferRequest asked = request("f");
  asked.parallel_ranges = 3;
  origin.script = {Behaviour{}, Behaviour{Error{ErrorCode::http_transient, "fetch", "429"}}};
  const auto got = fetch(asked);
  expect_whole(*got, bytes());
  EXPECT_EQ(origin.fetches.size(), 4U);
}

TEST_F(Transfer, EverythingInPlaceOfARangeIsCut) {
  leave_partial("f", cache::kMinSegment + kMiB);
  origin.script = {Behaviour{{}, {}, {}, true}};
  const auto got = fetch(request("f"));
  expect_whole(*got, bytes());
  EXPECT_EQ(origin.fetches.size(), 1U);
  EXPECT_EQ(got->value().figures.wasted, cache::kMinSegment);
}

TEST_F(Transfer, ParallelRangesOfAnOriginWithoutRangesBecomeOneStream) {
  TransferRequest asked = request("f");
  asked.parallel_ranges = 3;
  origin.behave = [](const origin::Fetch&) { return Behaviour{{}, {}, {}, true}; };
  const auto got = fetch(asked);
  expect_whole(*got, bytes());
  EXPECT_LE(origin.delivered, kSize + cache::kMinSegment) << "not once for each stream";
  EXPECT_EQ(got->value().figures.origin + got->value().figures.wasted, origin.delivered);
}

TEST_F(Transfer, UnknownSizeIsOneStreamToItsEnd) {
  origin::Edition& edition = origin.files[kUrl].edition;
  edition.version.size.reset();
  edition.one_stream = true;
  edition.ranges = false;
  const auto got = fetch(request("f"));
  expect_whole(*got, bytes());
  EXPECT_EQ(got->value().note, "one stream: the origin cannot resume");
  EXPECT_FALSE(got->progress.front().size);
}

TEST_F(Transfer, UnknownSizeThatBreaksIsAnErrorAndNotAShortFile) {
  origin.files[kUrl].edition.version.size.reset();
  origin.script = {Behaviour{{}, cache::kMinSegment + kMiB}};
  const auto got = fetch(request("f"));
  ASSERT_FALSE(got->ok());
  EXPECT_EQ(got->code(), ErrorCode::connection_lost);
}

TEST_F(Transfer, AnAnswerThatEndsEarlyIsResumedNotFinished) {
  origin.script = {Behaviour{{}, cache::kMinSegment + kMiB, {}, false, true}};
  const auto got = fetch(request("f"));
  expect_whole(*got, bytes());
  EXPECT_EQ(origin.fetches.size(), 2U);
}

TEST_F(Transfer, AnEmptyFile) {
  origin.files[kUrl] = make_file(kUrl, 1, 0);
  const auto got = fetch(request("f"));
  expect_whole(*got, {});
  TransferRequest asked = request("g", "http://origin.test/empty");
  origin.files["http://origin.test/empty"] = make_file("http://origin.test/empty", 1, 0);
  asked.parallel_ranges = 4;
  expect_whole(*fetch(asked), {});
}

TEST_F(Transfer, WithoutValidatorsItIsNeitherSharedNorResumed) {
  origin::Edition& edition = origin.files[kUrl].edition;
  edition.version.etag.clear();
  edition.version.last_modified.clear();
  origin.script = {Behaviour{{}, cache::kMinSegment + kMiB}};
  const auto broken_off = fetch(request("f"));
  ASSERT_FALSE(broken_off->ok());
  const auto got = fetch(request("f"));
  expect_whole(*got, bytes());
  EXPECT_EQ(origin.fetches.back().offset, 0U);
  EXPECT_FALSE(got->value().content.shareable);
  EXPECT_NE(got->value().note.find("neither ETag nor Last-Modified"), std::string::npos);
  EXPECT_EQ(cache.records.size(), 1U) << "the first attempt's content is gone";
}

TEST_F(Transfer, ACacheWithoutRoomDoesNotStopTheDownload) {
  cache.bounded_room = kMiB;
  const auto got = fetch(request("f"));
  expect_whole(*got, bytes());
  EXPECT_EQ(cache.creates, 2U);
}

TEST_F(Transfer, AFullDiskSaysWhatIsMissing) {
  cache.disk_room = kMiB;
  const auto got = fetch(request("f"));
  ASSERT_FALSE(got->ok());
  EXPECT_EQ(got->code(), ErrorCode::disk_full);
  EXPECT_NE(got->error().detail.find(std::to_string(kSize - kMiB)), std::string::npos) << got->error().text();
}

TEST_F(Transfer, WhatIsNotToBeKeptIsNotBoundedByTheCache) {
  cache.bounded_room = kMiB;
  TransferRequest asked = request("f");
  asked.store = false;
  const auto got = fetch(asked);
  expect_whole(*got, bytes());
  EXPECT_EQ(cache.creates, 1U);
  EXPECT_FALSE(got->value().content.shareable);
}

TEST_F(Transfer, AnErrorAtTheEndIsAnError) {
  cache.finish_error = Error{ErrorCode::disk_error, "write", "EIO"};
  const auto got = fetch(request("f"));
  ASSERT_FALSE(got->ok());
  EXPECT_EQ(got->code(), ErrorCode::disk_error);
}

TEST_F(Transfer, TooLargeIsRefusedBeforeAByteIsKept) {
  TransferRequest asked = request("f");
  asked.max_size = kMiB;
  const auto got = fetch(asked);
  ASSERT_FALSE(got->ok());
  EXPECT_EQ(got->code(), ErrorCode::too_large);
  EXPECT_EQ(cache.creates, 0U);
  EXPECT_EQ(origin.running(), 0U);
}

TEST_F(Transfer, TooLargeIsNoticedOnTheWayToo) {
  origin.files[kUrl].edition.version.size.reset();
  TransferRequest asked = request("f");
  asked.max_size = kMiB;
  const auto got = fetch(asked);
  ASSERT_FALSE(got->ok());
  EXPECT_EQ(got->code(), ErrorCode::too_large);
  EXPECT_LT(origin.delivered, 2 * kMiB);
}

TEST_F(Transfer, ASlowDiskHoldsTheOriginBack) {
  cache.write_latency = std::chrono::seconds(2);
  origin.gap = {};
  origin.chunk = 256 * 1024;
  origin.files[kUrl] = make_file(kUrl, 3, 40 * kMiB);
  const auto got = fetch(request("f"));
  expect_whole(*got, bytes());
  const std::size_t bound = cache::ContentWriter::kHighWater + origin::HttpClient::kWindow + 256 * 1024;
  EXPECT_LE(cache.most_queued, bound);
  EXPECT_GT(cache.most_queued, cache::ContentWriter::kHighWater) << "the test did not fill the queue";
}

TEST_F(Transfer, ASlowCreationBuffersOneWindow) {
  cache.latency = std::chrono::seconds(5);
  origin.gap = {};
  const auto got = fetch(request("f"));
  expect_whole(*got, bytes());
  EXPECT_LE(origin.most_outstanding, origin::HttpClient::kWindow);
}

TEST_F(Transfer, ProgressComesAtMostEveryTenthOfASecondAndAtSegments) {
  origin.gap = std::chrono::milliseconds(50);
  const auto got = fetch(request("f"));
  expect_whole(*got, bytes());
  unsigned early = 0;
  for (std::size_t i = 1; i < got->times.size(); ++i) {
    const bool segment = got->progress[i].contiguous != got->progress[i - 1].contiguous;
    if (!segment && got->times[i] - got->times[i - 1] < std::chrono::milliseconds(100)) ++early;
  }
  EXPECT_EQ(early, 0U);
  EXPECT_GT(got->progress.size(), 20U);
  EXPECT_EQ(got->progress.back().contiguous, kSize);
}

TEST_F(Transfer, TheRateIsSharedByTheStreams) {
  TransferRequest asked = request("f");
  asked.parallel_ranges = 3;
  asked.max_rate = 3000;
  const auto recorder = std::make_shared<Recorder>();
  const auto id = start(asked, recorder);
  loop.advance(std::chrono::milliseconds(100));
  ASSERT_EQ(origin.running(), 3U);
  for (const auto& [fetch, rate] : origin.rates) EXPECT_EQ(rate, 1000U);
  transfers->set_rate(id, 0);
  for (const auto& [fetch, rate] : origin.rates) EXPECT_EQ(rate, 0U);
}

TEST_F(Transfer, DigestsThatAreWantedAreThere) {
  origin.files[kUrl].edition.sha256 = sha256(bytes());
  const auto got = fetch(request("f"));
  EXPECT_EQ(got->value().sha256, sha256(bytes())) << "to be compared with the origin's promise";
  EXPECT_EQ(got->value().origin_sha256, sha256(bytes()));
}

TEST_F(Transfer, FromTheOriginAloneNothingIsLookedUp) {
  (void)fetch(request("f"));
  TransferRequest asked = request("f");
  asked.origin_alone = true;
  asked.sha256 = sha256(bytes());
  const unsigned before = cache.finds + cache.digest_finds;
  const auto got = fetch(asked);
  expect_whole(*got, bytes());
  EXPECT_EQ(cache.finds + cache.digest_finds, before);
  EXPECT_EQ(got->value().figures.origin, kSize);
  EXPECT_EQ(got->value().figures.cache, 0U);
  EXPECT_EQ(origin.fetches.size(), 2U);
  EXPECT_TRUE(origin.fetches[1].no_cache);
}

// Stopped after each step of the loop: nothing follows, nothing leaks, and the next start completes.
TEST_F(Transfer, StoppedAtEveryMoment) {
  origin.chunk = kMiB;
  cache.latency = std::chrono::milliseconds(3);
  for (int step = 0; step < 60; ++step) {
    TransferLab lab;
    lab.origin.chunk = kMiB;
    lab.cache.latency = std::chrono::milliseconds(3);
    lab.origin.files[kUrl] = make_file(kUrl, 1, kSize);
    auto recorder = std::make_shared<Recorder>();
    const auto id = lab.start(request("f"), recorder);
    for (int i = 0; i < step; ++i) lab.loop.advance(std::chrono::milliseconds(2));
    const bool done = recorder->result.has_value();
    if (!done) {
      lab.transfers->stop(id);
      recorder->stopped = true;
    }
    EXPECT_EQ(lab.transfers->active(), 0U);
    lab.loop.advance(std::chrono::seconds(1));
    EXPECT_EQ(lab.origin.running(), 0U) << step;
    for (const auto& [content, record] : lab.cache.records) {
      EXPECT_FALSE(record.being_written) << step;
      EXPECT_FALSE(record.holders.empty()) << "an orphan after step " << step;
    }
    const auto again = lab.fetch(request("f"));
    lab.expect_whole(*again, lab.origin.files[kUrl].bytes);
    EXPECT_EQ(lab.cache.records.size(), 1U) << step;
    if (done) break;
  }
}

TEST_F(Transfer, DestroyedWithEverythingInFlight) {
  for (int step = 0; step < 40; step += 3) {
    TransferLab lab;
    lab.origin.files[kUrl] = make_file(kUrl, 1, kSize);
    auto recorder = std::make_shared<Recorder>();
    TransferRequest asked = request("f");
    asked.parallel_ranges = 1U + static_cast<unsigned>(step) % 3U;
    (void)lab.start(asked, recorder);
    for (int i = 0; i < step; ++i) lab.loop.advance(std::chrono::milliseconds(3));
    recorder->stopped = !recorder->result.has_value();
    lab.transfers.reset();
    lab.loop.advance(std::chrono::seconds(5));
    EXPECT_EQ(lab.origin.running(), 0U);
  }
}

}  // namespace
}  // namespace larder::test
