// Whom to believe, and what makes an agent shunned: each rule, and each way around it that a liar might try.
#include "peer/trust.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/peer/witnesses.h"

namespace larder::peer {
namespace {

constexpr WallTime kNow = WallTime(std::chrono::seconds(1'790'000'100));

class TrustTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(initialise_crypto()); }

  [[nodiscard]] std::optional<Digest> believe(const Trust& trust, const std::vector<Attestation>& offered,
                                              const Trust::Refused& refused = {}) const {
    return trust.believe(offered, version_digest(version_), *version_.size, 0, group_, refused, kNow);
  }
  [[nodiscard]] Attestation says(const Witness& witness, std::string_view root, std::uint64_t segment = 0) const {
    return witness.says(version_, segment, root);
  }
  [[nodiscard]] Evidence evidence(const Witness& accused, const Witness& accuser, std::uint64_t segment = 0) const {
    return {says(accused, "bad", segment), says(accuser, "good", segment)};
  }
  // Whom it has shunned by that.
  std::vector<AgentId> receive(Trust& trust, const Evidence& what, const Trust::Refused& refused = {}) const {
    const auto outcome = trust.receive(what, self_.id(), group_, kNow, refused);
    EXPECT_TRUE(outcome) << outcome.error().text();
    return outcome ? outcome->shunned : std::vector<AgentId>();
  }

  const Digest group_ = group_digest("group");
  const cache::Version version_{"https://example.org/a.iso", 9437184, "\"e1\"", ""};
  const Digest good_ = sha256(as_bytes("good"));
  const Witness self_{100, group_}, a_{1, group_}, b_{2, group_}, c_{3, group_}, liar_{66, group_};
};

TEST_F(TrustTest, ARootIsBelievedBecauseOfItsAttesters) {
  const Attestation forged = [&] {
    Attestation one = says(a_, "good");
    one.root = sha256(as_bytes("bad"));
    return one;
  }();
  const cache::Version other{"https://example.org/b.iso", 9437184, "\"e1\"", ""};
  struct Case {
    const char* what;
    std::size_t min_attesters;
    std::vector<Attestation> offered;
    bool believed;
  };
  const std::vector<Case> cases = {
      {"nobody", 1, {}, false},
      {"one", 1, {says(a_, "good")}, true},
      {"none asked for counts as one", 0, {}, false},
      {"one of two asked for", 2, {says(a_, "good")}, false},
      {"the same one twice", 2, {says(a_, "good"), a_.says(version_, 0, "good", 5)}, false},
      {"two", 2, {says(a_, "good"), says(b_, "good")}, true},
      {"two of three asked for", 3, {says(a_, "good"), says(b_, "good")}, false},
      {"a contradiction", 1, {says(a_, "good"), says(b_, "bad")}, false},
      {"a contradiction outvoted", 1, {says(a_, "good"), says(c_, "good"), says(b_, "bad")}, false},
      {"one that says both is not heard", 1, {says(a_, "good"), says(b_, "bad"), says(b_, "good")}, true},
      {"only one that says both", 1, {says(b_, "bad"), says(b_, "good")}, false},
      {"a forgery", 1, {forged}, false},
      {"a forgery beside a good one", 1, {says(a_, "good"), forged}, true},
      {"another segment", 1, {says(a_, "good", 1)}, false},
      {"another version", 1, {a_.says(other, 0, "good")}, false},
      {"another version does not contradict", 1, {says(a_, "good"), b_.says(other, 0, "bad")}, true},
      {"of another group", 1, {Witness(1, group_digest("other")).says(version_, 0, "good")}, false},
  };
  for (const Case& one : cases) {
    const Trust trust(one.min_attesters);
    EXPECT_EQ(believe(trust, one.offered), one.believed ? std::optional(good_) : std::nullopt) << one.what;
  }
}

TEST_F(TrustTest, RefusedAndShunnedAttestersDoNotCount) {
  Trust trust;
  const auto refuse_a = [&](const AgentId& id) { return id == a_.id(); };
  EXPECT_FALSE(believe(trust, {says(a_, "good")}, refuse_a));
  EXPECT_EQ(believe(trust, {says(a_, "bad"), says(b_, "good")}, refuse_a), good_) << "nor do they contradict";
  EXPECT_TRUE(trust.sent_bad_block(b_.id(), kNow));
  EXPECT_FALSE(believe(trust, {says(b_, "good")}));
  EXPECT_EQ(believe(trust, {says(a_, "good"), says(b_, "bad")}), good_);
  trust.set_min_attesters(2);
  EXPECT_FALSE(believe(trust, {says(a_, "good"), says(b_, "good")}));
  EXPECT_EQ(believe(trust, {says(a_, "good"), says(c_, "good")}), good_);
}

TEST_F(TrustTest, AFloodOfAttestationsIsNotCheckedToItsEnd) {
  std::vector<Attestation> offered(Trust::kMaxOffered, says(liar_, "bad"));
  for (Attestation& one : offered) one.signature = {};
  offered.push_back(says(a_, "good"));
  EXPECT_FALSE(believe(Trust(), offered));
  offered.erase(offered.begin());
  EXPECT_EQ(believe(Trust(), offered), good_);
}

TEST_F(TrustTest, OwnFetchProvesASuspicion) {
  Trust trust;
  trust.suspect({says(liar_, "bad"), says(liar_, "good", 1), says(a_, "good")}, group_);
  EXPECT_FALSE(trust.shunned(liar_.id(), kNow)) << "a verdict alone proves nothing";
  const auto outcome = trust.fetched({says(self_, "good"), says(self_, "good", 1)}, kNow);
  EXPECT_EQ(outcome.shunned, std::vector{liar_.id()});
  ASSERT_EQ(outcome.evidence.size(), 1u);
  EXPECT_EQ(outcome.evidence[0], (Evidence{says(liar_, "bad"), says(self_, "good")}));
  EXPECT_TRUE(check_evidence(outcome.evidence[0], group_));
  const auto all = trust.all_shunned(kNow);
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].reason, ShunReason::contradicted_here);
  EXPECT_EQ(all[0].since, kNow);
  EXPECT_NE(all[0].detail.find(to_hex(version_digest(version_))), std::string::npos) << all[0].detail;
  EXPECT_TRUE(trust.shunned(liar_.id(), kNow + std::chrono::hours(24 * 365 * 20))) << "for good";
  EXPECT_FALSE(trust.shunned(a_.id(), kNow));
  EXPECT_TRUE(trust.fetched({says(self_, "good")}, kNow).evidence.empty()) << "told once";
}

