// Transfers over the real cache in a directory of the test's own: what the fakes promise of it must hold.
#include <cstring>

#include "cache/index/schema.h"
#include "database/database.h"
#include "tests/support/temp_directory.h"
#include "tests/unit/transfer/transfer_lab.h"

namespace larder::test {
namespace {

using agent::TransferRequest;

constexpr std::size_t kSize = 9 * kMiB + 5000;

class RealCache : public ::testing::Test {
 protected:
  RealCache() {
    log::set_level(log::Level::off);
    origin_.gap = {};
    origin_.chunk = 256 * 1024;
    origin_.files[kUrl] = make_file(kUrl, 1, kSize);
    neighbours_.around = false;
    open();
  }
  ~RealCache() override { close(); }

  // The agent is started again over what the last one left.
  void open() {
    auto database = cache::Database::open(directory_ / "larder.db", cache::cache_schema(), loop_);
    ASSERT_TRUE(database) << database.error().text();
    database_ = std::move(*database);
    disk_ = std::make_unique<WorkerPool>("disk", 2, 1024);
    cache::CacheSettings settings;
    settings.state_directory = directory_.path();
    settings.max_size = kGiB;
    settings.keep_free = 1;
    auto cache = cache::make_cache(settings, loop_.runtime(), *files_, *disk_, *database_);
    ASSERT_TRUE(cache) << cache.error().text();
    cache_ = std::move(*cache);
    const auto blocking = [this](Task task) { return disk_->submit(std::move(task)); };
    transfers_ = std::make_unique<agent::Manager>(*cache_, origin_, loop_.runtime(), blocking, &neighbours_);
  }
  void close() {
    transfers_.reset();
    pump([] { return false; }, 20);
    cache_.reset();
    disk_.reset();
    database_.reset();
    loop_.run_ready();
  }

  // Virtual time goes on in small steps while the real threads work.
  bool pump(const std::function<bool()>& done, int steps = 20'000) {
    for (int i = 0; i < steps; ++i) {
      loop_.advance(std::chrono::milliseconds(5));
      if (loop_.wait_for(done, std::chrono::milliseconds(1))) return true;
    }
    return false;
  }

  std::shared_ptr<Recorder> fetch(TransferRequest request) {
    auto recorder = std::make_shared<Recorder>();
    transfers_->start(std::move(request), recorder);
    EXPECT_TRUE(pump([&] { return recorder->result.has_value(); })) << "it never ended";
    return recorder;
  }

  std::shared_ptr<Recorder> fetch_patiently(const TransferRequest& request) {
    auto recorder = fetch(request);
    for (int i = 0; i < 20 && !recorder->ok() && recorder->code() == ErrorCode::connection_lost; ++i) {
      recorder = fetch(request);
    }
    return recorder;
  }

  template <class T>
  Result<T> wait(const std::function<void(cache::Done<T>)>& ask) {
    auto answer = std::make_shared<std::optional<Result<T>>>();
    ask([answer](Result<T> result) { answer->emplace(std::move(result)); });
    EXPECT_TRUE(pump([&] { return answer->has_value(); }));
    return std::move(**answer);
  }

  std::vector<cache::ContentInfo> all() {
    auto list = wait<std::vector<cache::ContentInfo>>([this](auto done) { cache_->list({}, std::move(done)); });
    EXPECT_TRUE(list);
    return list ? *list : std::vector<cache::ContentInfo>();
  }

  // What was let go of leaves the list when its rows and files are gone: the threads of disk and database decide when.
  std::size_t contents_in_the_end(std::size_t wanted) {
    std::size_t there = all().size();
    for (int i = 0; i < 400 && there != wanted; ++i) there = all().size();
    return there;
  }

