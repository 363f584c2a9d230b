// Transfers with neighbours around.
#include <numeric>

#include "base/hash/merkle.h"
#include "peer/messages/attestation.h"
#include "peer/swarm/windows.h"
#include "tests/unit/transfer/transfer_lab.h"

namespace larder::test {
namespace {

using agent::TransferRequest;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::uint64_t kSegment = cache::kMinSegment;

class Peers : public testing::Test, public TransferLab {
 protected:
  Peers() : TransferLab(1, false) {}

  void publish(std::size_t size, bool with_peers = true) {
    FakeFile file = make_file(kUrl, 1, size);
    bytes = file.bytes;
    version = file.edition.version;
    origin.publish(kUrl, std::move(file));
    supply = std::make_shared<FakeSupply>(loop.runtime(), bytes);
    if (with_peers) neighbours.supplies[version.etag] = supply;
  }
  [[nodiscard]] Duration longest_gap(const Recorder& recorder) const {
    Duration longest{};
    SteadyTime last = began;
    std::uint64_t most = 0;
    for (std::size_t i = 0; i < recorder.progress.size(); ++i) {
      if (recorder.progress[i].bytes <= most) continue;
      most = recorder.progress[i].bytes;
      longest = std::max(longest, recorder.times[i] - last);
      last = recorder.times[i];
    }
    return std::max(longest, loop.now() - last);
  }
  std::shared_ptr<Recorder> get(TransferRequest request) {
    began = loop.now();
    auto recorder = fetch(std::move(request));
    if (recorder->ok()) expect_whole(*recorder, bytes);
    return recorder;
  }
  // Every byte that somebody sent is accounted for.
  void expect_sent(const Recorder& recorder) {
    const agent::SourceFigures& figures = recorder.value().figures;
    EXPECT_EQ(figures.origin + figures.peers + figures.wasted, origin.delivered + supply->delivered);
  }