TEST_F(TrustTest, TheSameRootFromTheOriginClearsTheSuspected) {
  Trust trust;
  trust.suspect({says(a_, "bad")}, group_);
  EXPECT_TRUE(trust.fetched({says(self_, "bad")}, kNow).evidence.empty()) << "it is the origin that gives it";
  EXPECT_TRUE(trust.fetched({says(self_, "good")}, kNow).evidence.empty()) << "that is another matter";
  EXPECT_TRUE(trust.all_shunned(kNow).empty());
}

TEST_F(TrustTest, WhatWasNotJudgedBadIsNoMatter) {
  Trust trust;
  trust.suspect({says(liar_, "bad", 1)}, group_);
  EXPECT_TRUE(trust.fetched({says(self_, "good", 0), says(self_, "good", 2)}, kNow).evidence.empty());
  const cache::Version longer{version_.url, 9437185, version_.etag, ""};
  EXPECT_TRUE(trust.fetched({self_.says(longer, 1, "good")}, kNow).evidence.empty());
  EXPECT_EQ(trust.fetched({says(self_, "good", 1)}, kNow).shunned.size(), 1u);
}

TEST_F(TrustTest, AnUnsignedSuspicionBlamesNobody) {
  Trust trust;
  Attestation framed = says(a_, "good");
  framed.root = sha256(as_bytes("bad"));
  trust.suspect({framed}, group_);
  EXPECT_TRUE(trust.fetched({says(self_, "good")}, kNow).shunned.empty());
}

