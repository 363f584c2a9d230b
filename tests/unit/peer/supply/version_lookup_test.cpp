// The look-up of a version: whom it asks, what it makes of answers that contradict each other, and of none. Mostly
// without a crowd: what a crowd changes is tested with the crowd.
#include "peer/supply/version_lookup.h"

#include "tests/unit/peer/played_office.h"

namespace larder::peer {
namespace {

using std::chrono::milliseconds;

class VersionLookupTest : public PlayedOffice {
 protected:
  void begin(std::vector<Holder> prefetched = {}, bool crowd = false) {
    supply_tools_ = std::make_shared<SupplyTools>(SupplyTools{link_, swarm_, loop_.runtime(),
                                                              [](Task task) {
                                                                task();
                                                                return true;
                                                              },
                                                              [](const AgentId&) {}, [](const AgentId&) {}});
    auto supply = std::make_shared<SupplyImpl>(supply_tools_, version_, kKey, group_);
    lookup_ = std::make_shared<VersionLookup>(tools_, supply, std::move(prefetched),
                                              [this](std::shared_ptr<SupplyImpl> found) {
                                                ++answers_;
                                                supply_ = std::move(found);
                                              });
    supply.reset();
    lookup_->in_crowd(crowd, false);
    lookup_->start();
    loop_.run_ready();
  }
  void begin_with(const std::vector<std::uint8_t>& holders) {
    std::vector<Holder> known;
    for (const std::uint8_t number : holders) {
      meet(number);
      known.push_back(has_all(number, kKey, number));  // the first is the least loaded
    }
    begin(std::move(known));
  }
  void answer(std::uint8_t number, Result<CatalogueResponse> with) {
    link_.answer(id(number), std::move(with));
    loop_.run_ready();
  }

