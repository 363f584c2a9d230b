// The neighbours as transfers see them: what is asked beforehand, what is told the group and believed of it, and how it
// ends.
#include "peer/supply/neighbourhood.h"

#include "peer/group/certificate.h"
#include "peer/trust/own_attestations.h"
#include "tests/unit/peer/played_office.h"
#include "tests/unit/transfer/fake_cache.h"

namespace larder::peer {
namespace {

using std::chrono::milliseconds;
constexpr auto kYear = std::chrono::hours(24 * 365);

class NeighbourhoodTest : public PlayedOffice {
 protected:
  void SetUp() override {
    PlayedOffice::SetUp();
    pem_ = make_authority(authority_, "Office", loop_.wall(), kYear).value();
    book_.set_authority(pem_);
    for (std::uint8_t number = 1; number <= 3; ++number) {
      ASSERT_TRUE(book_.remember(id(number), certificate(number), loop_.wall()));
    }
    make();
  }
  void make() {
    NeighbourhoodParts parts{discovery_,
                             link_,
                             swarm_,
                             cache_,
                             trust_,
                             book_,
                             offers_,
                             disk_,
                             loop_.runtime(),
                             key_of(100),
                             group_,
                             [this](const AgentId& agent) { return refused_.contains(agent); },
                             [] { return true; },
                             [this] { ++shunned_changed_; }};
    neighbours_ = std::make_unique<Neighbourhood>(std::move(parts));
  }
  [[nodiscard]] std::vector<std::byte> certificate(std::uint8_t number) const {
    return certificate_der(issue_leaf(authority_, pem_, id(number), loop_.wall(), kYear).value()).value();
  }
  [[nodiscard]] Digest url_key(const std::string& url) const { return offers_.key().url_key(url); }
  void find() {
    neighbours_->find_supply({version_, {}, false}, [this](std::shared_ptr<Supply> supply) {
      ++found_;
      supply_ = std::move(supply);
    });
    loop_.run_ready();
  }
  [[nodiscard]] Attestation says(std::uint8_t number, std::string_view root, std::uint64_t segment = 0) {
    return Witness(number, group_).says(version_, segment, root);
  }
  void hear(std::uint8_t from, const Evidence& evidence, std::vector<std::byte> certificate) {
    neighbours_->on_evidence(id(from), {encode_evidence(evidence), std::move(certificate)});
    loop_.run_ready();
  }
  [[nodiscard]] bool shunned(std::uint8_t number) const { return trust_.shunned(id(number), loop_.wall()); }