  std::vector<std::byte> bytes;
  cache::Version version;
  std::shared_ptr<FakeSupply> supply;
  SteadyTime began{};
};

TEST_F(Peers, GiveEverythingAndTheOriginIsOnlyProbed) {
  publish(3 * kSegment + 1000);
  const auto recorder = get(request("a"));
  ASSERT_TRUE(recorder->ok());
  EXPECT_EQ(origin.probes, 1U);
  EXPECT_TRUE(origin.fetches.empty());
  EXPECT_EQ(recorder->value().figures.peers, bytes.size());
  EXPECT_EQ(recorder->value().figures.wasted, 0U);
  EXPECT_EQ(neighbours.prefetched, std::vector<std::string>{kUrl});
  ASSERT_EQ(neighbours.queries.size(), 1U);
  EXPECT_EQ(neighbours.queries[0].version, version);
  EXPECT_EQ(neighbours.queries[0].content, recorder->value().content.id);
  ASSERT_EQ(neighbours.whole.size(), 1U);
  ASSERT_EQ(neighbours.whole[0].segments.size(), 4U);
  for (const cache::SegmentInfo& segment : neighbours.whole[0].segments) {
    EXPECT_EQ(segment.peer_bytes, segment.range.length);
    EXPECT_EQ(segment.attestation, supply->attestation(segment.index));
  }
  EXPECT_GT(recorder->progress.back().figures.peers, 0U);
  expect_sent(*recorder);
}

TEST_F(Peers, ASmallContentComesInOne) {
  publish(1000);
  const auto recorder = get(request("a"));
  EXPECT_EQ(recorder->value().figures.peers, 1000U);
  EXPECT_LT(loop.now() - began, milliseconds(20 + 20)) << "probe, look-up, delivery";
}

TEST_F(Peers, WithNobodyAroundTheGetIsTheProbe) {
  publish(kSegment);
  neighbours.around = false;
  ASSERT_TRUE(get(request("a"))->ok());
  EXPECT_EQ(origin.probes, 0U);
  EXPECT_TRUE(neighbours.queries.empty());
}

TEST_F(Peers, WhoHasNothingCostsTheLookUpAlone) {
  publish(kSegment, false);
  const auto recorder = get(request("a"));
  ASSERT_TRUE(recorder->ok());
  const Duration with = loop.now() - began;
  EXPECT_EQ(recorder->value().figures.origin, bytes.size());
  ASSERT_EQ(neighbours.whole.size(), 1U);
  EXPECT_EQ(neighbours.whole[0].segments[0].peer_bytes, 0U);
  // The same without neighbours, a probe first too since the URL is known by now.
  cache.records.clear();
  const TransferRequest alone = [&] {
    TransferRequest made = request("b");
    made.use_peers = false;
    made.parallel_ranges = 2;  // probes first as well
    return made;
  }();
  ASSERT_TRUE(get(alone)->ok());
  EXPECT_LE(with - (loop.now() - began), milliseconds(20));
}

TEST_F(Peers, TheOriginDoesNotWaitForASlowLookUp) {
  publish(kSegment, false);
  neighbours.latency = seconds(2);
  const auto recorder = get(request("a"));
  ASSERT_TRUE(recorder->ok());
  // Probe 20 ms, at most 300 ms of waiting, answer 20 ms, then 64 chunks of 5 ms.
  EXPECT_LE(loop.now() - began, milliseconds(20 + 300 + 20 + 66 * 5));
}

TEST_F(Peers, ThatAnswerLateTakeOverTheRest) {
  publish(6 * kSegment);
  neighbours.latency = milliseconds(400);
  const auto recorder = get(request("a"));
  ASSERT_TRUE(recorder->ok());
  EXPECT_GT(recorder->value().figures.origin, 0U);
  EXPECT_LE(recorder->value().figures.origin, kSegment);
  EXPECT_EQ(origin.fetches.size(), 1U);
  expect_sent(*recorder);
}

TEST_F(Peers, ThatAnswerBeforeTheOriginDoesTakeEverything) {
  publish(2 * kSegment);
  origin.latency = milliseconds(200);
  neighbours.latency = milliseconds(100);
  const auto recorder = get(request("a"));
  EXPECT_EQ(recorder->value().figures.peers, bytes.size());
  EXPECT_EQ(origin.delivered, 0U);
}

TEST_F(Peers, AndTheOriginShareTheWorkWithoutOverlap) {
  publish(6 * kSegment);
  supply->has = {{1, 3, 4}};
  const auto recorder = get(request("a"));
  EXPECT_EQ(recorder->value().figures.peers, 3 * kSegment);
  EXPECT_EQ(recorder->value().figures.origin, 3 * kSegment);
  EXPECT_EQ(recorder->value().figures.wasted, 0U);
  for (const origin::Fetch& fetch : origin.fetches) {
    const std::uint64_t segment = fetch.offset / kSegment;
    EXPECT_TRUE(segment == 0 || segment == 2 || segment == 5) << segment;
  }
  expect_sent(*recorder);
}

TEST_F(Peers, ThatComeMidwayTakeWhatIsNotBegun) {
  publish(6 * kSegment);
  supply->has = std::vector<std::uint64_t>{};
  supply->holding = 0;
  loop.after(milliseconds(200), [this] { supply->change(std::nullopt, 1); });
  const auto recorder = get(request("a"));
  EXPECT_GE(recorder->value().figures.peers, 5 * kSegment);
  expect_sent(*recorder);
}

TEST_F(Peers, ThatGoAwayMidwayAreNotMissed) {
  publish(6 * kSegment);
  supply->refuse_after = 2 * cache::kMinSegment + kMiB;
  loop.after(milliseconds(250), [this] { supply->change(std::vector<std::uint64_t>{}, 0); });
  const auto recorder = get(request("a"));
  ASSERT_TRUE(recorder->ok());
  EXPECT_EQ(recorder->value().figures.peers, 2 * cache::kMinSegment + kMiB);
  EXPECT_LT(longest_gap(*recorder), seconds(1));
  expect_sent(*recorder);
}

// Somebody attested other bytes than the origin has, and brings them.
class LyingPeers : public Peers {
 protected:
  void publish_and_lie(std::size_t size, std::uint64_t before_they_go) {
    publish(size);
    std::vector<std::byte> wrong = bytes;
    for (std::byte& byte : wrong) byte ^= std::byte{0x5a};
    attest_and_go(wrong, before_they_go);
  }
  // Peers bring so many bytes of `theirs`, which they attest.
  void attest_and_go(const std::vector<std::byte>& theirs, std::uint64_t before_they_go) {
    supply = std::make_shared<FakeSupply>(loop.runtime(), theirs);
    supply->refuse_after = before_they_go;
    supply->in_turns = false;
    neighbours.supplies[version.etag] = supply;
    const cache::SegmentLayout layout(theirs.size());
    for (std::uint64_t i = 0; i < layout.count(); ++i) {
      const ByteRange range = layout.range(i);
      std::vector<Digest> leaves(block_count(range.length));
      hash_blocks(Bytes(theirs).subspan(range.offset, range.length), leaves);
      peer::Attestation attestation;
      attestation.version = peer::version_digest(version);
      attestation.size = theirs.size();
      attestation.segment = i;
      attestation.root = peer::segment_root(layout, leaves);
      supply->attested[i] = peer::encode_attestations({attestation});
    }
  }
};

TEST_F(LyingPeers, AreFoundOutWhereTheOriginFillsASegmentUp) {
  publish_and_lie(3 * kSegment, kSegment + kSegment / 2);
  const auto recorder = get(request("a"));
  ASSERT_TRUE(recorder->ok());
  EXPECT_EQ(recorder->value().figures.origin, bytes.size()) << "everything from it alone";
  ASSERT_EQ(neighbours.bad.size(), 1U);
  EXPECT_EQ(neighbours.bad[0].version, version);
  const auto& bad = neighbours.bad[0].segments;
  EXPECT_TRUE(std::any_of(bad.begin(), bad.end(), [](const cache::SegmentInfo& segment) {
    return segment.peer_bytes > 0 && segment.peer_bytes < segment.range.length;
  }));
  ASSERT_EQ(neighbours.whole.size(), 1U) << "what the origin says is compared with what was attested";
  for (const cache::SegmentInfo& segment : neighbours.whole[0].segments) EXPECT_EQ(segment.peer_bytes, 0U);
  EXPECT_EQ(cache.records.size(), 1U) << "nothing of theirs is kept";
  EXPECT_EQ(neighbours.queries.size(), 1U) << "they are not asked again";
}

TEST_F(LyingPeers, AreFoundOutWithTheLastSegmentToo) {
  publish_and_lie(kSegment / 2, kSegment / 4);
  const auto recorder = get(request("a"));
  ASSERT_TRUE(recorder->ok());
  EXPECT_EQ(recorder->value().figures.origin, bytes.size());
  EXPECT_EQ(neighbours.bad.size(), 1U);
  EXPECT_EQ(cache.records.size(), 1U);
}

TEST_F(LyingPeers, AreFoundOutWhileTheContentIsOnItsLastSteps) {
  cache.write_latency = milliseconds(100);  // it shows after all bytes are there
  cache.last_steps = milliseconds(50);
  publish_and_lie(kSegment / 2, kSegment / 4);
  const auto recorder = get(request("a"));
  ASSERT_TRUE(recorder->ok());
  EXPECT_EQ(recorder->value().figures.origin, bytes.size());
  EXPECT_EQ(neighbours.bad.size(), 1U);
  loop.advance(milliseconds(200));
  EXPECT_EQ(cache.records.size(), 1U) << "what is of two editions is no record of this version";
}

TEST_F(LyingPeers, LeaveNothingBehindWhereTheJobGoesOnTheLastSteps) {
  cache.write_latency = milliseconds(100);
  cache.last_steps = milliseconds(50);
  publish_and_lie(kSegment / 2, kSegment / 4);
  const auto recorder = std::make_shared<Recorder>();
  const agent::TransferId id = start(request("a"), recorder);
  ASSERT_TRUE(loop.run_until([this] {
    return std::any_of(cache.records.begin(), cache.records.end(),
                       [](const auto& record) { return record.second.completing; });
  }));
  recorder->stopped = true;
  transfers->stop(id);
  loop.advance(milliseconds(200));
  EXPECT_TRUE(cache.records.empty());
}

// Whole segments of theirs: nothing shows by itself that the rest is of something else.
TEST_F(LyingPeers, AreNotMixedWithTheOriginOnceTheyAreContradicted) {
  publish_and_lie(3 * kSegment, 2 * kSegment);
  neighbours.is_contradicted = true;
  const auto recorder = get(request("a"));
  ASSERT_TRUE(recorder->ok());
  EXPECT_EQ(recorder->value().figures.origin, bytes.size()) << "everything from it alone";
  EXPECT_EQ(neighbours.bad.size(), 1U) << "who attested it is remembered";
  EXPECT_EQ(cache.records.size(), 1U);
}

TEST_F(LyingPeers, HonestOnesWhomTheOriginHelpsOutAreNotTakenForThem) {
  publish(3 * kSegment);
  attest_and_go(bytes, kSegment + kSegment / 2);
  const auto recorder = get(request("a"));
  ASSERT_TRUE(recorder->ok());
  EXPECT_EQ(recorder->value().figures.peers, kSegment + kSegment / 2);
  EXPECT_TRUE(neighbours.bad.empty());
  EXPECT_EQ(recorder->value().figures.wasted, 0U);
}

TEST_F(Peers, AreToldOfEqualBytesUnderANewVersion) {
  publish(2 * kSegment, false);
  const auto first = get(request("a"));
  ASSERT_TRUE(first->ok());
  EXPECT_TRUE(neighbours.merges.empty());
  FakeFile file = make_file(kUrl, 1, 2 * kSegment);
  file.edition.version.etag = "\"renamed\"";
  const cache::Version renamed = file.edition.version;
  origin.publish(kUrl, std::move(file));
  const auto second = get(request("b"));
  ASSERT_TRUE(second->ok());
  EXPECT_EQ(second->value().content.id, first->value().content.id);
  ASSERT_EQ(neighbours.merges.size(), 1U);
  EXPECT_EQ(neighbours.merges[0].version, renamed);
  EXPECT_EQ(neighbours.merges[0].segments.size(), 2U);
  EXPECT_EQ(neighbours.merged_into[0], first->value().content.id);
}

TEST_F(Peers, ThatStallAtTheEndCostLittle) {
  publish(6 * kSegment);
  supply->stuck_after = bytes.size() - 100 * 1024;
  for (const bool backwards : {false, true}) {
    supply->backwards = backwards;
    const auto recorder = get(request(backwards ? "b" : "a"));
    ASSERT_TRUE(recorder->ok());
    EXPECT_LT(longest_gap(*recorder), seconds(3));
    EXPECT_LT(origin.delivered, kMiB);
    expect_sent(*recorder);
    cache.records.clear();
    origin.delivered = supply->delivered = 0;
    supply->stuck = false;
  }
}

TEST_F(Peers, ThatNeverDeliverLoseTheirTurn) {
  publish(8 * kSegment);
  supply->stuck = true;
  const auto recorder = get(request("a"));
  ASSERT_TRUE(recorder->ok());
  EXPECT_LT(longest_gap(*recorder), seconds(3));
  EXPECT_EQ(recorder->value().figures.origin, bytes.size());
  EXPECT_EQ(recorder->value().figures.wasted, 0U);
}

TEST_F(Peers, ThatRecoverAreTrustedAgain) {
  publish(40 * kSegment);
  supply->stuck = true;
  loop.after(seconds(2), [this] { supply->go_on(); });
  const auto recorder = get(request("a"));
  ASSERT_TRUE(recorder->ok());
  EXPECT_GT(recorder->value().figures.peers, 20 * kSegment);
  EXPECT_LT(longest_gap(*recorder), seconds(3));
  expect_sent(*recorder);
}

TEST_F(Peers, ThatAreTooSlowAreHelped) {
  publish(6 * kSegment);
  supply->gap = milliseconds(500);  // 128 KiB/s
  TransferRequest foreground = request("a");
  foreground.patience = seconds(1);
  const auto recorder = get(foreground);
  ASSERT_TRUE(recorder->ok());
  EXPECT_GT(recorder->value().figures.origin, 5 * kSegment);
  EXPECT_LT(longest_gap(*recorder), seconds(1));
  // The origin alone takes 2 s; the peers' first second is lost, and little more.
  EXPECT_LT(loop.now() - began, seconds(5));
  expect_sent(*recorder);
}

TEST_F(Peers, ThatDeliverTheMinimumAreLeftAlone) {
  publish(2 * kSegment);
  supply->gap = milliseconds(200);  // 320 KiB/s
  TransferRequest foreground = request("a");
  foreground.patience = seconds(1);
  const auto recorder = get(foreground);
  EXPECT_EQ(recorder->value().figures.peers, bytes.size());
  EXPECT_TRUE(origin.fetches.empty());
}

TEST_F(Peers, GoOnWhereTheOriginBreaks) {
  publish(4 * kSegment);
  supply->has = {{1}};
  origin.behave = [](const origin::Fetch&) {
    Behaviour behaviour;
    behaviour.refuse = Error{ErrorCode::connect_failed, "fetch", "no route"};
    return behaviour;
  };
  loop.after(milliseconds(60), [this] { supply->change(std::nullopt, 2); });
  const auto recorder = get(request("a"));
  ASSERT_TRUE(recorder->ok()) << recorder->error().text();
  EXPECT_EQ(recorder->value().figures.peers, bytes.size());
}

TEST_F(Peers, AndOriginBothGoneIsTheOriginsError) {
  publish(2 * kSegment);
  supply->refuse_after = kMiB;
  origin.behave = [](const origin::Fetch&) {
    Behaviour behaviour;
    behaviour.refuse = Error{ErrorCode::connect_failed, "fetch", "no route"};
    return behaviour;
  };
  const auto recorder = get(request("a"));
  ASSERT_FALSE(recorder->ok());
  EXPECT_EQ(recorder->code(), ErrorCode::connect_failed);
  EXPECT_LT(loop.now() - began, seconds(10));
  origin.behave = nullptr;
  supply->refuse_after.reset();
  EXPECT_TRUE(get(request("a"))->ok());
}

TEST_F(Peers, ChangedEditionsStartOver) {
  publish(3 * kSegment);
  supply->has = {{0}};
  const FakeFile next = make_file(kUrl, 2, 2 * kSegment);
  loop.after(milliseconds(100), [this, next] { origin.publish(kUrl, next); });
  began = loop.now();
  const auto recorder = fetch(request("a"));
  ASSERT_TRUE(recorder->ok());
  expect_whole(*recorder, next.bytes);
  EXPECT_EQ(recorder->value().figures.peers, 0U);
  EXPECT_GT(recorder->value().figures.wasted, 0U);
}

TEST_F(Peers, OfAnotherSizeAreNotBelieved) {
  publish(kSegment, false);
  neighbours.supplies[version.etag] = std::make_shared<FakeSupply>(loop.runtime(), edition_bytes(1, 1000));
  EXPECT_EQ(get(request("a"))->value().figures.origin, bytes.size());
}

TEST_F(Peers, AreNotAskedWhereTheyMustNotBe) {
  publish(kSegment);
  TransferRequest no_peers = request("a");
  no_peers.use_peers = false;
  EXPECT_EQ(get(no_peers)->value().figures.origin, bytes.size());
  cache.records.clear();
  TransferRequest alone = request("b");
  alone.origin_alone = true;
  EXPECT_EQ(get(alone)->value().figures.origin, bytes.size());
  cache.records.clear();
  TransferRequest secret = request("c", "http://user:pass@origin.test/file.iso");
  EXPECT_EQ(get(secret)->value().figures.origin, bytes.size());
  EXPECT_TRUE(neighbours.queries.empty());
  EXPECT_TRUE(neighbours.prefetched.empty());
  cache.records.clear();
  origin.files[kUrl].edition.privacy = origin::Privacy::says_no_store;
  EXPECT_EQ(get(request("d"))->value().figures.origin, bytes.size());
  EXPECT_TRUE(neighbours.queries.empty());
}

TEST_F(Peers, AreNotToldOfWhatIsNotShared) {
  publish(kSegment);
  TransferRequest quiet = request("a");
  quiet.share = false;
  const auto recorder = get(quiet);
  EXPECT_FALSE(cache.records.at(recorder->value().content.id).info.offered);
  EXPECT_TRUE(neighbours.whole.empty());
}

TEST_F(Peers, WhoVouchedForBadContentIsTold) {
  publish(2 * kSegment);
  const auto recorder = get(request("a"));
  bool done = false;
  transfers->judged_bad(version, recorder->value().content.id, {}, [&done] { done = true; });
  loop.run_ready();
  EXPECT_TRUE(done);
  ASSERT_EQ(neighbours.bad.size(), 1U);
  EXPECT_EQ(neighbours.bad[0].version, version);
  ASSERT_EQ(neighbours.bad[0].segments.size(), 2U);
  EXPECT_EQ(neighbours.bad[0].segments[1].attestation, supply->attestation(1));
}

TEST_F(Peers, ASlowDiskHoldsThemBackAndBlamesNobody) {
  publish(6 * kSegment);
  cache.write_latency = milliseconds(400);
  const auto recorder = get(request("a"));
  EXPECT_EQ(recorder->value().figures.peers, bytes.size());
  EXPECT_LE(supply->most_unconsumed, FakeSupply::kWindow + supply->chunk);
  EXPECT_TRUE(origin.fetches.empty());
}

TEST_F(Peers, KeepToARate) {
  publish(24 * kMiB);
  TransferRequest limited = request("a");
  limited.max_rate = 4 * kMiB;
  const auto recorder = get(limited);
  EXPECT_EQ(recorder->value().figures.peers, bytes.size()) << "who keeps to a rate is not slow";
  // What the supply sends ahead is not held back.
  EXPECT_GE(loop.now() - began, seconds(4));
  EXPECT_LE(loop.now() - began, seconds(8));
}

TEST_F(Peers, FiguresHoldAcrossARestart) {
  publish(6 * kSegment);
  supply->stuck_after = 3 * kSegment + kMiB;
  supply->in_turns = false;
  origin.behave = [](const origin::Fetch&) {
    Behaviour behaviour;
    behaviour.refuse = Error{ErrorCode::connect_failed, "fetch", "no route"};
    return behaviour;
  };
  const auto recorder = std::make_shared<Recorder>();
  start(request("a"), recorder);
  loop.advance(seconds(1));
  recorder->stopped = true;
  restart();
  neighbours.supplies.clear();
  origin.behave = nullptr;
  const auto again = get(request("a"));
  ASSERT_TRUE(again->ok());
  EXPECT_GT(again->value().figures.peers, 0U);
  EXPECT_EQ(again->value().figures.peers % kSegment, 0U);
}

TEST_F(Peers, SeveralMembersShareOneRunWithThem) {
  publish(4 * kSegment);
  const auto a = std::make_shared<Recorder>();
  const auto b = std::make_shared<Recorder>();
  start(request("a"), a);
  start(request("b"), b);
  ASSERT_TRUE(loop.run_until([&] { return a->result && b->result; }));
  expect_whole(*a, bytes);
  expect_whole(*b, bytes);
  EXPECT_EQ(supply->delivered, bytes.size());
  EXPECT_EQ(a->value().figures.peers, bytes.size());
  EXPECT_EQ(b->value().figures.cache, bytes.size());
}

class Offline : public Peers {
 protected:
  Offline() {
    publish(2 * kSegment);
    origin.unreachable = Error{ErrorCode::connect_failed, "probe " + kUrl, "connection refused"};
  }
  static TransferRequest offline_request() {
    TransferRequest made = request("a");
    made.offline_ok = true;
    return made;
  }
};

TEST_F(Offline, ByDefaultIsAnError) {
  neighbours.newest = peer::NewestEdition{version, loop.wall(), supply};
  const auto recorder = get(request("a"));
  ASSERT_FALSE(recorder->ok());
  EXPECT_EQ(recorder->code(), ErrorCode::connect_failed);
}

TEST_F(Offline, TakesTheNewestRecordAndSaysSo) {
  const cache::ContentId id = cache.put(version, bytes);
  const WallTime fetched = loop.wall() - std::chrono::hours(3);
  cache.records.at(id).info.created = fetched;
  const auto recorder = get(offline_request());
  ASSERT_TRUE(recorder->ok());
  EXPECT_EQ(recorder->value().offline, fetched);
  EXPECT_NE(recorder->value().note.find("not asked"), std::string::npos);
  EXPECT_NE(recorder->value().note.find("connection refused"), std::string::npos);
  EXPECT_EQ(recorder->value().figures.cache, bytes.size());
}

TEST_F(Offline, TakesNoRecordWithoutAVerdict) {
  const cache::ContentId id = cache.put(version, bytes);
  cache.records.at(id).info.validated = false;
  EXPECT_FALSE(get(offline_request())->ok());
}

TEST_F(Offline, TakesTheNewestOfPeers) {
  const WallTime fetched = loop.wall() - std::chrono::hours(1);
  neighbours.newest = peer::NewestEdition{version, fetched, supply};
  const auto recorder = get(offline_request());
  ASSERT_TRUE(recorder->ok()) << recorder->error().text();
  EXPECT_EQ(recorder->value().offline, fetched);
  EXPECT_EQ(recorder->value().figures.peers, bytes.size());
  EXPECT_TRUE(neighbours.whole.empty());
}

TEST_F(Offline, NobodyHasItIsTheOriginsError) {
  const auto recorder = get(offline_request());
  ASSERT_FALSE(recorder->ok());
  EXPECT_EQ(recorder->code(), ErrorCode::connect_failed);
}

TEST_F(Offline, AnOriginThatAnswersIsAsked) {
  cache.put(version, bytes);
  origin.unreachable = Error{ErrorCode::http_fatal, "probe " + kUrl, "403"};
  const auto recorder = get(offline_request());
  ASSERT_FALSE(recorder->ok());
  EXPECT_EQ(recorder->code(), ErrorCode::http_fatal);
}

}  // namespace
}  // namespace larder::test
