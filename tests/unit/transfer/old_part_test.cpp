// What is there of an edition stays until another one is whole; what need not be the origin's is no edition.
#include "tests/unit/transfer/transfer_lab.h"

namespace larder::test {
namespace {

constexpr std::size_t kSize = 20 * kMiB;
constexpr std::uint64_t kCut = 9 * kMiB;

class OldPart : public ::testing::Test, public TransferLab {
 protected:
  OldPart() {
    old.edition.media_type = "application/octet-stream";
    portal.edition.version = {kUrl, 2000, "", ""};
    portal.edition.ranges = false;
    portal.edition.one_stream = true;
    portal.edition.any_validator = false;
    portal.edition.media_type = "text/html";
    portal.edition.effective_url = "http://portal.test/login";
    portal.edition.privacy = origin::Privacy::no_validator;
    origin.files[kUrl] = old;
  }

  // Some of the old edition, then the link breaks; what answers next is `then`.
  std::shared_ptr<Recorder> begin_and_break() {
    origin.script = {Behaviour{{}, kCut}, Behaviour{Error{ErrorCode::connection_lost, "fetch", "away"}}};
    auto broken = fetch(request("f"));
    EXPECT_EQ(broken->code(), ErrorCode::connection_lost);
    EXPECT_EQ(parts(), 1U);
    return broken;
  }
  [[nodiscard]] std::size_t parts() const {
    std::size_t count = 0;
    for (const auto& [id, record] : cache.records) count += record.holders.contains("f") && !record.segments.empty();
    return count;
  }
  void expect_no_more_than_once(const Recorder& done) {
    expect_whole(done, old.bytes);
    EXPECT_LE(origin.delivered, kSize + cache::kMinSegment + portal.bytes.size());
  }