TEST_F(TrustTest, OwnStatementsAreNoSuspects) {
  Trust trust;
  trust.suspect({says(self_, "bad")}, group_);
  const auto outcome = trust.fetched({says(self_, "good")}, kNow);
  EXPECT_TRUE(outcome.shunned.empty() && outcome.evidence.empty());
}

TEST_F(TrustTest, TwoOtherAgentsSuffice) {
  Trust trust;
  EXPECT_TRUE(receive(trust, evidence(liar_, a_)).empty());
  EXPECT_FALSE(trust.shunned(liar_.id(), kNow));
  EXPECT_EQ(receive(trust, evidence(liar_, b_, 3)), std::vector{liar_.id()}) << "of whatever they speak";
  EXPECT_TRUE(trust.shunned(liar_.id(), kNow));
  EXPECT_EQ(trust.all_shunned(kNow).at(0).reason, ShunReason::contradicted_by_two);
  EXPECT_TRUE(receive(trust, evidence(liar_, c_)).empty()) << "not newly";
  EXPECT_FALSE(trust.shunned(a_.id(), kNow) || trust.shunned(b_.id(), kNow));
}

TEST_F(TrustTest, OneAccuserCountsOnce) {
  Trust trust;
  for (std::uint64_t segment = 0; segment < 10; ++segment) {
    EXPECT_TRUE(receive(trust, evidence(a_, liar_, segment)).empty());
    EXPECT_TRUE(receive(trust, evidence(a_, liar_, segment)).empty()) << "replayed";
  }
  EXPECT_FALSE(trust.shunned(a_.id(), kNow));
}

TEST_F(TrustTest, EvidenceToldTheOtherWayRoundCountsAgainstNobodyAlone) {
  Trust trust;
  for (const Witness* victim : {&a_, &b_, &c_}) {
    const Evidence told = evidence(liar_, *victim);
    receive(trust, {told.accuser, told.accused});
  }
  EXPECT_TRUE(trust.all_shunned(kNow).empty()) << "each is accused by the liar alone";
}

TEST_F(TrustTest, AShunnedAccuserDoesNotCount) {
  Trust trust;
  receive(trust, evidence(c_, liar_));
  receive(trust, evidence(liar_, a_));
  receive(trust, evidence(liar_, b_));
  ASSERT_TRUE(trust.shunned(liar_.id(), kNow));
  EXPECT_TRUE(receive(trust, evidence(c_, a_)).empty()) << "what the liar said before counts no more";
  receive(trust, evidence(b_, liar_));
  EXPECT_TRUE(receive(trust, evidence(b_, a_)).empty()) << "nor what it says now";
  EXPECT_EQ(receive(trust, evidence(c_, b_)), std::vector{c_.id()}) << "two that are believed";
}

TEST_F(TrustTest, WhatAShunnedAccuserSaidDoesNotCountLater) {
  Trust trust;
  trust.sent_bad_block(b_.id(), kNow);
  EXPECT_TRUE(receive(trust, evidence(a_, b_)).empty());
  const WallTime later = kNow + 2 * Trust::kBadBlocks;
  ASSERT_FALSE(trust.shunned(b_.id(), later));
  EXPECT_TRUE(trust.receive(evidence(a_, c_), self_.id(), group_, later)->shunned.empty());
  EXPECT_EQ(trust.receive(evidence(a_, b_), self_.id(), group_, later)->shunned, std::vector{a_.id()}) << "told again";
}