  void expect_whole(const Recorder& recorder, const std::vector<std::byte>& bytes) {
    ASSERT_TRUE(recorder.result.has_value());
    ASSERT_TRUE(recorder.ok()) << recorder.error().text();
    const agent::TransferResult& result = recorder.value();
    EXPECT_EQ(result.content.size, bytes.size());
    const agent::SourceFigures& figures = result.figures;
    EXPECT_EQ(figures.origin + figures.peers + figures.cache, bytes.size());
    using Lease = std::shared_ptr<cache::ContentLease>;
    const auto lease = wait<Lease>([&](auto done) { cache_->open(result.content.id, std::move(done)); });
    ASSERT_TRUE(lease) << lease.error().text();
    std::vector<std::byte> there(bytes.size());
    const auto got = (*lease)->file().read_at(0, there);
    ASSERT_TRUE(got);
    EXPECT_EQ(*got, bytes.size());
    EXPECT_TRUE(there == bytes) << "the content is not the edition";
  }

  TempDirectory directory_;
  VirtualLoop loop_;
  std::unique_ptr<FileSystem> files_ = make_posix_file_system();
  FakeOrigin origin_{loop_.runtime()};
  FakeNeighbours neighbours_{loop_.runtime()};
  std::unique_ptr<cache::Database> database_;
  std::unique_ptr<WorkerPool> disk_;
  std::unique_ptr<cache::Cache> cache_;
  std::unique_ptr<agent::Manager> transfers_;
};

TEST_F(RealCache, FetchedHitAndHitByDigestAfterARestart) {
  TransferRequest asked = TransferLab::request("f");
  asked.want_sha256 = true;
  const auto& bytes = origin_.files[kUrl].bytes;
  const auto first = fetch(asked);
  expect_whole(*first, bytes);
  EXPECT_EQ(first->value().figures.origin, kSize);
  EXPECT_EQ(first->value().sha256, sha256(bytes));
  EXPECT_EQ(origin_.probes, 0U);
  close();
  open();
  const auto second = fetch(TransferLab::request("g"));
  expect_whole(*second, bytes);
  EXPECT_EQ(second->value().figures.cache, kSize);
  EXPECT_EQ(origin_.probes, 1U);
  TransferRequest by_digest = TransferLab::request("h", "http://origin.test/elsewhere");
  by_digest.sha256 = sha256(bytes);
  const auto third = fetch(by_digest);
  expect_whole(*third, bytes);
  EXPECT_EQ(origin_.probes, 1U);
}

TEST_F(RealCache, AnAttemptThatBrokeIsGoneOnWithAfterARestart) {
  const Error refused{ErrorCode::connect_failed, "connect", "refused"};
  origin_.script = {Behaviour{{}, cache::kMinSegment + kMiB}, Behaviour{refused}};
  EXPECT_FALSE(fetch(TransferLab::request("f"))->ok());
  close();
  open();
  const auto got = fetch(TransferLab::request("f"));
  expect_whole(*got, origin_.files[kUrl].bytes);
  EXPECT_EQ(origin_.fetches.back().offset, cache::kMinSegment);
  EXPECT_EQ(got->value().figures.origin, kSize);
  EXPECT_EQ(contents_in_the_end(1), 1U);
}

// An origin that always breaks before a segment is whole.
TEST_F(RealCache, BytesBelowASegmentAreThereForTheNextAttempt) {
  const auto& bytes = origin_.files[kUrl].bytes;
  constexpr std::uint64_t kBreaks = 700'000;
  std::uint64_t most = 0;
  std::shared_ptr<Recorder> got;
  for (int attempt = 0;; ++attempt) {
    ASSERT_LT(attempt, 20) << "it never comes to its end";
    origin_.script = {Behaviour{{}, kBreaks}};
    got = fetch(TransferLab::request("f"));
    if (got->ok()) break;
    ASSERT_EQ(got->code(), ErrorCode::connection_lost) << got->error().text();
    const agent::TransferProgress& last = got->progress.back();
    EXPECT_GE(last.bytes + kBlockSize, most + kBreaks) << "less than a block of each attempt is lost";
    EXPECT_LT(last.figures.wasted, kBlockSize) << "and that alone is wasted";
    most = last.bytes;
  }
  expect_whole(*got, bytes);
  EXPECT_EQ(got->value().figures.origin, kSize);
  for (std::size_t i = 1; i < origin_.fetches.size(); ++i) {
    EXPECT_GT(origin_.fetches[i].offset, origin_.fetches[i - 1].offset);
    EXPECT_EQ(origin_.fetches[i].expected, origin_.files[kUrl].edition.version) << "or else the bytes could be of two";
  }
  EXPECT_EQ(contents_in_the_end(1), 1U);
}

TEST_F(RealCache, BytesBelowASegmentOfAnotherEditionAreNotGoneOnWith) {
  origin_.script = {Behaviour{{}, 700'000}};
  EXPECT_FALSE(fetch(TransferLab::request("f"))->ok());
  origin_.publish(kUrl, make_file(kUrl, 2, kSize));
  origin_.script = {Behaviour{{}, 800'000}};
  EXPECT_FALSE(fetch(TransferLab::request("f"))->ok());
  EXPECT_EQ(origin_.fetches.back().offset, 0U);
  const auto got = fetch(TransferLab::request("f"));
  expect_whole(*got, origin_.files[kUrl].bytes);
  EXPECT_EQ(contents_in_the_end(1), 1U);
}

TEST_F(RealCache, WithoutAValidatorNothingIsKept) {
  origin_.files[kUrl].edition.version.etag.clear();
  origin_.files[kUrl].edition.version.last_modified.clear();
  origin_.script = {Behaviour{{}, 700'000}};
  EXPECT_FALSE(fetch(TransferLab::request("f"))->ok());
  const auto got = fetch(TransferLab::request("f"));
  expect_whole(*got, origin_.files[kUrl].bytes);
  EXPECT_EQ(origin_.fetches.back().offset, 0U);
}

TEST_F(RealCache, BytesBelowASegmentOfOneFileAreNotAnotherFiles) {
  origin_.script = {Behaviour{{}, 700'000}};
  EXPECT_FALSE(fetch(TransferLab::request("f"))->ok());
  const auto other = fetch(TransferLab::request("g"));
  expect_whole(*other, origin_.files[kUrl].bytes);
  EXPECT_EQ(other->value().figures.origin, kSize);
  expect_whole(*fetch(TransferLab::request("f")), origin_.files[kUrl].bytes);
}

TEST_F(RealCache, PrivateContentIsGoneOnWithAndNotFoundByOthers) {
  origin_.files[kUrl].edition.privacy = origin::Privacy::says_no_store;
  const Error refused{ErrorCode::connect_failed, "connect", "refused"};
  origin_.script = {Behaviour{{}, cache::kMinSegment + kMiB}, Behaviour{refused}};
  EXPECT_FALSE(fetch(TransferLab::request("f"))->ok());
  const auto other = fetch(TransferLab::request("g"));
  EXPECT_EQ(other->value().figures.origin, kSize);
  const auto got = fetch(TransferLab::request("f"));
  expect_whole(*got, origin_.files[kUrl].bytes);
  EXPECT_EQ(origin_.fetches.back().offset, cache::kMinSegment + kMiB);
  EXPECT_NE(got->value().content.id, other->value().content.id);
}

TEST_F(RealCache, AChangeMidwayLeavesOnlyTheNewEdition) {
  origin_.gap = std::chrono::milliseconds(5);  // about 200 ms for the whole
  for (int step = 1; step <= 4; ++step) {
    SCOPED_TRACE(step);
    const std::string url = kUrl + std::to_string(step);
    origin_.files[url] = make_file(url, 100, kSize);
    const FakeFile next = make_file(url, 200, kSize - static_cast<std::size_t>(step % 2));
    loop_.after(std::chrono::milliseconds(40 * step), [this, url, next] { origin_.publish(url, next); });
    const auto got = fetch_patiently(TransferLab::request("f" + std::to_string(step), url));
    expect_whole(*got, next.bytes);
    EXPECT_EQ(got->value().content.versions.front(), next.edition.version);
    EXPECT_EQ(got->value().figures.origin, next.bytes.size());
  }
  EXPECT_EQ(contents_in_the_end(2), 2U) << "nothing of the old editions is left, and equal bytes are one content";
}

TEST_F(RealCache, ParallelUnknownSizeEmptyAndRanges) {
  TransferRequest parallel = TransferLab::request("p");
  parallel.parallel_ranges = 3;
  expect_whole(*fetch(parallel), origin_.files[kUrl].bytes);

  const std::string stream = "http://origin.test/stream";
  origin_.files[stream] = make_file(stream, 5, cache::kMinSegment + kMiB + 3);
  origin_.files[stream].edition.version.size.reset();
  const auto streamed = fetch(TransferLab::request("s", stream));
  expect_whole(*streamed, origin_.files[stream].bytes);
  EXPECT_EQ(streamed->value().figures.origin, cache::kMinSegment + kMiB + 3);

  const std::string empty = "http://origin.test/empty";
  origin_.files[empty] = make_file(empty, 6, 0);
  expect_whole(*fetch(TransferLab::request("e", empty)), {});

  TransferRequest ranged = TransferLab::request("r");
  ranged.ranges = {{kMiB, 100000}, {5, 20}, {kSize - 7, UINT64_MAX}};
  std::vector<std::byte> expected;
  for (const ByteRange& range : {ByteRange{kMiB, 100000}, ByteRange{5, 20}, ByteRange{kSize - 7, 7}}) {
    const auto from = origin_.files[kUrl].bytes.begin() + static_cast<std::ptrdiff_t>(range.offset);
    expected.insert(expected.end(), from, from + static_cast<std::ptrdiff_t>(range.length));
  }
  const std::size_t fetches = origin_.fetches.size();
  const auto copied = fetch(ranged);
  expect_whole(*copied, expected);
  EXPECT_EQ(copied->value().figures.cache, expected.size());
  EXPECT_EQ(origin_.fetches.size(), fetches);
  ranged.file_id = "r2";
  ranged.origin_alone = true;
  const auto fetched = fetch(ranged);
  expect_whole(*fetched, expected);
  EXPECT_EQ(fetched->value().figures.origin, expected.size());
}

TEST_F(RealCache, SharedByTwoTheOwnerLeaves) {
  origin_.gap = std::chrono::milliseconds(10);
  const auto a = std::make_shared<Recorder>();
  const auto b = std::make_shared<Recorder>();
  const auto first = transfers_->start(TransferLab::request("a"), a);
  transfers_->start(TransferLab::request("b"), b);
  EXPECT_TRUE(pump([&] { return !a->progress.empty() && a->progress.back().contiguous >= cache::kMinSegment; }));
  transfers_->stop(first);
  a->stopped = true;
  EXPECT_TRUE(pump([&] { return b->result.has_value(); }));
  expect_whole(*b, origin_.files[kUrl].bytes);
  EXPECT_EQ(origin_.fetches.size(), 1U);
  EXPECT_GE(b->value().figures.cache, cache::kMinSegment);
  EXPECT_GT(b->value().figures.origin, 0U);
}

TEST_F(RealCache, FromTheOriginAloneMergesWithEqualBytes) {
  const auto first = fetch(TransferLab::request("f"));
  TransferRequest alone = TransferLab::request("g");
  alone.origin_alone = true;
  const auto second = fetch(alone);
  expect_whole(*second, origin_.files[kUrl].bytes);
  EXPECT_EQ(second->value().figures.origin, kSize);
  EXPECT_EQ(second->value().content.id, first->value().content.id);
  EXPECT_EQ(contents_in_the_end(1), 1U);
}

TEST_F(RealCache, StoppedAnywhereNothingIsOrphaned) {
  origin_.gap = std::chrono::milliseconds(5);
  for (int step = 0; step < 12; ++step) {
    SCOPED_TRACE(step);
    const auto recorder = std::make_shared<Recorder>();
    const auto id = transfers_->start(TransferLab::request("f"), recorder);
    pump([] { return false; }, 4 * step);
    if (!recorder->result) {
      transfers_->stop(id);
      recorder->stopped = true;
    }
    pump([] { return false; }, 20);
    EXPECT_LE(all().size(), 1U);
    if (recorder->result) break;
  }
  const auto got = fetch(TransferLab::request("f"));
  expect_whole(*got, origin_.files[kUrl].bytes);
  EXPECT_EQ(contents_in_the_end(1), 1U);
}

// Three times what a supply delivers ahead: it goes on only because blocks are told to be in the file.
TEST_F(RealCache, BlocksOfPeersAreWrittenToldAndAccountedFor) {
  const FakeFile file = make_file(kUrl, 2, 3 * FakeSupply::kWindow + 5000);
  origin_.files[kUrl] = file;
  const auto supply = std::make_shared<FakeSupply>(loop_.runtime(), file.bytes);
  supply->backwards = true;
  neighbours_.around = true;
  neighbours_.supplies[file.edition.version.etag] = supply;
  TransferRequest wanted = TransferLab::request("a");
  wanted.want_sha256 = true;
  const auto recorder = fetch(wanted);
  expect_whole(*recorder, file.bytes);
  EXPECT_EQ(recorder->value().figures.peers, file.bytes.size());
  EXPECT_EQ(recorder->value().sha256, sha256(file.bytes));
  EXPECT_TRUE(origin_.fetches.empty());
  const auto segments = wait<std::vector<cache::SegmentInfo>>(
      [&](auto done) { cache_->segments(recorder->value().content.id, std::move(done)); });
  ASSERT_TRUE(segments);
  for (const cache::SegmentInfo& segment : *segments) {
    EXPECT_EQ(segment.peer_bytes, segment.range.length);
    EXPECT_EQ(segment.attestation, supply->attestation(segment.index));
  }
}

TEST_F(RealCache, PeersThatStallAreReplacedWithinASegment) {
  const FakeFile file = make_file(kUrl, 2, 2 * cache::kMinSegment + kMiB);
  origin_.files[kUrl] = file;
  const auto supply = std::make_shared<FakeSupply>(loop_.runtime(), file.bytes);
  supply->stuck_after = cache::kMinSegment + kMiB;
  neighbours_.around = true;
  neighbours_.supplies[file.edition.version.etag] = supply;
  const auto recorder = fetch(TransferLab::request("a"));
  expect_whole(*recorder, file.bytes);
  const agent::SourceFigures& figures = recorder->value().figures;
  EXPECT_GT(figures.peers, 0U);
  EXPECT_GT(figures.origin, 0U);
  EXPECT_EQ(figures.origin + figures.peers + figures.wasted, origin_.delivered + supply->delivered);
}

TEST_F(RealCache, WhatAJobDoesNotShareIsFoundHereAndOfferedToNobody) {
  TransferRequest quiet = TransferLab::request("a");
  quiet.share = false;
  ASSERT_TRUE(fetch(quiet)->ok());
  const auto offered = [this] {
    using Page = std::vector<cache::Cache::Offerable>;
    const auto page = wait<Page>([this](auto done) { cache_->offerable("", 10, std::move(done)); });
    EXPECT_TRUE(page);
    return page ? page->size() : 0;
  };
  EXPECT_EQ(offered(), 0U);
  EXPECT_EQ(fetch(TransferLab::request("b"))->value().figures.cache, kSize);
  ASSERT_EQ(all().size(), 1U);
  EXPECT_FALSE(all()[0].offered);
  origin_.files[kUrl] = make_file(kUrl, 3, kSize);
  ASSERT_TRUE(fetch(TransferLab::request("c"))->ok());
  EXPECT_EQ(offered(), 1U);
}

}  // namespace
}  // namespace larder::test