  FakeFile old = make_file(kUrl, 1, kSize);
  FakeFile next = make_file(kUrl, 2, kSize + 5);
  FakeFile portal = make_file(kUrl, 3, 2000);
};

TEST_F(OldPart, StaysUntilTheNewEditionIsWhole) {
  begin_and_break();
  origin.publish(kUrl, next);
  origin.script = {Behaviour{{}, kCut}, Behaviour{Error{ErrorCode::connection_lost, "fetch", "away"}}};
  EXPECT_EQ(fetch(request("f"))->code(), ErrorCode::connection_lost);
  EXPECT_EQ(parts(), 2U) << "of both editions";
  const auto got = fetch(request("f"));
  expect_whole(*got, next.bytes);
  EXPECT_EQ(cache.records.size(), 1U) << "the old part is gone";
  EXPECT_GT(got->value().figures.wasted, 0U);
}

TEST_F(OldPart, IsGoneOnWithWhenItsEditionComesBack) {
  begin_and_break();
  origin.publish(kUrl, next);
  origin.script = {Behaviour{{}, 3 * kMiB}, Behaviour{Error{ErrorCode::connection_lost, "fetch", "away"}}};
  EXPECT_EQ(fetch(request("f"))->code(), ErrorCode::connection_lost);
  restart();
  origin.publish(kUrl, old);
  const auto got = fetch(request("f"));
  expect_whole(*got, old.bytes);
  EXPECT_EQ(cache.records.size(), 1U);
  EXPECT_LE(origin.delivered, kSize + 3 * kMiB + cache::kMinSegment);
}

TEST_F(OldPart, OfManyEditionsOneIsKeptBesideTheNewOne) {
  begin_and_break();
  for (std::uint64_t seed = 10; seed < 14; ++seed) {
    origin.publish(kUrl, make_file(kUrl, seed, kSize));
    origin.script = {Behaviour{{}, 5 * kMiB}, Behaviour{Error{ErrorCode::connection_lost, "fetch", "away"}}};
    EXPECT_EQ(fetch(request("f"))->code(), ErrorCode::connection_lost);
    EXPECT_LE(parts(), 2U);
  }
  origin.publish(kUrl, old);
  expect_whole(*fetch(request("f")), old.bytes);
  EXPECT_EQ(cache.records.size(), 1U);
}

TEST_F(OldPart, ComesBackWithinOneAttempt) {
  origin.files[kUrl] = old;
  loop.after(std::chrono::milliseconds(700), [this] { origin.publish(kUrl, next); });
  loop.after(std::chrono::milliseconds(1100), [this] { origin.publish(kUrl, old); });
  const auto got = fetch(request("f"));
  expect_whole(*got, old.bytes);
  EXPECT_EQ(got->progress.back().restarts, 2U);
  EXPECT_EQ(got->value().figures.origin + got->value().figures.wasted, origin.delivered);
  EXPECT_LT(got->value().figures.wasted, 8 * kMiB) << "what was there of the old edition was not fetched twice";
}

TEST_F(OldPart, APortalIsNoEdition) {
  begin_and_break();
  origin.publish(kUrl, portal);
  const auto doubted = fetch(request("f"));
  ASSERT_FALSE(doubted->ok());
  EXPECT_EQ(doubted->code(), ErrorCode::http_transient);
  EXPECT_NE(doubted->error().text().find("need not be the origin's"), std::string::npos) << doubted->error().text();
  EXPECT_EQ(parts(), 1U);
  restart();
  EXPECT_EQ(fetch(request("f"))->code(), ErrorCode::http_transient) << "after a restart of the agent too";
  origin.publish(kUrl, old);
  expect_no_more_than_once(*fetch(request("f")));
}

TEST_F(OldPart, APortalInTheMiddleIsNoEdition) {
  loop.after(std::chrono::milliseconds(700), [this] { origin.publish(kUrl, portal); });
  const auto doubted = fetch(request("f"));
  ASSERT_FALSE(doubted->ok());
  EXPECT_EQ(doubted->code(), ErrorCode::http_transient);
  EXPECT_EQ(parts(), 1U);
  EXPECT_GT(doubted->progress.back().bytes, 0U) << "what is there is still told";
  origin.publish(kUrl, old);
  expect_no_more_than_once(*fetch(request("f")));
}

TEST_F(OldPart, APortalBeforeTheFirstSegmentIsNoEditionEither) {
  loop.after(std::chrono::milliseconds(150), [this] { origin.publish(kUrl, portal); });
  const auto doubted = fetch(request("f"));
  ASSERT_FALSE(doubted->ok());
  EXPECT_EQ(doubted->code(), ErrorCode::http_transient) << doubted->error().text();
}

TEST_F(OldPart, EachSignOfAPortalAloneIsAnEdition) {
  const auto expect_taken = [this](const FakeFile& file, const char* what) {
    TransferLab lab;
    lab.origin.files[kUrl] = old;
    lab.origin.script = {Behaviour{{}, kCut}, Behaviour{Error{ErrorCode::connection_lost, "fetch", "away"}}};
    EXPECT_EQ(lab.fetch(request("f"))->code(), ErrorCode::connection_lost);
    lab.origin.publish(kUrl, file);
    const auto got = lab.fetch(request("f"));
    ASSERT_TRUE(got->ok()) << what << ": " << got->error().text();
    lab.expect_whole(*got, file.bytes);
    EXPECT_EQ(lab.cache.records.size(), 1U) << what;
  };
  FakeFile same_host = portal, same_type = portal, with_validator = portal;
  same_host.edition.effective_url = "http://origin.test/login";
  same_type.edition.media_type = old.edition.media_type;
  with_validator.edition.any_validator = true;
  expect_taken(same_host, "the same host");
  expect_taken(same_type, "the same type");
  expect_taken(with_validator, "some validator");
}

TEST_F(OldPart, ARedirectToWhereNoneMayLeadIsNoLastWord) {
  const Error forbidden{ErrorCode::redirect_forbidden, "fetch", "it redirects to a private address"};
  origin.unreachable = forbidden;
  EXPECT_EQ(fetch(request("f"))->code(), ErrorCode::redirect_forbidden) << "nothing was begun";
  origin.unreachable.reset();
  begin_and_break();
  origin.unreachable = forbidden;
  const auto doubted = fetch(request("f"));
  EXPECT_EQ(doubted->code(), ErrorCode::http_transient);
  EXPECT_NE(doubted->error().detail.find("need not be the origin's"), std::string::npos);
  EXPECT_EQ(parts(), 1U);
  origin.unreachable.reset();
  expect_no_more_than_once(*fetch(request("f")));
}

TEST_F(OldPart, APortalAtTheVeryFirstIsTakenAsItIs) {
  origin.files[kUrl] = portal;
  expect_whole(*fetch(request("f")), portal.bytes);
}

TEST_F(OldPart, GivesWayWhereThereIsNoRoomForTheNewOne) {
  begin_and_break();
  origin.publish(kUrl, next);
  cache.disk_room = kSize;
  const auto full = fetch(request("f"));
  ASSERT_FALSE(full->ok());
  EXPECT_EQ(full->code(), ErrorCode::disk_full);
  EXPECT_EQ(parts(), 0U);
  cache.disk_room = UINT64_MAX;
  expect_whole(*fetch(request("f")), next.bytes);
}

TEST_F(OldPart, AFileFetchedAnewAfterAVerdictKeepsNone) {
  begin_and_break();
  agent::TransferRequest anew = request("f");
  anew.origin_alone = true;
  origin.publish(kUrl, next);
  origin.script = {Behaviour{{}, kCut}, Behaviour{Error{ErrorCode::connection_lost, "fetch", "away"}}};
  EXPECT_EQ(fetch(anew)->code(), ErrorCode::connection_lost);
  EXPECT_EQ(parts(), 1U) << "what may be wrong is not gone on with, so it need not stay";
}

// A HEAD, or a byte of the file, may name the edition and say nothing of the end; the GET then ends with the
// connection.
TEST_F(OldPart, WhatEndsWithTheConnectionIsForOneFileOnly) {
  FakeFile open = make_file(kUrl, 4, 3 * kMiB);
  open.edition.version.size.reset();
  open.edition.ranges = false;
  open.edition.one_stream = true;
  FakeFile head = open;
  open.edition.end_announced = false;
  open.edition.privacy = origin::Privacy::end_not_announced;
  origin.files[kUrl] = open;
  origin.heads[kUrl] = head;
  (void)cache.put({kUrl, 10, "\"old\"", ""}, edition_bytes(9, 10));
  origin.script = {Behaviour{}, Behaviour{{}, kMiB, ErrorCode::connection_lost, false, true}};
  const auto cut = fetch(request("f"));
  ASSERT_TRUE(cut->ok()) << cut->error().text();
  EXPECT_FALSE(cut->value().content.shareable);
  const auto other = fetch(request("g"));
  expect_whole(*other, open.bytes);
  EXPECT_EQ(other->value().figures.cache, 0U);
  // The first file's own content is no more to be trusted than it was then.
  expect_whole(*fetch(request("f")), open.bytes);
}

TEST_F(OldPart, ADigestThatComesWithTheBytesCounts) {
  (void)cache.put({kUrl, 10, "\"old\"", ""}, edition_bytes(9, 10));
  origin.heads[kUrl] = old;
  FakeFile promised = old;
  promised.edition.sha256 = sha256(as_bytes("other"));
  origin.files[kUrl] = promised;
  const auto got = fetch(request("f"));
  ASSERT_TRUE(got->ok());
  EXPECT_EQ(got->value().origin_sha256, promised.edition.sha256) << "for the verdict";
  EXPECT_TRUE(got->value().sha256.has_value());
}

// Neighbours come by the old edition when the origin, which has published another one, cannot be reached any more.
class OldPartAmongNeighbours : public ::testing::Test, public TransferLab {
 protected:
  OldPartAmongNeighbours() : TransferLab(1, false) {}
};

TEST_F(OldPartAmongNeighbours, IsAsOldAsTheAttemptInWhichTheOriginNamedItsEdition) {
  const FakeFile old = make_file(kUrl, 1, kSize);
  origin.files[kUrl] = old;
  bool published = false;
  loop.after(std::chrono::milliseconds(700), [&] {
    published = true;
    origin.publish(kUrl, make_file(kUrl, 2, kSize + 5));
    neighbours.supplies[old.edition.version.etag] = std::make_shared<FakeSupply>(loop.runtime(), old.bytes);
  });
  // The next request still hears of the new edition; the one after that finds nobody.
  origin.behave = [&](const origin::Fetch&) {
    if (published) {
      loop.after(origin.latency + origin.latency / 2, [this] {
        origin.unreachable = Error{ErrorCode::connect_failed, "probe " + kUrl, "connection refused"};
      });
    }
    return Behaviour{};
  };
  const WallTime began = loop.wall();
  const auto got = fetch(request("f"));
  expect_whole(*got, old.bytes);
  ASSERT_TRUE(got->value().offline.has_value());
  EXPECT_GE(*got->value().offline, began);
}

}  // namespace
}  // namespace larder::test
