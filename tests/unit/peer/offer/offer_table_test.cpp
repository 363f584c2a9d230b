// What is offered: by which name, which of several contents, and what must not be.
#include "peer/offer/offer_table.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace larder::peer {
namespace {

using cache::ContentInfo;
using cache::ContentState;

const cache::Version kVersion{"https://example.org/a.iso", 9437184, "\"e1\"", ""};

ContentInfo content(char digit, ContentState state, bool validated, std::int64_t created_s = 1) {
  ContentInfo info;
  info.id = std::string(32, digit);
  info.state = state;
  info.size = kVersion.size;
  info.validated = validated;
  info.shareable = true;
  info.created = WallTime(std::chrono::seconds(created_s));
  info.versions = {kVersion};
  return info;
}

class OfferTableTest : public ::testing::Test {
 protected:
  [[nodiscard]] std::optional<Offer> of_version(const cache::Version& version = kVersion) const {
    return table_.find_offer(KeyKind::version, key_.version_key(version));
  }
  GroupKey key_ = GroupKey::from_secret(1, sha256(as_bytes("one")));
  OfferTable table_{key_,
                    [](const cache::Version& version) { return version.url.find("secret") == std::string::npos; }};
};

TEST_F(OfferTableTest, FoundByVersionAndByUrl) {
  table_.update(content('a', ContentState::complete, true), {});
  const auto offer = of_version();
  ASSERT_TRUE(offer);
  EXPECT_EQ(offer->content, std::string(32, 'a'));
  EXPECT_TRUE(offer->complete);
  EXPECT_EQ(offer->size, 9437184U);
  const auto by_url = table_.find_offer(KeyKind::url, key_.url_key(kVersion.url));
  ASSERT_TRUE(by_url);
  EXPECT_EQ(by_url->version_key, key_.version_key(kVersion));
  EXPECT_FALSE(table_.find_offer(KeyKind::url, key_.version_key(kVersion)));
}

TEST_F(OfferTableTest, WhatIsNotJudgedIsOfferedBySegments) {
  const std::vector<std::uint64_t> segments = {0, 2};
  table_.update(content('a', ContentState::complete, false), segments);
  ASSERT_TRUE(of_version());
  EXPECT_FALSE(of_version()->complete);
  EXPECT_EQ(of_version()->segments, std::vector{std::byte{0b101}});
  table_.update(content('a', ContentState::complete, true), segments);
  EXPECT_TRUE(of_version()->complete);
  EXPECT_TRUE(of_version()->segments.empty());
}

TEST_F(OfferTableTest, WhatMustNotBeOfferedIsNot) {
  struct Case {
    const char* what;
    std::function<void(ContentInfo&)> change;
  };
  const std::vector<Case> cases = {
      {"private", [](ContentInfo& info) { info.shareable = false; }},
      {"set aside", [](ContentInfo& info) { info.state = ContentState::set_aside; }},
      {"of unknown size", [](ContentInfo& info) { info.versions[0].size.reset(); }},
      {"without validator", [](ContentInfo& info) { info.versions[0].etag.clear(); }},
      {"by policy", [](ContentInfo& info) { info.versions[0].url = "https://example.org/secret"; }},
      {"of no version", [](ContentInfo& info) { info.versions.clear(); }},
      {"of no content's id", [](ContentInfo& info) { info.id = "../../etc/passwd"; }},
  };
  for (const Case& one : cases) {
    table_.update(content('a', ContentState::complete, true), {});
    ASSERT_EQ(table_.size(), 1U);
    ContentInfo info = content('a', ContentState::complete, true);
    one.change(info);
    table_.update(info, {});
    // An id that is none is another content's: the first one stays.
    EXPECT_EQ(table_.size(), info.id == std::string(32, 'a') ? 0U : 1U) << one.what;
    table_.remove(std::string(32, 'a'));
  }
  table_.update(content('b', ContentState::partial, false), {});
  EXPECT_EQ(table_.size(), 0U) << "nothing of it is committed";
}

TEST_F(OfferTableTest, TheBestContentOfAVersionAndTheNewestOfAUrl) {
  const std::vector<std::uint64_t> one = {0}, two = {0, 1};
  table_.update(content('a', ContentState::partial, false, 5), one);
  table_.update(content('b', ContentState::partial, false, 4), two);
  EXPECT_EQ(of_version()->content.front(), 'b');
  table_.update(content('c', ContentState::complete, true, 3), {});
  EXPECT_EQ(of_version()->content.front(), 'c');
  ContentInfo newer = content('d', ContentState::complete, true, 9);
  newer.versions[0].etag = "\"e2\"";
  table_.update(newer, {});
  EXPECT_EQ(table_.find_offer(KeyKind::url, key_.url_key(kVersion.url))->content.front(), 'd');
  EXPECT_EQ(of_version()->content.front(), 'c');
  table_.remove(newer.id);
  EXPECT_EQ(table_.find_offer(KeyKind::url, key_.url_key(kVersion.url))->content.front(), 'c');
}

TEST_F(OfferTableTest, WhatIsSetAsideForOneUrlIsOfferedUnderTheOther) {
  ContentInfo info = content('a', ContentState::complete, true);
  const cache::Version other{"http://other/x", info.size, "\"o\"", ""};
  info.versions.push_back(other);
  table_.update(info, {});
  EXPECT_TRUE(of_version() && of_version(other));
  info.versions = {other};
  table_.update(info, {});
  EXPECT_FALSE(of_version());
  EXPECT_TRUE(of_version(other));
  info.state = ContentState::set_aside;
  table_.update(info, {});
  EXPECT_FALSE(of_version(other));
}

TEST_F(OfferTableTest, ANewKeyEmptiesIt) {
  table_.update(content('a', ContentState::complete, true), {});
  table_.reset(GroupKey::from_secret(2, sha256(as_bytes("two"))));
  EXPECT_EQ(table_.size(), 0U);
  table_.update(content('a', ContentState::complete, true), {});
  EXPECT_FALSE(of_version()) << "known by a name of the old key";
  EXPECT_TRUE(table_.find_offer(KeyKind::version, table_.key().version_key(kVersion)));
}

TEST_F(OfferTableTest, AnAnswerFitsADatagram) {
  Ask ask;
  std::vector<std::uint64_t> segments;
  for (std::uint64_t i = 0; i < 2000; ++i) segments.push_back(i);
  for (int i = 0; i < 16; ++i) {
    ContentInfo info = content("0123456789abcdef"[i], ContentState::partial, false);
    info.versions[0].url += std::to_string(i);
    info.versions[0].size = 60 * kGiB;
    info.size = 60 * kGiB;
    table_.update(info, segments);
    ask.keys.push_back({KeyKind::version, key_.version_key(info.versions[0])});
  }
  const auto items = table_.answer(ask);
  EXPECT_FALSE(items.empty());
  Datagram datagram;
  datagram.sequence = 1;
  datagram.message = Have{1, 0, items};
  EXPECT_TRUE(encode(datagram, 1, key_));
  EXPECT_EQ(items[0].segments.size(), kMaxSegmentBitmap);
}

TEST_F(OfferTableTest, RemovalLeavesNothingBehind) {
  for (int round = 0; round < 3; ++round) {
    for (char digit = 'a'; digit <= 'f'; ++digit) table_.update(content(digit, ContentState::complete, true), {});
    EXPECT_EQ(table_.size(), 6U);
    for (char digit = 'a'; digit <= 'f'; ++digit) table_.remove(std::string(32, digit));
    EXPECT_EQ(table_.size(), 0U);
    EXPECT_FALSE(of_version());
  }
}

}  // namespace
}  // namespace larder::peer
