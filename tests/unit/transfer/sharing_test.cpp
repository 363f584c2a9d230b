// Equal requests share one transfer.
#include "tests/unit/transfer/transfer_lab.h"

namespace larder::test {
namespace {

using agent::TransferRequest;

constexpr std::size_t kSize = 2 * cache::kMinSegment + kMiB + 99;

class Sharing : public ::testing::Test, public TransferLab {
 protected:
  Sharing() { origin.files[kUrl] = make_file(kUrl, 1, kSize); }
  [[nodiscard]] const std::vector<std::byte>& bytes() { return origin.files[kUrl].bytes; }
  void finish(std::initializer_list<std::shared_ptr<Recorder>> recorders) {
    EXPECT_TRUE(loop.run_until([&] {
      return std::all_of(recorders.begin(), recorders.end(), [](const auto& one) { return one->result.has_value(); });
    }));
    loop.run_ready();
  }
};

TEST_F(Sharing, TwoFilesOneFetch) {
  const auto a = std::make_shared<Recorder>();
  const auto b = std::make_shared<Recorder>();
  start(request("a"), a);
  loop.advance(std::chrono::milliseconds(300));
  start(request("b"), b);
  finish({a, b});
  expect_whole(*a, bytes());
  expect_whole(*b, bytes());
  EXPECT_EQ(origin.fetches.size(), 1U);
  EXPECT_EQ(a->value().figures.origin, kSize);
  EXPECT_EQ(b->value().figures.cache, kSize);
  EXPECT_EQ(a->value().content.id, b->value().content.id);
  EXPECT_EQ(a->connected + b->connected, 2U);
  EXPECT_EQ(cache.records.begin()->second.holders, (std::set<std::string>{"a", "b"}));
}

TEST_F(Sharing, StartedAtTheSameMomentTheyShareToo) {
  const auto a = std::make_shared<Recorder>();
  const auto b = std::make_shared<Recorder>();
  start(request("a"), a);
  start(request("b"), b);
  finish({a, b});
  EXPECT_EQ(origin.fetches.size(), 1U);
  expect_whole(*b, bytes());
}

TEST_F(Sharing, WhenTheOwnerLeavesTheNextOneOwns) {
  const auto a = std::make_shared<Recorder>();
  const auto b = std::make_shared<Recorder>();
  const auto id = start(request("a"), a);
  start(request("b"), b);
  EXPECT_TRUE(
      loop.run_until([&] { return !a->progress.empty() && a->progress.back().contiguous >= cache::kMinSegment; }));
  loop.advance(std::chrono::milliseconds(7));
  transfers->stop(id);
  a->stopped = true;
  finish({b});
  expect_whole(*b, bytes());
  EXPECT_EQ(origin.fetches.size(), 1U) << "the stream goes on";
  EXPECT_EQ(b->value().figures.cache, cache::kMinSegment) << "the owner's segment";
  EXPECT_EQ(b->value().figures.origin, kSize - cache::kMinSegment);
  EXPECT_EQ(b->value().figures.wasted, 0U);
}

TEST_F(Sharing, WhenAFollowerLeavesNothingChanges) {
  const auto a = std::make_shared<Recorder>();
  const auto b = std::make_shared<Recorder>();
  start(request("a"), a);
  const auto id = start(request("b"), b);
  loop.advance(std::chrono::milliseconds(300));
  transfers->stop(id);
  b->stopped = true;
  finish({a});
  EXPECT_EQ(a->value().figures.origin, kSize);
}

TEST_F(Sharing, TheFasterLimitWins) {
  TransferRequest slow = request("a");
  slow.max_rate = 1000;
  TransferRequest fast = request("b");
  fast.max_rate = 5000;
  const auto a = std::make_shared<Recorder>();
  const auto b = std::make_shared<Recorder>();
  start(slow, a);
  loop.advance(std::chrono::milliseconds(100));
  EXPECT_EQ(origin.rates.begin()->second, 1000U);
  const auto id = start(fast, b);
  loop.advance(std::chrono::milliseconds(10));
  EXPECT_EQ(origin.rates.begin()->second, 5000U);
  transfers->set_rate(id, 0);
  EXPECT_EQ(origin.rates.begin()->second, 0U);
  transfers->stop(id);
  EXPECT_EQ(origin.rates.begin()->second, 1000U);
}

TEST_F(Sharing, AnErrorIsEverybodys) {
  origin.script = {Behaviour{{}, 1000}};
  const auto a = std::make_shared<Recorder>();
  const auto b = std::make_shared<Recorder>();
  start(request("a"), a);
  start(request("b"), b);
  finish({a, b});
  EXPECT_EQ(a->code(), ErrorCode::connection_lost);
  EXPECT_EQ(b->code(), ErrorCode::connection_lost);
  EXPECT_EQ(a->progress.back().figures.wasted, 1000U);
  EXPECT_EQ(b->progress.back().figures.wasted, 0U);
}

TEST_F(Sharing, WhatMayNotBeSharedIsFetchedForEach) {
  origin.files[kUrl].edition.privacy = origin::Privacy::says_no_store;
  const auto a = std::make_shared<Recorder>();
  const auto b = std::make_shared<Recorder>();
  start(request("a"), a);
  start(request("b"), b);
  finish({a, b});
  expect_whole(*a, bytes());
  expect_whole(*b, bytes());
  EXPECT_EQ(origin.fetches.size(), 2U);
  EXPECT_NE(a->value().content.id, b->value().content.id);
}

TEST_F(Sharing, FromTheOriginAloneNobodyIsJoined) {
  const auto a = std::make_shared<Recorder>();
  const auto b = std::make_shared<Recorder>();
  start(request("a"), a);
  TransferRequest alone = request("b");
  alone.origin_alone = true;
  start(alone, b);
  finish({a, b});
  EXPECT_EQ(origin.fetches.size(), 2U);
  EXPECT_EQ(b->value().figures.origin, kSize);
  EXPECT_EQ(a->value().content.id, b->value().content.id) << "equal bytes are one content in the end";
  EXPECT_EQ(cache.records.size(), 1U);
}

TEST_F(Sharing, ALimitOfSizeIsEachMembersOwn) {
  TransferRequest small = request("a");
  small.max_size = kMiB;
  const auto a = std::make_shared<Recorder>();
  const auto b = std::make_shared<Recorder>();
  const auto c = std::make_shared<Recorder>();
  start(small, a);
  start(request("b"), b);
  loop.advance(std::chrono::milliseconds(200));
  small.file_id = "c";
  start(small, c);
  finish({a, b, c});
  EXPECT_EQ(a->code(), ErrorCode::too_large);
  EXPECT_EQ(c->code(), ErrorCode::too_large);
  expect_whole(*b, bytes());
  EXPECT_EQ(origin.fetches.size(), 1U);
}

TEST_F(Sharing, AFollowerThatWantsADigestGetsIt) {
  const auto a = std::make_shared<Recorder>();
  const auto b = std::make_shared<Recorder>();
  start(request("a"), a);
  TransferRequest wants = request("b");
  wants.want_sha256 = true;
  start(wants, b);
  finish({a, b});
  EXPECT_EQ(b->value().sha256, sha256(bytes()));
}

TEST_F(Sharing, AMemberThatStopsAnotherFromItsCallback) {
  class Stopper final : public agent::TransferEvents {
   public:
    std::function<void()> act;
    void on_connected() override { act(); }
    void on_progress(const agent::TransferProgress&) override {}
    void on_done(Result<agent::TransferResult>) override {}
  };
  const auto a = std::make_shared<Stopper>();
  const auto b = std::make_shared<Recorder>();
  const auto first = transfers->start(request("a"), a);
  const auto second = start(request("b"), b);
  a->act = [&] {
    transfers->stop(second);
    b->stopped = true;
    transfers->stop(first);
  };
  loop.advance(std::chrono::seconds(2));
  EXPECT_EQ(transfers->active(), 0U);
  EXPECT_EQ(origin.running(), 0U);
}

}  // namespace
}  // namespace larder::test
