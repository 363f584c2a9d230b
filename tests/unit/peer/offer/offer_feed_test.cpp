// The offer table follows the cache: what is there at the start, and each change.
#include "peer/offer/offer_feed.h"

#include <gtest/gtest.h>

#include "tests/support/virtual_loop.h"
#include "tests/unit/peer/played_cache.h"

namespace larder::peer {
namespace {

const cache::Version kOne{"https://example.org/one", 2 * cache::kMinSegment + kMiB, "\"1\"", ""};
const cache::Version kTwo{"https://example.org/two", 2 * cache::kMinSegment + kMiB, "\"2\"", ""};

class OfferFeedTest : public ::testing::Test {
 protected:
  void settle() {
    ASSERT_TRUE(loop_.run_until([this] { return feed_.idle(); }, std::chrono::minutes(1)));
  }
  [[nodiscard]] std::optional<Offer> offer(const cache::Version& version) const {
    return table_.find_offer(KeyKind::version, key_.version_key(version));
  }
  larder::test::VirtualLoop loop_;
  larder::test::FakeCache cache_{loop_.runtime()};
  GroupKey key_ = GroupKey::from_secret(1, sha256(as_bytes("one")));
  OfferTable table_{key_, {}};
  OfferFeed feed_{cache_, table_, loop_.runtime()};
  const std::vector<std::byte> bytes_ = test::pattern(2 * cache::kMinSegment + kMiB);
};

TEST_F(OfferFeedTest, WhatIsThereAtTheStartIsOffered) {
  test::put(cache_, 'a', {kOne}, bytes_, {0, 1, 2});
  test::put(cache_, 'b', {kTwo}, bytes_, {1});
  feed_.restart();
  EXPECT_FALSE(feed_.idle());
  settle();
  EXPECT_EQ(table_.size(), 2U);
  ASSERT_TRUE(offer(kOne) && offer(kTwo));
  EXPECT_TRUE(offer(kOne)->complete);
  EXPECT_EQ(offer(kTwo)->segments, std::vector{std::byte{0b10}});
}

TEST_F(OfferFeedTest, EachChangeIsFollowed) {
  feed_.restart();
  settle();
  const auto id = test::put(cache_, 'a', {kOne}, bytes_, {0});
  feed_.on_content_changed(id);
  settle();
  ASSERT_TRUE(offer(kOne));
  EXPECT_EQ(offer(kOne)->segments, std::vector{std::byte{0b1}});
  test::put(cache_, 'a', {kOne}, bytes_, {0, 1, 2}, false);
  feed_.on_content_changed(id);
  settle();
  ASSERT_TRUE(offer(kOne));
  EXPECT_FALSE(offer(kOne)->complete) << "nobody has judged it";
  EXPECT_EQ(offer(kOne)->segments, std::vector{std::byte{0b111}});
  test::put(cache_, 'a', {kOne, kTwo}, bytes_, {0, 1, 2});
  feed_.on_content_changed(id);
  settle();
  EXPECT_TRUE(offer(kOne)->complete && offer(kTwo)->complete) << "as either version";
  cache_.records.erase(id);
  feed_.on_content_changed(id);
  settle();
  EXPECT_EQ(table_.size(), 0U);
}

TEST_F(OfferFeedTest, AChangeWhileItIsLookedAtIsLookedAtAgain) {
  feed_.restart();
  settle();
  cache_.latency = std::chrono::milliseconds(10);
  const auto id = test::put(cache_, 'a', {kOne}, bytes_, {0});
  feed_.on_content_changed(id);
  loop_.advance(std::chrono::milliseconds(15));
  test::put(cache_, 'a', {kOne}, bytes_, {0, 1});
  feed_.on_content_changed(id);
  settle();
  ASSERT_TRUE(offer(kOne));
  EXPECT_EQ(offer(kOne)->segments, std::vector{std::byte{0b11}});
}

TEST_F(OfferFeedTest, LooksThatAreLostKeepNoPlaces) {
  feed_.restart();
  settle();
  cache_.forgets = 2 * OfferFeed::kMaxUnderWay;
  for (std::size_t i = 0; i < 2 * OfferFeed::kMaxUnderWay; ++i)
    feed_.on_content_changed(std::string(31, '0') + std::to_string(i));
  settle();
  EXPECT_EQ(cache_.forgets, 0U);
  const auto id = test::put(cache_, 'a', {kOne}, bytes_, {0, 1, 2});
  feed_.on_content_changed(id);
  settle();
  EXPECT_TRUE(offer(kOne));
}

TEST_F(OfferFeedTest, AfterMoreChangesThanCanWaitNothingGoneIsOffered) {
  const auto id = test::put(cache_, 'a', {kOne}, bytes_, {0, 1, 2});
  test::put(cache_, 'b', {kTwo}, bytes_, {0, 1, 2});
  feed_.restart();
  settle();
  ASSERT_EQ(table_.size(), 2U);
  cache_.latency = std::chrono::milliseconds(10);
  cache_.records.erase(id);
  for (std::size_t i = 0; i < OfferFeed::kMaxUnderWay; ++i)
    feed_.on_content_changed(std::string(31, '0') + std::to_string(i));
  feed_.on_content_changed(id);  // waits, and is forgotten with the others
  for (std::size_t i = 0; i < OfferFeed::kMaxWaiting; ++i) {
    const std::string number = std::to_string(i);
    feed_.on_content_changed(std::string(32 - number.size(), 'f') + number);
  }
  settle();
  EXPECT_FALSE(offer(kOne)) << "it is not in the cache";
  EXPECT_TRUE(offer(kTwo));
}

}  // namespace
}  // namespace larder::peer