TEST_F(TrustTest, RefusedAgentsNeitherAccuseNorAreAccused) {
  Trust trust;
  const auto member = [&](const AgentId& id) { return id != a_.id() && id != b_.id() && id != c_.id(); };
  EXPECT_TRUE(receive(trust, evidence(a_, liar_), member).empty());
  EXPECT_TRUE(receive(trust, evidence(liar_, a_), member).empty());
  EXPECT_TRUE(receive(trust, evidence(liar_, b_), member).empty()) << "keys that anybody can make";
  EXPECT_TRUE(trust.all_shunned(kNow).empty());
  receive(trust, evidence(liar_, a_));
  EXPECT_EQ(receive(trust, evidence(liar_, b_)), std::vector{liar_.id()}) << "known now";
}

TEST_F(TrustTest, EvidenceAgainstAndFromOneselfChangesNothing) {
  Trust trust;
  receive(trust, evidence(self_, a_));
  receive(trust, evidence(self_, b_));
  EXPECT_FALSE(trust.shunned(self_.id(), kNow));
  receive(trust, evidence(a_, self_));
  EXPECT_TRUE(receive(trust, evidence(a_, b_)).empty()) << "what oneself fetched is weighed where it was fetched";
}

TEST_F(TrustTest, InvalidEvidenceIsTheSendersFault) {
  const Evidence good = evidence(liar_, a_);
  std::vector<std::pair<const char*, Evidence>> cases(8, {"", good});
  cases[0] = {"accuser is accused", {says(a_, "bad"), says(a_, "good")}};
  cases[1] = {"they agree", {says(liar_, "good"), says(a_, "good")}};
  cases[2] = {"another segment", {says(liar_, "bad", 1), says(a_, "good")}};
  const cache::Version other{"https://example.org/b.iso", 9437184, "\"e1\"", ""};
  cases[3] = {"another version", {liar_.says(other, 0, "bad"), says(a_, "good")}};
  const cache::Version longer{version_.url, 9437185, version_.etag, ""};
  cases[4] = {"another size", {liar_.says(longer, 0, "bad"), says(a_, "good")}};
  cases[5].first = "the accused did not sign";
  cases[5].second.accused.signature[0] ^= std::byte{1};
  cases[6].first = "the accuser did not sign";
  cases[6].second.accuser.root = sha256(as_bytes("third"));
  cases[7] = {"of another group", {Witness(66, group_digest("other")).says(version_, 0, "bad"), says(a_, "good")}};
  Trust trust;
  for (const auto& [what, one] : cases) {
    const auto outcome = trust.receive(one, self_.id(), group_, kNow);
    ASSERT_FALSE(outcome) << what;
    EXPECT_EQ(outcome.error().code, ErrorCode::bad_response) << what;
  }
  receive(trust, evidence(liar_, b_));
  EXPECT_FALSE(trust.shunned(liar_.id(), kNow)) << "something of that counted";
}

TEST_F(TrustTest, EvidenceHasTheBytesOfItsTwoStatements) {
  const Evidence one = evidence(liar_, a_);
  const auto bytes = encode_evidence(one);
  EXPECT_EQ(bytes.size(), kEvidenceSize);
  EXPECT_LE(bytes.size(), 900u) << "it has to fit into a datagram";
  EXPECT_EQ(decode_evidence(bytes).value(), one);
  EXPECT_FALSE(decode_evidence(std::span(bytes).first(kAttestationSize)));
  EXPECT_FALSE(decode_evidence({}));
}

TEST_F(TrustTest, BadBlocksShunForAnHour) {
  Trust trust;
  EXPECT_TRUE(trust.sent_bad_block(a_.id(), kNow));
  EXPECT_FALSE(trust.sent_bad_block(a_.id(), kNow + std::chrono::minutes(30))) << "already";
  EXPECT_TRUE(trust.shunned(a_.id(), kNow + std::chrono::minutes(89))) << "the hour begins anew";
  EXPECT_FALSE(trust.shunned(a_.id(), kNow + std::chrono::minutes(90)));
  EXPECT_TRUE(trust.all_shunned(kNow + std::chrono::minutes(90)).empty());
  EXPECT_TRUE(trust.sent_bad_block(a_.id(), kNow + std::chrono::hours(2))) << "newly";
  EXPECT_EQ(trust.all_shunned(kNow + std::chrono::hours(2)).at(0).since, kNow + std::chrono::hours(2));
}

