// The newest edition that neighbours know, for when the origin cannot be asked.
#include "peer/supply/newest_lookup.h"

#include "tests/unit/peer/played_office.h"

namespace larder::peer {
namespace {

class NewestLookupTest : public PlayedOffice {
 protected:
  void TearDown() override {
    if (lookup_) lookup_->stop();  // its timer keeps it
    loop_.run_ready();
  }
  void begin() {
    lookup_ =
        std::make_shared<NewestLookup>(tools_, version_.url, kKey, group_, [this](std::optional<FoundEdition> found) {
          ++answers_;
          found_ = std::move(found);
        });
    lookup_->start();
  }
  void begin_with(const std::vector<std::uint8_t>& holders) {
    std::vector<Holder> known;
    for (const std::uint8_t number : holders) {
      meet(number);
      known.push_back(has_all(number, sha256(as_bytes("an edition"))));
    }
    begin();
    discovery_.answer(known);
  }
  Manifest edition(std::uint8_t number, const std::string& etag, std::uint64_t at_s) {
    const std::string before = std::exchange(version_.etag, etag);
    const Manifest manifest = whole(number, 5, false, at_s);
    version_.etag = before;
    return manifest;
  }

  static inline const Digest kKey = sha256(as_bytes("url key"));
  std::shared_ptr<NewestLookup> lookup_;
  std::optional<FoundEdition> found_;
  int answers_ = 0;
};

TEST_F(NewestLookupTest, NobodyAround) {
  begin();
  EXPECT_EQ(answers_, 1);
  EXPECT_FALSE(found_);
  EXPECT_EQ(loop_.timers(), 0U);
}

TEST_F(NewestLookupTest, NobodyHasAny) {
  meet(1);
  begin();
  ASSERT_EQ(discovery_.asked.size(), 1U);
  EXPECT_EQ(discovery_.asked[0].keys, (std::vector<AskKey>{{KeyKind::url, kKey}}));
  discovery_.answer({});
  EXPECT_EQ(answers_, 1);
  EXPECT_FALSE(found_);
}

TEST_F(NewestLookupTest, TheOneThatWasFetchedLastIsTaken) {
  begin_with({1, 2, 3});
  link_.answer(id(2), says(edition(2, "\"new\"", 1'790'000'200)));
  link_.answer(id(1), says(edition(1, "\"old\"", 1'790'000'100)));
  EXPECT_EQ(answers_, 0) << "one is still asked";
  link_.answer(id(3), no_answer());
  ASSERT_EQ(answers_, 1);
  ASSERT_TRUE(found_);
  EXPECT_EQ(found_->version.etag, "\"new\"");
  EXPECT_EQ(found_->fetched, from_unix_ns(1'790'000'200LL * 1'000'000'000));
}

TEST_F(NewestLookupTest, WhoIsSilentIsNotWaitedForBeyondItsTime) {
  begin_with({1, 2});
  link_.answer(id(1), says(edition(1, "\"e\"", 1'790'000'100)));
  loop_.advance(NewestLookup::kWithin);
  ASSERT_EQ(answers_, 1);
  EXPECT_TRUE(found_) << "what is there will do";
  EXPECT_TRUE(link_.asked.empty());
}

TEST_F(NewestLookupTest, WhatProvesNothingIsNotTaken) {
  Manifest partial = edition(1, "\"e\"", 5);
  partial.complete = false;
  partial.root.reset();
  Manifest unsigned_one = edition(1, "\"e\"", 5);
  unsigned_one.segments[0].attestations.back() ^= std::byte{1};
  Manifest no_attestation = edition(1, "\"e\"", 5);
  no_attestation.segments[0].attestations.clear();
  Manifest other_root = edition(1, "\"e\"", 5);
  other_root.segments[0].root = sha256(as_bytes("other"));
  Manifest no_validator = edition(1, "", 5);
  const std::vector<std::pair<const char*, Result<CatalogueResponse>>> rows{
      {"partial", says(partial)},
      {"forged", says(unsigned_one)},
      {"not attested", says(no_attestation)},
      {"attested with another root", says(other_root)},
      {"no validator", says(no_validator)},
      {"junk", CatalogueResponse{200, {std::byte{1}}}},
      {"busy", CatalogueResponse{503, encode(std::vector{other(4)})}},
      {"no answer", no_answer()},
  };
  for (const auto& [what, answered] : rows) {
    answers_ = 0;
    found_.reset();
    begin_with({1});
    link_.answer(id(1), answered);
    EXPECT_EQ(answers_, 1) << what;
    EXPECT_FALSE(found_) << what;
  }
}

TEST_F(NewestLookupTest, ARefusedHolderIsNotAskedAndAStrangersWordIsNotHeard) {
  refused_.insert(id(1));
  unknown_.insert(id(2));
  begin_with({1, 2});
  EXPECT_FALSE(link_.asks(id(1)));
  link_.answer(id(2), says(edition(2, "\"e\"", 5)));
  EXPECT_EQ(answers_, 1);
  EXPECT_FALSE(found_);
}

TEST_F(NewestLookupTest, OnlySoManyAreAsked) {
  begin_with({1, 2, 3, 4, 5, 6});
  EXPECT_EQ(link_.asked.size(), NewestLookup::kAsked);
}

TEST_F(NewestLookupTest, ItEndsWhileCallsAreUnderWay) {
  begin_with({1, 2});
  lookup_->stop();
  EXPECT_EQ(answers_, 0);
  loop_.run_ready();
  EXPECT_EQ(answers_, 1);
  EXPECT_FALSE(found_);
  EXPECT_TRUE(link_.asked.empty());
  EXPECT_EQ(loop_.timers(), 0U);
}

TEST_F(NewestLookupTest, ItEndsWhileDiscoveryIsAsked) {
  meet(1);
  begin();
  lookup_->stop();
  loop_.run_ready();
  EXPECT_EQ(answers_, 1);
  lookup_.reset();
  discovery_.answer({has_all(1, kKey)});
  EXPECT_TRUE(link_.asked.empty());
  EXPECT_EQ(answers_, 1);
}

}  // namespace
}  // namespace larder::peer