  AgentKey authority_ = key_of(101);
  std::string pem_;
  test::FakeCache cache_{loop_.runtime()};
  OfferTable offers_{GroupKey::from_secret(1, sha256(as_bytes("key"))), {}};
  WorkerPool disk_{"disk", 1, 16};
  int shunned_changed_ = 0, found_ = 0;
  std::shared_ptr<Supply> supply_;
  std::unique_ptr<Neighbourhood> neighbours_;
};

TEST_F(NeighbourhoodTest, WhetherAnybodyIsThere) {
  EXPECT_FALSE(neighbours_->anyone());
  meet(1);
  EXPECT_TRUE(neighbours_->anyone());
  neighbours_->set_using(false, false);
  EXPECT_FALSE(neighbours_->anyone());
  neighbours_->set_using(true, false);
  refused_.insert(id(1));
  EXPECT_FALSE(neighbours_->anyone());
}

TEST_F(NeighbourhoodTest, WithNobodyOrWithoutAValidatorNothingIsAsked) {
  find();
  EXPECT_EQ(found_, 1) << "from within";
  meet(1);
  version_.etag.clear();
  find();
  EXPECT_EQ(found_, 2);
  EXPECT_EQ(supply_, nullptr);
  EXPECT_TRUE(discovery_.asked.empty());
}

TEST_F(NeighbourhoodTest, FilesProbedTogetherAreAskedForInOneQuestion) {
  meet(1);
  for (int i = 0; i < 20; ++i) neighbours_->prefetch_lookup("https://example.org/" + std::to_string(i));
  neighbours_->prefetch_lookup("https://example.org/0");
  loop_.advance(milliseconds(1));
  ASSERT_EQ(discovery_.asked.size(), 2U);
  EXPECT_EQ(discovery_.asked[0].keys.size(), kMaxAskKeys);
  EXPECT_EQ(discovery_.asked[1].keys.size(), 4U);
  EXPECT_EQ(discovery_.asked[0].keys[0], (AskKey{KeyKind::url, url_key("https://example.org/0")}));
}

TEST_F(NeighbourhoodTest, WhatWasForeseenIsNotAskedAgainAndItsBestHolderIsWarm) {
  meet(1);
  meet(2);
  neighbours_->prefetch_lookup(version_.url);
  loop_.advance(milliseconds(1));
  EXPECT_FALSE(neighbours_->promising(version_.url));
  const Digest key = offers_.key().version_key(version_);
  Holder partial = has_all(1, key);
  partial.item.complete = false;
  partial.item.segments = {std::byte{1}};
  discovery_.answer({partial, has_all(2, key, 9)});
  EXPECT_TRUE(neighbours_->promising(version_.url));
  ASSERT_EQ(link_.asked.size(), 1U);
  EXPECT_EQ(link_.asked[0].call.agent, id(2)) << "who has all of it, however busy";
  find();
  EXPECT_TRUE(discovery_.asked.empty());
  EXPECT_TRUE(link_.asks(id(1)));
}

TEST_F(NeighbourhoodTest, WhatWasForeseenLongAgoOrUnderAnotherKeyIsAskedAgain) {
  meet(1);
  const auto prefetch = [this] {
    neighbours_->prefetch_lookup(version_.url);
    loop_.advance(milliseconds(1));
    discovery_.answer({has_all(1, offers_.key().version_key(version_))});
    link_.asked.clear();
  };
  prefetch();
  loop_.advance(std::chrono::seconds(3));
  find();
  EXPECT_EQ(discovery_.asked.size(), 1U) << "too long ago";
  discovery_.answer({});
  prefetch();
  offers_.reset(GroupKey::from_secret(2, sha256(as_bytes("another"))));
  neighbours_->on_key_changed();
  EXPECT_FALSE(neighbours_->promising(version_.url));
  find();
  ASSERT_EQ(discovery_.asked.size(), 1U) << "every name is another";
  EXPECT_EQ(discovery_.asked[0].keys[0].key, offers_.key().version_key(version_));
}

TEST_F(NeighbourhoodTest, AQuestionUnderTheKeyBeforeIsNoAnswerUnderTheNext) {
  meet(1);
  neighbours_->prefetch_lookup(version_.url);
  loop_.advance(milliseconds(1));
  const Digest old = offers_.key().version_key(version_);
  offers_.reset(GroupKey::from_secret(2, sha256(as_bytes("another"))));
  neighbours_->on_key_changed();
  discovery_.answer({has_all(1, old)});  // came late
  EXPECT_FALSE(neighbours_->promising(version_.url));
  find();
  EXPECT_EQ(discovery_.asked.size(), 1U);
}

TEST_F(NeighbourhoodTest, ItEndsWhileALookUpIsUnderWay) {
  meet(1);
  find();
  discovery_.answer({has_all(1, offers_.key().version_key(version_))});
  ASSERT_EQ(link_.asked.size(), 1U);
  auto late = std::move(link_.asked.front());
  neighbours_.reset();
  loop_.run_ready();
  EXPECT_EQ(found_, 1);
  EXPECT_EQ(supply_, nullptr);
  EXPECT_TRUE(link_.asked.empty()) << "the call is taken back";
  late.done(no_answer());  // the link would not do that; nothing may come of it
  EXPECT_EQ(found_, 1);
}

TEST_F(NeighbourhoodTest, ItEndsWhileItsSupplyIsUsed) {
  meet(1);
  find();
  discovery_.answer({has_all(1, offers_.key().version_key(version_))});
  link_.answer(id(1), PlayedOffice::says(whole(1, 5, false)));
  loop_.run_ready();
  ASSERT_NE(supply_, nullptr);
  EXPECT_TRUE(supply_->complete());
  neighbours_.reset();
  EXPECT_FALSE(supply_->complete());
  loop_.run_ready();
}

TEST_F(NeighbourhoodTest, TheNewestEditionIsFoundProvenAndGiven) {
  meet(1);
  std::optional<NewestEdition> newest;
  int answers = 0;
  neighbours_->find_newest(version_.url, [&](std::optional<NewestEdition> edition) {
    ++answers;
    newest = std::move(edition);
  });
  loop_.run_ready();
  ASSERT_EQ(discovery_.asked.size(), 1U);
  discovery_.answer({has_all(1, offers_.key().version_key(version_))});
  link_.answer(id(1), PlayedOffice::says(whole(1, 5, false)));
  loop_.run_ready();
  ASSERT_EQ(discovery_.asked.size(), 1U) << "who has that edition";
  discovery_.answer({has_all(1, offers_.key().version_key(version_))});
  link_.answer(id(1), PlayedOffice::says(whole(1, 5, false)));
  loop_.run_ready();
  ASSERT_EQ(answers, 1);
  ASSERT_TRUE(newest);
  EXPECT_EQ(newest->version.etag, version_.etag);
  EXPECT_TRUE(newest->supply->complete());
}

TEST_F(NeighbourhoodTest, EvidenceOfAnAttesterThatWasNeverMetCountsByTheCertificateThatCameWithIt) {
  meet(1);
  find();
  ASSERT_EQ(discovery_.asked.size(), 1U);
  discovery_.answer({has_all(1, offers_.key().version_key(version_))});
  link_.answer(id(1), PlayedOffice::says(whole(1, 5, false)));
  loop_.run_ready();
  ASSERT_NE(supply_, nullptr);
  EXPECT_TRUE(supply_->complete());
  hear(1, {says(5, "bad"), says(1, "good")}, certificate(5));
  EXPECT_TRUE(book_.is_known(id(5), loop_.wall()));
  EXPECT_FALSE(shunned(5) || shunned(1));
  EXPECT_FALSE(supply_->complete()) << "nothing more is taken of what is contradicted";
  const int before = found_;
  find();
  EXPECT_EQ(found_, before + 1);
  EXPECT_EQ(supply_, nullptr) << "nor asked for";
}

TEST_F(NeighbourhoodTest, MembersThatContradictEachOtherAreTakenFromNeitherAndTheGroupIsTold) {
  meet(1);
  meet(2);
  find();
  const Digest key = offers_.key().version_key(version_);
  discovery_.answer({has_all(1, key), has_all(2, key)});
  link_.answer(id(1), PlayedOffice::says(whole(1, 5, false)));
  link_.answer(id(2), PlayedOffice::says(whole(2, 6, false)));
  loop_.run_ready();
  EXPECT_EQ(found_, 1);
  EXPECT_TRUE(supply_ == nullptr || supply_->segments().empty());
  ASSERT_EQ(discovery_.told.size(), 2U) << "with the certificate of either";
  EXPECT_TRUE(check_evidence(*decode_evidence(discovery_.told[0].bytes), group_));
  EXPECT_NE(discovery_.told[0].certificate, discovery_.told[1].certificate);
  EXPECT_FALSE(trust_.may_share(version_digest(version_), version_.url, loop_.wall()));
  EXPECT_TRUE(trust_.all_doubted(loop_.wall()).empty()) << "who of them is wrong only the origin can tell";
}

TEST_F(NeighbourhoodTest, WithoutAGoodCertificateAStrangerIsNobody) {
  const AgentKey other_authority = AgentKey::generate();
  const std::string other_pem = make_authority(other_authority, "Other", loop_.wall(), kYear).value();
  const auto of_another_group =
      certificate_der(issue_leaf(other_authority, other_pem, id(5), loop_.wall(), kYear).value()).value();
  const std::vector<std::pair<const char*, std::vector<std::byte>>> rows{{"none", {}},
                                                                         {"another agent's", certificate(4)},
                                                                         {"another group's", of_another_group},
                                                                         {"junk", {std::byte{0x30}, std::byte{1}}}};
  std::uint64_t segment = 0;
  for (const auto& [what, der] : rows) {
    for (const std::uint8_t accuser : std::vector<std::uint8_t>{1, 2}) {
      hear(accuser, {says(5, "bad", ++segment), says(accuser, "good", segment)}, der);
    }
    EXPECT_FALSE(book_.is_known(id(5), loop_.wall())) << what;
    EXPECT_FALSE(shunned(5)) << what;
  }
}

TEST_F(NeighbourhoodTest, EvidenceThatDoesNotHoldMakesNobodyKnown) {
  Evidence forged{says(5, "bad"), says(1, "good")};
  forged.accused.signature[0] ^= std::byte{1};
  hear(1, forged, certificate(5));
  EXPECT_FALSE(book_.is_known(id(5), loop_.wall()));
  refused_.insert(id(1));
  hear(1, {says(5, "bad"), says(1, "good")}, certificate(5));
  EXPECT_FALSE(book_.is_known(id(5), loop_.wall())) << "who is revoked is not heard";
}

TEST_F(NeighbourhoodTest, WhatIsToldTheGroupCarriesTheAccusedsCertificate) {
  cache::SegmentInfo judged;
  judged.range = {0, *version_.size};
  judged.root = sha256(as_bytes("bad"));
  judged.peer_bytes = *version_.size;
  judged.attestation = encode_attestations({says(3, "bad")});
  neighbours_->judged_bad(version_, {judged});
  cache::SegmentInfo own;
  own.range = judged.range;
  own.root = sha256(as_bytes("good"));
  own.fetched_as = cache::version_name(version_);
  own.transport = cache::Transport::https;
  neighbours_->fetched(version_, {own});
  ASSERT_EQ(discovery_.told.size(), 1U);
  EXPECT_EQ(discovery_.told[0].certificate, *book_.certificate(id(3), loop_.wall()));
  EXPECT_EQ(decode_evidence(discovery_.told[0].bytes)->accused, says(3, "bad"));
  EXPECT_FALSE(shunned(3));
  EXPECT_TRUE(trust_.doubted(id(3), false, loop_.wall()));
}

}  // namespace
}  // namespace larder::peer