TEST_F(TrustTest, AContradictionOutlastsBadBlocks) {
  Trust trust;
  trust.sent_bad_block(liar_.id(), kNow);
  trust.suspect({says(liar_, "bad")}, group_);
  EXPECT_EQ(trust.fetched({says(self_, "good")}, kNow).shunned, std::vector{liar_.id()}) << "for good now";
  EXPECT_FALSE(trust.sent_bad_block(liar_.id(), kNow));
  EXPECT_TRUE(trust.shunned(liar_.id(), kNow + std::chrono::hours(1000)));
  EXPECT_EQ(trust.all_shunned(kNow).at(0).reason, ShunReason::contradicted_here);
}

TEST_F(TrustTest, APardonForgetsWhatWasSaid) {
  Trust trust;
  receive(trust, evidence(a_, b_));
  receive(trust, evidence(a_, c_));
  ASSERT_TRUE(trust.shunned(a_.id(), kNow));
  trust.pardon(a_.id(), kNow);
  EXPECT_FALSE(trust.shunned(a_.id(), kNow));
  EXPECT_TRUE(receive(trust, evidence(a_, b_)).empty());
  EXPECT_TRUE(receive(trust, evidence(a_, c_)).empty()) << "the old statements, told again";
  EXPECT_FALSE(trust.shunned(a_.id(), kNow));
  const std::uint64_t later = 1'790'000'200;
  receive(trust, {says(a_, "bad"), b_.says(version_, 0, "good", later)});
  EXPECT_EQ(receive(trust, {says(a_, "bad"), c_.says(version_, 0, "good", later)}), std::vector{a_.id()});
}

// Agents by number, cheaper than keys: for bounds of what needs no signature.
AgentId numbered(std::uint32_t number) {
  AgentId id{};
  for (std::size_t i = 0; i < 4; ++i) id[i] = static_cast<std::byte>(number >> (24 - 8 * i));
  return id;
}

TEST_F(TrustTest, TheShunnedAreBounded) {
  Trust trust;
  trust.suspect({says(liar_, "bad")}, group_);
  trust.fetched({says(self_, "good")}, kNow);
  for (std::uint32_t i = 0; i < Trust::kMaxShunned + 100; ++i) {
    EXPECT_TRUE(trust.sent_bad_block(numbered(i), kNow + std::chrono::milliseconds(i)));
  }
  const WallTime end = kNow + std::chrono::milliseconds(Trust::kMaxShunned + 100);
  EXPECT_EQ(trust.all_shunned(end).size(), Trust::kMaxShunned);
  EXPECT_TRUE(trust.shunned(liar_.id(), end)) << "bad blocks go before a contradiction";
  EXPECT_FALSE(trust.shunned(numbered(0), end)) << "the oldest goes";
  EXPECT_TRUE(trust.shunned(numbered(Trust::kMaxShunned + 99), end));
}

TEST_F(TrustTest, SuspicionsAreBounded) {
  Trust trust;
  std::vector<Attestation> all;
  for (std::uint64_t i = 0; i <= Trust::kMaxSuspicions; ++i) all.push_back(says(liar_, "bad", i));
  trust.suspect(all, group_);
  EXPECT_TRUE(trust.fetched({says(self_, "good", 0)}, kNow).evidence.empty()) << "the oldest is forgotten";
  EXPECT_EQ(trust.fetched({says(self_, "good", 1)}, kNow).evidence.size(), 1u);
}