  static inline const Digest kKey = sha256(as_bytes("version key"));
  std::shared_ptr<SupplyTools> supply_tools_;
  std::shared_ptr<VersionLookup> lookup_;
  std::shared_ptr<SupplyImpl> supply_;
  int answers_ = 0;
};

TEST_F(VersionLookupTest, NobodyAroundIsAnsweredAtOnce) {
  begin();
  EXPECT_EQ(answers_, 1);
  EXPECT_EQ(supply_, nullptr);
  EXPECT_EQ(loop_.timers(), 0U) << "and nothing is left of it";
}

TEST_F(VersionLookupTest, NobodyHasIt) {
  meet(1);
  begin();
  ASSERT_EQ(discovery_.asked.size(), 1U);
  EXPECT_EQ(discovery_.asked[0].keys, (std::vector<AskKey>{{KeyKind::version, kKey}}));
  discovery_.answer({});
  EXPECT_EQ(answers_, 1);
  EXPECT_EQ(supply_, nullptr);
}

TEST_F(VersionLookupTest, DiscoveryThatNeverAnswersCostsNoMoreThanTheDeadline) {
  meet(1);
  begin();
  loop_.advance(VersionLookup::kWithin - milliseconds(1));
  EXPECT_EQ(answers_, 0);
  loop_.advance(milliseconds(1));
  EXPECT_EQ(answers_, 1);
  EXPECT_EQ(supply_, nullptr);
  EXPECT_TRUE(discovery_.asked.empty()) << "the question is taken back";
}

// What holders may be: each row is one alone.
TEST_F(VersionLookupTest, WhoIsNotAsked) {
  meet(1);
  meet(2);
  refused_.insert(id(2));
  Holder other_size = has_all(1, kKey);
  ++other_size.item.size;
  const std::vector<std::pair<const char*, Holder>> rows{
      {"another size", other_size}, {"refused", has_all(2, kKey)}, {"not around", has_all(3, kKey)}};
  for (const auto& [what, holder] : rows) {
    answers_ = 0;
    begin({holder});
    EXPECT_TRUE(link_.asked.empty()) << what;
    EXPECT_EQ(answers_, 1) << what;
    EXPECT_EQ(supply_, nullptr) << what;
  }
}

TEST_F(VersionLookupTest, WhatWasForeseenOfAnotherVersionIsAskedAbout) {
  meet(1);
  begin({has_all(1, sha256(as_bytes("another edition")))});
  EXPECT_TRUE(link_.asked.empty());
  EXPECT_EQ(discovery_.asked.size(), 1U);
}

TEST_F(VersionLookupTest, SmallOnesComeWithTheManifestAndASecondOpinion) {
  begin_with({1, 2, 3});
  ASSERT_EQ(link_.asked.size(), VersionLookup::kOpinions);
  EXPECT_NE(link_.asked[0].call.target.find("inline=1"), std::string::npos) << link_.asked[0].call.target;
  EXPECT_EQ(link_.asked[1].call.target.find("inline=1"), std::string::npos) << "the bytes once";
  answer(1, says(whole(1, 5, true)));
  EXPECT_EQ(answers_, 0) << "another has it as well";
  answer(2, says(whole(2, 5, false)));
  ASSERT_EQ(answers_, 1);
  ASSERT_NE(supply_, nullptr);
  EXPECT_TRUE(supply_->complete() && supply_->has_bytes());
}

TEST_F(VersionLookupTest, TwoThatContradictEachOtherAreNotTaken) {
  begin_with({1, 2});
  answer(1, says(whole(1, 5, true)));
  answer(2, says(whole(2, 6, false)));
  ASSERT_EQ(answers_, 1);
  EXPECT_EQ(supply_, nullptr) << "the origin decides";
  EXPECT_TRUE(liars_.empty()) << "who of them lies is not known";
}

TEST_F(VersionLookupTest, AnOpinionOfWhoMayNotBeHeardIsNone) {
  begin_with({1, 2});
  unknown_.insert(id(2));
  answer(1, says(whole(1, 5, true)));
  answer(2, says(whole(2, 6, false)));
  ASSERT_EQ(answers_, 1);
  ASSERT_NE(supply_, nullptr);
  EXPECT_TRUE(supply_->has_bytes());
}

TEST_F(VersionLookupTest, OneIsNotBelievedWhileAnothersWordIsOnItsWay) {
  begin_with({1, 2});
  answer(1, says(whole(1, 5, true)));
  loop_.advance(VersionLookup::kWithin + milliseconds(500));
  EXPECT_EQ(answers_, 0) << "the origin does not wait for it";
  answer(2, no_answer());
  ASSERT_EQ(answers_, 1);
  ASSERT_NE(supply_, nullptr);
  EXPECT_TRUE(supply_->has_bytes());
}

TEST_F(VersionLookupTest, BytesThatAreNotWhatIsAttestedAreALie) {
  begin_with({1, 2});
  Manifest wrong = whole(1, 5, true);
  wrong.bytes = bytes_of(*version_.size, 9);
  answer(1, says(wrong));
  EXPECT_EQ(liars_, std::vector{id(1)});
  answer(2, says(whole(2, 5, false)));
  ASSERT_EQ(answers_, 1);
  ASSERT_NE(supply_, nullptr);
  EXPECT_FALSE(supply_->has_bytes()) << "the honest one's come over the swarm";
  EXPECT_TRUE(supply_->holder_table().was_dropped(id(1)));
  EXPECT_NE(supply_->holder_table().find_holder(id(2)), nullptr);
}

TEST_F(VersionLookupTest, ASilentHolderIsOvertakenByTheNext) {
  begin_with({1, 2, 3});
  EXPECT_FALSE(link_.asks(id(3)));
  loop_.advance(VersionLookup::kHedgeAfter);
  ASSERT_TRUE(link_.asks(id(3)));
  EXPECT_NE(link_.asked.back().call.target.find("inline=1"), std::string::npos) << "perhaps it is he who is silent";
  answer(3, says(whole(3, 5, true)));
  answer(2, says(whole(2, 5, false)));
  ASSERT_EQ(answers_, 1);
  ASSERT_NE(supply_, nullptr);
  EXPECT_TRUE(supply_->has_bytes());
  answer(1, no_answer());
  EXPECT_EQ(silent_, std::vector{id(1)});
  EXPECT_TRUE(supply_->holder_table().was_dropped(id(1)));
}

TEST_F(VersionLookupTest, ABusyHolderNamesOthersAndTheyAreAsked) {
  begin_with({1});
  answer(1, CatalogueResponse{503, encode(std::vector{other(4), other(5)})});
  EXPECT_TRUE(link_.asks(id(4)) && link_.asks(id(5)));
  EXPECT_TRUE(silent_.empty()) << "who is busy is there";
  const auto asked =
      std::find_if(link_.asked.begin(), link_.asked.end(), [&](const auto& one) { return one.call.agent == id(4); });
  EXPECT_EQ(asked->call.to, other(4).catalogue);
  answer(4, says(whole(4, 5, true)));
  answer(5, says(whole(5, 5, false)));
  ASSERT_NE(supply_, nullptr);
  EXPECT_TRUE(supply_->complete());
}

TEST_F(VersionLookupTest, WhereAMemberIsItSaysItselfAndNobodyIsNamedOnLoopback) {
  begin_with({1});
  meet(4);
  CatalogueHolder elsewhere = other(4);
  elsewhere.catalogue = *parse_endpoint("10.0.0.66:22");
  CatalogueHolder inside = other(5), nowhere = other(6);
  inside.catalogue = *parse_endpoint("127.0.0.1:631");
  nowhere.swarm = *parse_endpoint("239.255.76.82:7476");
  answer(1, CatalogueResponse{503, encode(std::vector{elsewhere, inside, nowhere})});
  ASSERT_TRUE(link_.asks(id(4)));
  const auto asked =
      std::find_if(link_.asked.begin(), link_.asked.end(), [&](const auto& one) { return one.call.agent == id(4); });
  EXPECT_EQ(asked->call.to, other(4).catalogue) << "as its own HELLO has it";
  EXPECT_FALSE(link_.asks(id(5)) || link_.asks(id(6)));
}

TEST_F(VersionLookupTest, AnAnswerThatIsNoneDropsItsHolder) {
  const std::vector<std::pair<const char*, Result<CatalogueResponse>>> rows{
      {"not there", CatalogueResponse{404, {}}},
      {"junk", CatalogueResponse{200, {std::byte{1}, std::byte{2}}}},
      {"busy without a list", CatalogueResponse{503, {}}},
      {"no connection", fail(ErrorCode::connect_failed, "ask", "refused")},
      {"another edition",
       [this] {
         Manifest manifest = whole(1, 5, true);
         manifest.etag = "\"e2\"";
         return says(manifest);
       }()},
  };
  for (const auto& [what, answered] : rows) {
    answers_ = 0;
    begin_with({1});
    answer(1, answered);
    EXPECT_EQ(answers_, 1) << what;
    EXPECT_EQ(supply_, nullptr) << what;
  }
}

TEST_F(VersionLookupTest, TheDeadlineTakesWhatIsThereAndTheRestJoinsLater) {
  begin_with({1, 2});
  loop_.advance(VersionLookup::kWithin);
  EXPECT_EQ(answers_, 1);
  EXPECT_EQ(supply_, nullptr) << "nobody answered";
  EXPECT_TRUE(link_.asked.empty()) << "and nobody is waited for";
}

TEST_F(VersionLookupTest, ItEndsWhileCallsAreUnderWay) {
  begin_with({1, 2, 3});
  lookup_->stop();
  EXPECT_EQ(answers_, 0) << "from the loop";
  loop_.run_ready();
  EXPECT_EQ(answers_, 1);
  EXPECT_EQ(supply_, nullptr);
  EXPECT_TRUE(link_.asked.empty());
  EXPECT_EQ(loop_.timers(), 0U);
  EXPECT_TRUE(lookup_->is_over());
}

TEST_F(VersionLookupTest, ItEndsWhileDiscoveryIsAsked) {
  meet(1);
  begin();
  auto asked = std::move(discovery_.asked.front());
  lookup_.reset();
  loop_.run_ready();
  EXPECT_EQ(answers_, 1);
  asked.done({has_all(1, kKey)});  // an answer that was on its way
  EXPECT_TRUE(link_.asked.empty());
}

TEST_F(VersionLookupTest, ItLooksAgainWhileItsSupplyIsUsedAndNotComplete) {
  begin_with({1});
  answer(1, says(whole(1, 5, true)));
  ASSERT_NE(supply_, nullptr);
  loop_.advance(VersionLookup::kAgain * 3);
  EXPECT_TRUE(discovery_.asked.empty()) << "somebody has all of it";
  supply_->holder_table().drop_holder(id(1));
  supply_->drop_bytes();
  loop_.advance(VersionLookup::kAgain);
  EXPECT_EQ(discovery_.asked.size(), 1U);
  meet(2);
  discovery_.answer({has_all(2, kKey)});
  EXPECT_TRUE(link_.asks(id(2)));
  supply_.reset();
  EXPECT_TRUE(lookup_->is_over());
}

// 1 said at once that it has all; of 2 nothing was heard in time.
TEST_F(VersionLookupTest, ItLooksOnceMoreWhereItDependsOnOne) {
  version_.size = kMaxInline + 1;
  meet(2);
  begin_with({1});
  answer(1, says(whole(1, 5, false)));
  ASSERT_NE(supply_, nullptr);
  EXPECT_TRUE(supply_->complete());
  unsigned changes = 0;
  supply_->on_changed = [&changes] { ++changes; };
  loop_.advance(VersionLookup::kSecondLook);
  ASSERT_EQ(discovery_.asked.size(), 1U);
  discovery_.answer({has_all(1, kKey), has_all(2, kKey)});
  loop_.run_ready();
  EXPECT_EQ(supply_->holder_table().ranked_complete().size(), 2U);
  EXPECT_EQ(changes, 1U) << "what is being fetched takes it in";
  EXPECT_TRUE(supply_->holder_table().find_holder(id(1))->hearsay.empty()) << "what it proved stays proven";
  loop_.advance(VersionLookup::kAgain * 5);
  EXPECT_TRUE(discovery_.asked.empty());
}

TEST_F(VersionLookupTest, NoSecondLookWithoutAnybodyElse) {
  version_.size = kMaxInline + 1;
  begin_with({1});
  answer(1, says(whole(1, 5, false)));
  loop_.advance(VersionLookup::kAgain * 5);
  EXPECT_TRUE(discovery_.asked.empty());
}

TEST_F(VersionLookupTest, InACrowdOnlyTheQuestionWhoHasItIsWaitedFor) {
  meet(1);
  begin({}, true);
  EXPECT_EQ(answers_, 0) << "somebody may have it";
  discovery_.answer({has_all(1, kKey)});
  loop_.run_ready();
  ASSERT_EQ(answers_, 1) << "the crowd decides who fetches";
  ASSERT_NE(supply_, nullptr);
  EXPECT_FALSE(supply_->has_bytes());
  ASSERT_EQ(link_.asked.size(), 1U);
  EXPECT_NE(link_.asked[0].call.target.find("again=1"), std::string::npos) << link_.asked[0].call.target;
  answer(1, says(whole(1, 5, true)));
  EXPECT_TRUE(supply_->has_bytes()) << "what comes later is used";
}

}  // namespace
}  // namespace larder::peer
