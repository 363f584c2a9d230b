// The look-up of a version in a crowd: whose manifests are asked for, and what of that which one member says is
// believed while another is known that could contradict it.
#include "peer/crowd/crowd_host.h"
#include "peer/supply/version_lookup.h"
#include "tests/unit/peer/played_office.h"

namespace larder::peer {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Segments = std::vector<std::uint64_t>;

class VersionLookupCrowdTest : public PlayedOffice {
 protected:
  void SetUp() override {
    PlayedOffice::SetUp();
    version_.size = 6 * cache::kMinSegment;
  }
  void TearDown() override {
    supply_.reset();
    if (lookup_) lookup_->stop();
    lookup_.reset();
    loop_.run_ready();
  }
  // Takes its place in the crowd; `around`: who is there.
  void join(const std::vector<std::uint8_t>& around, bool asked = true) {
    for (const std::uint8_t number : around) meet(number);
    supply_tools_ = std::make_shared<SupplyTools>(SupplyTools{link_, swarm_, loop_.runtime(),
                                                              [](Task task) {
                                                                task();
                                                                return true;
                                                              },
                                                              [](const AgentId&) {}, [](const AgentId&) {}});
    host_ = std::make_unique<CrowdHost>(CrowdHost::Parts{loop_.runtime(),
                                                         key_of(99).id(),
                                                         [](const std::vector<CrowdEntry>&) {},
                                                         [this] { return std::vector{id(1)}; },
                                                         {}});
    auto supply = std::make_shared<SupplyImpl>(supply_tools_, version_, kKey, group_);
    supply->on_changed = [this] { ++changes_; };
    lookup_ =
        std::make_shared<VersionLookup>(tools_, supply, std::vector<Holder>{},
                                        [this](std::shared_ptr<SupplyImpl> found) { supply_ = std::move(found); });
    supply->set_crowd_listener(
        [this](const AgentId& agent, const CrowdEntry& entry) { lookup_->on_crowd_entry(agent, entry); });
    lookup_->in_crowd(true, asked);
    CrowdHost::Joining joining;
    joining.version_key = kKey;
    joining.layout = cache::SegmentLayout(*version_.size);
    joining.patience = milliseconds(1500);
    joining.min_rate = 1000;
    supply->join_crowd(host_->join_crowd(joining, supply), joining.min_rate);
    supply.reset();
    lookup_->start();
    loop_.run_ready();
  }
  // A small one that discovery says 1 and 2 have, the first the less loaded.
  void join_small() {
    version_.size = 100 * kKiB;
    join({1, 2}, false);
    discovery_.answer({has_all(1, kKey, 0), has_all(2, kKey, 1)});
    loop_.run_ready();
  }
  void hears(std::uint8_t number, const Segments& held) {
    CrowdEntry entry;
    entry.version_key = kKey;
    entry.segments = static_cast<std::uint32_t>(cache::SegmentLayout(*version_.size).count());
    entry.held.resize((entry.segments + 7) / 8);
    for (const std::uint64_t segment : held) entry.held[segment / 8] |= std::byte{1} << (segment % 8);
    host_->on_datagram(id(number), {1, ++sequence_}, {entry});
    loop_.run_ready();
  }
  // What it says that has these segments; `seed` stands for the bytes.
  [[nodiscard]] Manifest has(std::uint8_t number, const Segments& segments, std::uint8_t seed = 5) const {
    Manifest manifest;
    manifest.size = *version_.size;
    manifest.etag = version_.etag;
    for (const std::uint64_t segment : segments) {
      const std::string root = std::to_string(seed) + "/" + std::to_string(segment);
      const Attestation said = Witness(number, group_).says(version_, segment, root);
      manifest.segments.push_back({segment, said.root, encode_attestations({said})});
    }
    return manifest;
  }
  void answer(std::uint8_t number, Result<CatalogueResponse> with) {
    link_.answer(id(number), std::move(with));
    loop_.run_ready();
  }
  [[nodiscard]] std::size_t requests_of(std::uint8_t number) const {
    return static_cast<std::size_t>(std::count_if(link_.asked.begin(), link_.asked.end(),
                                                  [&](const auto& one) { return one.call.agent == id(number); }));
  }
  [[nodiscard]] bool asked_for_bytes(std::uint8_t number) const {
    return std::any_of(link_.asked.begin(), link_.asked.end(), [&](const auto& one) {
      return one.call.agent == id(number) && one.call.target.find("inline=1") != std::string::npos;
    });
  }
  [[nodiscard]] Segments left_to_the_origin() const { return *supply_->from_origin(); }