// Hears what is kept and forgotten; what it has then is what a restart would find.
class Kept final : public TrustJournal {
 public:
  void keep(const Shunned& one) override { shunned[one.agent] = one; }
  void keep(const Pardon& one) override { pardons[one.agent] = one; }
  void keep(const Attestation& one) override { suspected.push_back(one); }
  void keep(const Accusation& one) override { accusations.push_back(one); }
  void forget_shunned(const AgentId& agent) override { EXPECT_EQ(shunned.erase(agent), 1u); }
  void forget_pardon(const AgentId& agent) override { EXPECT_EQ(pardons.erase(agent), 1u); }
  void forget(const Attestation& one) override { EXPECT_EQ(std::erase(suspected, one), 1u); }
  void forget(const Accusation& one) override { EXPECT_EQ(std::erase(accusations, one), 1u); }
  void forget_all() override { *this = Kept(); }
  [[nodiscard]] TrustState state() const {
    TrustState state;
    for (const auto& [agent, one] : shunned) state.shunned.push_back(one);
    for (const auto& [agent, one] : pardons) state.pardons.push_back(one);
    state.suspected = suspected;
    state.accusations = accusations;
    return state;
  }

  std::map<AgentId, Shunned> shunned;
  std::map<AgentId, Pardon> pardons;
  std::vector<Attestation> suspected;
  std::vector<Accusation> accusations;
};

TEST_F(TrustTest, AccusationsAreBoundedAndSoIsOneAccuser) {
  Kept kept;
  Trust trust;
  trust.set_journal(&kept);
  TrustState state;
  for (std::uint32_t i = 0; i < Trust::kMaxAccused + 10; ++i) {
    state.accusations.push_back({numbered(i), liar_.id(), {}, kNow});
  }
  trust.restore(state, kNow);
  EXPECT_TRUE(kept.accusations.empty()) << "it is known to the journal already";
  receive(trust, evidence(a_, liar_));
  EXPECT_TRUE(kept.accusations.empty()) << "one that accuses that many counts no more";
  receive(trust, evidence(a_, b_));
  EXPECT_EQ(kept.accusations.size(), 1u);

  Trust full;
  TrustState many;
  for (std::uint32_t i = 0; i < Trust::kMaxEvidence; ++i) {
    many.accusations.push_back({numbered(i % 128), numbered(1'000'000 + i / 128), {}, kNow});
  }
  full.restore(many, kNow);
  kept.accusations = many.accusations;
  full.set_journal(&kept);
  receive(full, evidence(a_, b_));
  EXPECT_EQ(kept.accusations.size(), Trust::kMaxEvidence);
  EXPECT_EQ(std::count(kept.accusations.begin(), kept.accusations.end(), many.accusations.front()), 0)
      << "the oldest goes";
}

TEST_F(TrustTest, WhatIsKeptMakesTheSameAgain) {
  Kept kept;
  Trust trust;
  trust.set_journal(&kept);
  trust.suspect({says(liar_, "bad"), says(c_, "bad", 1), says(c_, "good", 2)}, group_);
  trust.fetched({says(self_, "good"), says(self_, "good", 2)}, kNow);
  receive(trust, evidence(a_, b_));
  trust.sent_bad_block(numbered(1), kNow);
  trust.sent_bad_block(numbered(2), kNow);
  trust.pardon(numbered(2), kNow);
  Trust again;
  again.restore(kept.state(), kNow + std::chrono::minutes(1));
  EXPECT_EQ(again.all_shunned(kNow), trust.all_shunned(kNow));
  EXPECT_EQ(again.fetched({says(self_, "good", 1)}, kNow).shunned, std::vector{c_.id()}) << "still suspected";
  EXPECT_EQ(receive(again, evidence(a_, c_)).size(), 0u) << "that accuser is shunned";
  EXPECT_EQ(receive(again, evidence(a_, Witness(4, group_))), std::vector{a_.id()}) << "its first accuser is kept";
  Trust late;
  late.restore(kept.state(), kNow + std::chrono::hours(2));
  EXPECT_EQ(late.all_shunned(kNow).size(), 1u) << "what is over is not taken over";
  trust.forget_all();
  EXPECT_TRUE(trust.all_shunned(kNow).empty());
  EXPECT_TRUE(kept.shunned.empty() && kept.pardons.empty() && kept.suspected.empty() && kept.accusations.empty());
}

}  // namespace
}  // namespace larder::peer