  static inline const Digest kKey = sha256(as_bytes("version key"));
  std::shared_ptr<SupplyTools> supply_tools_;
  std::unique_ptr<CrowdHost> host_;
  std::shared_ptr<VersionLookup> lookup_;
  std::shared_ptr<SupplyImpl> supply_;
  std::uint64_t sequence_ = 0;
  int changes_ = 0;
};

TEST_F(VersionLookupCrowdTest, WhoAloneHoldsItIsBelievedAtOnce) {
  join({1, 2});
  ASSERT_NE(supply_, nullptr);
  hears(1, {0, 1});
  ASSERT_EQ(link_.asked.size(), 1U);
  answer(1, says(has(1, {0, 1})));
  EXPECT_EQ(supply_->segments(), (Segments{0, 1}));
  EXPECT_TRUE(link_.asked.empty()) << "nobody else was asked";
}

TEST_F(VersionLookupCrowdTest, WhatTwoHoldIsTakenWhenBothHaveNamedIt) {
  join({1, 2});
  hears(1, {0, 1});
  hears(2, {0, 1});
  EXPECT_EQ(link_.asked.size(), 2U) << "together";
  answer(1, says(has(1, {0, 1})));
  EXPECT_EQ(supply_->segments(), Segments{});
  const int before = changes_;
  answer(2, says(has(2, {0, 1})));
  EXPECT_EQ(supply_->segments(), (Segments{0, 1}));
  EXPECT_GT(changes_, before) << "the transfer is told";
}

TEST_F(VersionLookupCrowdTest, WhoIsKnownWhenTheFirstAnswersIsHeardToo) {
  join({1, 2});
  hears(1, {0, 1, 2});
  hears(2, {1});
  answer(1, says(has(1, {0, 1, 2})));
  EXPECT_EQ(supply_->segments(), (Segments{0, 2})) << "what it alone holds does not wait";
  answer(2, says(has(2, {1})));
  EXPECT_EQ(supply_->segments(), (Segments{0, 1, 2}));
}

TEST_F(VersionLookupCrowdTest, WhatIsSettledIsNotAskedAgain) {
  join({1, 2, 3});
  hears(1, {0});
  answer(1, says(has(1, {0})));
  hears(2, {0});
  hears(3, {0});
  EXPECT_TRUE(link_.asked.empty());
  EXPECT_EQ(supply_->segments(), Segments{0});
}

TEST_F(VersionLookupCrowdTest, OfManyHoldersTwoAreAskedThoseThatNameMost) {
  join({1, 2, 3, 4});
  hears(1, {0});
  answer(1, busy());
  hears(2, {1});
  EXPECT_EQ(requests_of(2), 1U);
  hears(3, {0, 1, 2, 3, 4, 5});
  hears(4, {0, 1, 2, 3, 4});
  EXPECT_EQ(requests_of(3), 1U);
  EXPECT_EQ(requests_of(4), 1U);
  answer(2, says(has(2, {1})));
  answer(3, says(has(3, {0, 1, 2, 3, 4, 5})));
  EXPECT_EQ(supply_->segments(), (Segments{1, 5})) << "what nobody else has, and what two have named";
  answer(4, says(has(4, {0, 1, 2, 3, 4})));
  EXPECT_EQ(supply_->segments(), (Segments{0, 1, 2, 3, 4, 5}));
  EXPECT_TRUE(link_.asked.empty()) << "the first is not asked for what two have named";
}

TEST_F(VersionLookupCrowdTest, TwoThatContradictEachOtherAreLeftForTheOrigin) {
  join({1, 2});
  hears(1, {0, 1, 2, 3, 4, 5});
  hears(2, {0, 3});
  loop_.advance(milliseconds(200));
  EXPECT_EQ(left_to_the_origin(), Segments{}) << "others hold all of it";
  answer(1, says(has(1, {0, 1, 2, 3, 4, 5})));
  EXPECT_EQ(supply_->segments(), (Segments{1, 2, 4, 5}));
  answer(2, says(has(2, {0, 3}, 6)));
  EXPECT_EQ(supply_->segments(), (Segments{1, 2, 4, 5}));
  EXPECT_EQ(supply_->order().size(), 4U);
  loop_.advance(milliseconds(200));
  EXPECT_FALSE(left_to_the_origin().empty()) << "long before the patience is over";
  for (const std::uint64_t segment : left_to_the_origin()) EXPECT_TRUE(segment == 0 || segment == 3) << segment;
  EXPECT_TRUE(liars_.empty()) << "who of them lies is not known";
}

// What one says after it has said that it holds it too: each row ends the waiting, and the first one's word stands.
TEST_F(VersionLookupCrowdTest, WhereNoSecondOneIsToBeHadOneMustDo) {
  const std::vector<std::pair<const char*, Result<CatalogueResponse>>> rows{
      {"nothing in time", no_answer()},
      {"not there", CatalogueResponse{404, {}}},
      {"busy", busy()},
      {"junk", CatalogueResponse{200, {std::byte{1}}}},
      {"no connection", fail(ErrorCode::connect_failed, "ask", "refused")},
      {"nothing of it", says(has(2, {}))},
  };
  for (const auto& [what, answered] : rows) {
    join({1, 2});
    hears(1, {0});
    hears(2, {0});
    answer(1, says(has(1, {0})));
    EXPECT_EQ(supply_->segments(), Segments{}) << what;
    answer(2, answered);
    EXPECT_EQ(supply_->segments(), Segments{0}) << what;
    TearDown();
    link_.asked.clear();
  }
}

TEST_F(VersionLookupCrowdTest, AThirdIsAskedWhereTheSecondSaysNothing) {
  join({1, 2, 3});
  hears(1, {0});
  hears(2, {0});
  hears(3, {0});
  ASSERT_FALSE(link_.asks(id(3))) << "two are enough";
  answer(1, says(has(1, {0})));
  answer(2, no_answer());
  EXPECT_EQ(supply_->segments(), Segments{});
  ASSERT_TRUE(link_.asks(id(3)));
  answer(3, says(has(3, {0}, 6)));
  EXPECT_EQ(supply_->segments(), Segments{}) << "and it contradicts";
}

TEST_F(VersionLookupCrowdTest, NobodyIsWaitedForForLong) {
  join({1, 2});
  hears(1, {0});
  hears(2, {0});
  answer(1, says(has(1, {0})));
  loop_.advance(Opinions::kWithin - milliseconds(1));
  EXPECT_EQ(supply_->segments(), Segments{});
  const int before = changes_;
  loop_.advance(milliseconds(1));
  EXPECT_EQ(supply_->segments(), Segments{0});
  EXPECT_GT(changes_, before);
}

TEST_F(VersionLookupCrowdTest, TheWordOfWhoMayNotBeHeardIsNotWaitedFor) {
  join({1, 2});
  hears(1, {0});
  refused_.insert(id(2));
  hears(2, {0});
  answer(1, says(has(1, {0})));
  EXPECT_EQ(supply_->segments(), Segments{0});
  // Known to hold it, and shunned since.
  refused_.clear();
  hears(1, {0, 1});
  hears(2, {0, 1});
  loop_.advance(VersionLookup::kProofGap);
  answer(1, says(has(1, {0, 1})));
  EXPECT_EQ(supply_->segments(), Segments{0});
  refused_.insert(id(2));
  hears(1, {0, 1, 2});
  EXPECT_EQ(supply_->segments(), (Segments{0, 1}));
}

TEST_F(VersionLookupCrowdTest, WhoHasItAllIsTakenAsTheWholeOnlyWhenAnotherHasNamedAllOfIt) {
  const Segments all{0, 1, 2, 3, 4, 5};
  Manifest complete = has(1, all);
  std::vector<Digest> roots;
  for (const ManifestSegment& segment : complete.segments) roots.push_back(segment.root);
  complete.complete = true;
  complete.root = fold_segment_roots(roots, cache::SegmentLayout(*version_.size).segment_blocks());
  join({1, 2});
  hears(1, all);
  hears(2, {3});
  answer(1, says(complete));
  EXPECT_FALSE(supply_->complete());
  EXPECT_EQ(supply_->segments().size(), 5U);
  answer(2, says(has(2, {3})));
  EXPECT_TRUE(supply_->complete());
}

TEST_F(VersionLookupCrowdTest, ASmallOneComesOnceAndTheSecondOpinionWithoutBytes) {
  join_small();
  ASSERT_TRUE(asked_for_bytes(1));
  ASSERT_TRUE(link_.asks(id(2)));
  EXPECT_FALSE(asked_for_bytes(2));
  loop_.advance(VersionLookup::kWithinInCrowd);
  ASSERT_NE(supply_, nullptr) << "the origin is not kept waiting";
  answer(1, says(whole(1, 5, true)));
  EXPECT_EQ(supply_->segments(), Segments{});
  answer(2, says(whole(2, 5, false)));
  EXPECT_EQ(supply_->segments(), Segments{0});
  EXPECT_TRUE(supply_->complete() && supply_->has_bytes());
  EXPECT_TRUE(link_.asked.empty());
}

// It gives a small one to few at a time: who was refused the bytes hears its word all the same.
TEST_F(VersionLookupCrowdTest, WhoIsBusyGivingASmallOneIsHeardBeforeAnotherIsBelieved) {
  join_small();
  ASSERT_TRUE(asked_for_bytes(1));
  answer(2, says(whole(2, 6, false)));
  answer(1, busy());
  ASSERT_NE(supply_, nullptr);
  EXPECT_FALSE(supply_->complete()) << "on the word of one";
  loop_.advance(VersionLookup::kProofGap);
  ASSERT_TRUE(link_.asks(id(1)));
  answer(1, says(whole(1, 5, true)));
  EXPECT_FALSE(supply_->complete()) << "they contradict each other";
  loop_.advance(milliseconds(200));
  EXPECT_EQ(left_to_the_origin(), Segments{0});
}

TEST_F(VersionLookupCrowdTest, WhoCameToHoldASmallOneWhileTheFirstIsAskedIsNotHeard) {
  version_.size = 100 * kKiB;
  join({1, 2});
  hears(1, {0});
  EXPECT_TRUE(asked_for_bytes(1));
  loop_.advance(VersionLookup::kHedgeAfter * 2);
  hears(2, {0});
  EXPECT_FALSE(link_.asks(id(2)));
  answer(1, says(whole(1, 5, true)));
  EXPECT_EQ(supply_->segments(), Segments{0});
  EXPECT_TRUE(link_.asked.empty());
}

TEST_F(VersionLookupCrowdTest, WhoCameToHoldASmallOneIsAskedWhereTheFirstFails) {
  version_.size = 100 * kKiB;
  join({1, 2});
  hears(1, {0});
  hears(2, {0});
  answer(1, busy());
  EXPECT_TRUE(asked_for_bytes(2));
  loop_.advance(VersionLookup::kProofGap);
  ASSERT_TRUE(link_.asks(id(1))) << "now two are known";
  EXPECT_FALSE(asked_for_bytes(1));
}

TEST_F(VersionLookupCrowdTest, WhoGaveItsWordAloneIsAskedForTheBytesWhereTheOtherFails) {
  join_small();
  ASSERT_TRUE(asked_for_bytes(1));
  answer(1, fail(ErrorCode::connect_failed, "ask", "refused"));
  answer(2, says(whole(2, 5, false)));
  EXPECT_EQ(supply_->segments(), Segments{});
  loop_.advance(VersionLookup::kProofGap);
  ASSERT_TRUE(asked_for_bytes(2));
  answer(2, says(whole(2, 5, false)));  // it has none after all
  loop_.advance(seconds(1));
  EXPECT_TRUE(link_.asked.empty()) << "and is not asked for ever";
}

TEST_F(VersionLookupCrowdTest, ASmallOneThatIsContradictedIsNotGiven) {
  join_small();
  answer(1, says(whole(1, 5, true)));
  answer(2, says(whole(2, 6, false)));
  ASSERT_NE(supply_, nullptr);
  EXPECT_FALSE(supply_->complete() || supply_->has_bytes());
  EXPECT_EQ(supply_->segments(), Segments{});
  loop_.advance(milliseconds(200));
  EXPECT_EQ(left_to_the_origin(), Segments{0});
}

// The question before the crowd was lost, or its answer.
TEST_F(VersionLookupCrowdTest, WhereNobodyIsKnownToHaveItAllAreAskedOnceMoreSoon) {
  join({1});
  ASSERT_NE(supply_, nullptr);
  EXPECT_TRUE(discovery_.asked.empty()) << "they were asked a moment ago";
  loop_.advance(VersionLookup::kSecondLook);
  ASSERT_EQ(discovery_.asked.size(), 1U);
  discovery_.answer({has_all(1, kKey)});
  loop_.run_ready();
  EXPECT_EQ(supply_->holders(), 1U);
}

TEST_F(VersionLookupCrowdTest, InACrowdOfSeveralTheSecondQuestionIsLeftOut) {
  join({1});
  CrowdEntry entry;
  entry.version_key = kKey;
  entry.segments = 6;
  entry.wants = true;
  host_->on_datagram(id(1), {1, 1}, {entry});
  loop_.advance(VersionLookup::kSecondLook);
  EXPECT_TRUE(discovery_.asked.empty()) << "a thousand hosts would ask in the same instant";
}

}  // namespace
}  // namespace larder::peer
