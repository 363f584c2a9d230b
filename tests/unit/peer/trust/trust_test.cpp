// Whom to believe, and what a contradiction does to a version and to a member: each rule, and each way around it that a
// liar might try.
#include "base/text/units.h"
#include "tests/unit/peer/trust_fixture.h"

namespace larder::peer {
namespace {

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

// -- what a contradiction does to the version

TEST_F(TrustTest, AContradictionCondemnsTheVersionAndShunsNobody) {
  Trust trust;
  const auto outcome = receive(trust, evidence(liar_, a_));
  EXPECT_EQ(outcome.condemned, std::vector{version_digest(version_)});
  EXPECT_TRUE(outcome.shunned.empty() && outcome.doubted.empty());
  EXPECT_FALSE(trust.may_share(version_digest(version_), version_.url, kNow));
  EXPECT_TRUE(trust.may_share(version_digest(at_host(1)), at_host(1).url, kNow)) << "no other";
  EXPECT_TRUE(receive(trust, evidence(liar_, b_)).condemned.empty()) << "not newly";
  const auto week = std::chrono::hours(24 * 7);
  EXPECT_FALSE(trust.may_share(version_digest(version_), version_.url, kNow + week - std::chrono::seconds(1)));
  EXPECT_TRUE(trust.may_share(version_digest(version_), version_.url, kNow + week));
  EXPECT_TRUE(trust.tidy(kNow + week)) << "what was held back may be shared again";
}

TEST_F(TrustTest, BelievedAttestersThatContradictEachOtherAreEvidence) {
  const Trust trust;
  const auto believed = trust.believe({says(a_, "good"), says(b_, "bad")}, asked(), group_, {}, kNow);
  EXPECT_FALSE(believed.root);
  ASSERT_TRUE(believed.contradiction);
  EXPECT_TRUE(check_evidence(*believed.contradiction, group_));
}

TEST_F(TrustTest, EvidenceAgainstAndFromOneselfIsAnOwnContradiction) {
  Trust trust;
  trust.know(version_digest(version_), version_.url);
  const auto outcome = receive(trust, evidence(self_, liar_));
  EXPECT_EQ(outcome.condemned.size(), 1u);
  EXPECT_EQ(outcome.doubted, std::vector{liar_.id()});
  EXPECT_FALSE(trust.shunned(self_.id(), kNow) || trust.doubted(self_.id(), false, kNow));
}

TEST_F(TrustTest, WhoeverTellsItTheOtherWayRoundChangesNothing) {
  Trust trust;
  for (int i = 0; i < 3; ++i) {
    const Evidence told{a_.says(at_host(i), 0, "good"), liar_.says(at_host(i), 0, "bad")};
    trust.know(version_digest(at_host(i)), at_host(i).url);
    receive(trust, told);
    EXPECT_TRUE(receive(trust, {told.accuser, told.accused}).empty());
  }
  EXPECT_TRUE(trust.all_shunned(kNow).empty() && trust.all_doubted(kNow).empty());
}

TEST_F(TrustTest, RefusedAgentsNeitherAccuseNorAreAccused) {
  Trust trust;
  const auto strange = [&](const AgentId& id) { return id == liar_.id(); };
  EXPECT_TRUE(receive(trust, evidence(a_, liar_), kNow, 9, strange).empty());
  EXPECT_TRUE(receive(trust, evidence(liar_, a_), kNow, 9, strange).empty()) << "keys that anybody can make";
  EXPECT_TRUE(trust.may_share(version_digest(version_), version_.url, kNow));
  EXPECT_EQ(receive(trust, evidence(liar_, a_)).condemned.size(), 1u) << "known now";
}

TEST_F(TrustTest, AShunnedOneCondemnsNothing) {
  Trust trust;
  trust.sent_bad_block(liar_.id(), kNow);
  EXPECT_TRUE(receive(trust, evidence(a_, liar_)).empty());
}

// A member that contradicts whatever it hears of costs so many versions in an hour, and then is heard no more.
TEST_F(TrustTest, WhatOneLiarCanCondemnIsBounded) {
  Trust trust;
  std::size_t condemned = 0;
  for (int i = 0; i < 100; ++i) condemned += tells(trust, liar_, i % 2 == 0 ? a_ : b_, at_host(i)).condemned.size();
  EXPECT_EQ(condemned, CondemnedVersions::kMaxByOne);
  EXPECT_TRUE(trust.doubted(liar_.id(), true, kNow)) << "it contradicts two, each of them only it";
  EXPECT_FALSE(trust.doubted(a_.id(), false, kNow) || trust.doubted(b_.id(), false, kNow));
  EXPECT_TRUE(trust.all_shunned(kNow).empty());
  // Its second time is twice as long.
  const WallTime later = kNow + std::chrono::hours(1);
  EXPECT_FALSE(trust.doubted(liar_.id(), true, later));
  for (int i = 100; i < 200; ++i)
    condemned += tells(trust, liar_, i % 2 == 0 ? a_ : b_, at_host(i), later).condemned.size();
  EXPECT_EQ(condemned, 2 * CondemnedVersions::kMaxByOne);
  EXPECT_TRUE(trust.doubted(liar_.id(), true, later + std::chrono::minutes(119)));
}

TEST_F(TrustTest, WhereItCannotBeToldWhoIsWrongNeitherIsHeard) {
  Trust trust;
  for (int i = 0; i < 20; ++i) tells(trust, liar_, a_, at_host(i));
  EXPECT_TRUE(trust.doubted(liar_.id(), true, kNow) && trust.doubted(a_.id(), true, kNow));
  EXPECT_TRUE(trust.all_shunned(kNow).empty());
}

TEST_F(TrustTest, WhoContradictsThisAgentTakesOneVersionOfItOutOfSharing) {
  Trust trust;
  std::size_t condemned = 0;
  for (int i = 0; i < 20; ++i) condemned += tells(trust, self_, liar_, at_host(i)).condemned.size();
  EXPECT_EQ(condemned, 1u);
}

TEST_F(TrustTest, WhoWasDoubtedForNothingIsHeardAgain) {
  Trust trust;
  for (int i = 0; i < 20; ++i) tells(trust, liar_, a_, at_host(i));
  ASSERT_TRUE(trust.doubted(a_.id(), true, kNow));
  fetched(trust, at_host(4), "good");
  EXPECT_FALSE(trust.doubted(a_.id(), true, kNow));
  EXPECT_TRUE(trust.doubted(liar_.id(), true, kNow));
  trust.suspect({liar_.says(at_host(30), 0, "good")}, group_);
  fetched(trust, at_host(30), "good");
  EXPECT_TRUE(trust.doubted(liar_.id(), true, kNow)) << "one true word makes no wrong one good";
}

TEST_F(TrustTest, AnOwnFetchThatAgreesWithNeitherLowersBoth) {
  Trust trust;
  for (int i = 0; i < 20; ++i) tells(trust, liar_, a_, at_host(i));
  fetched(trust, at_host(3), "other");
  EXPECT_TRUE(trust.doubted(a_.id(), true, kNow));
  EXPECT_TRUE(trust.doubted(liar_.id(), true, kNow));
}

TEST_F(TrustTest, AnOwnFetchTellsWhoIsRight) {
  Trust trust;
  for (int i = 0; i < 3; ++i) tells(trust, liar_, a_, at_host(i));
  const auto outcome = fetched(trust, at_host(1), "good");
  EXPECT_EQ(outcome.doubted, std::vector{liar_.id()});
  ASSERT_EQ(outcome.evidence.size(), 1u) << "told, so that others learn whom it contradicts";
  EXPECT_EQ(outcome.evidence[0].accuser, self_.says(at_host(1), 0, "good"));
  EXPECT_FALSE(trust.doubted(a_.id(), false, kNow));
  EXPECT_TRUE(tells(trust, liar_, a_, at_host(50)).condemned.empty()) << "it condemns nothing here any more";
}

// -- what it does to a member

TEST_F(TrustTest, OwnFetchLowersAWordAndTellsTheGroup) {
  Trust trust;
  const auto outcome = finds_out(trust, liar_, version_);
  EXPECT_EQ(outcome.doubted, std::vector{liar_.id()});
  EXPECT_TRUE(outcome.shunned.empty());
  EXPECT_EQ(outcome.condemned, std::vector{version_digest(version_)});
  ASSERT_EQ(outcome.evidence.size(), 1u);
  EXPECT_TRUE(check_evidence(outcome.evidence[0], group_));
  EXPECT_TRUE(trust.all_shunned(kNow).empty());
  EXPECT_FALSE(believe(trust, {says(liar_, "other")})) << "alone";
  EXPECT_EQ(believe(trust, {says(liar_, "good"), says(a_, "good")}), good_);
  EXPECT_EQ(believe(trust, {says(liar_, "bad"), says(a_, "good")}), good_) << "nor does it contradict";
  trust.set_min_attesters(2);
  EXPECT_FALSE(believe(trust, {says(liar_, "good"), says(a_, "good")}));
  trust.set_min_attesters(1);
  EXPECT_FALSE(trust.doubted(liar_.id(), false, kNow + std::chrono::hours(1))) << "it ends by itself";
  EXPECT_TRUE(fetched(trust, version_, "good").evidence.empty()) << "told once";
}

TEST_F(TrustTest, PlainHttpLowersAWordOfPlainHttpAlone) {
  Trust trust;
  const cache::Version plain = at_host(1, "http");
  finds_out(trust, liar_, plain);
  EXPECT_TRUE(trust.doubted(liar_.id(), false, kNow));
  EXPECT_FALSE(trust.doubted(liar_.id(), true, kNow)) << "whoever stands on the line could have done that";
  EXPECT_TRUE(trust.believe({says(liar_, "good")}, asked(), group_, {}, kNow).root);
  EXPECT_FALSE(trust.believe({says(liar_, "good")}, asked(false), group_, {}, kNow).root)
      << "whatever it says of its transport, the URL is plain HTTP";
  const Attestation by_http = liar_.says(version_, 0, "good", 1'790'000'000, Transport::http);
  EXPECT_FALSE(trust.believe({by_http}, asked(), group_, {}, kNow).root);
}

// Members that are contradicted over plain HTTP are not shunned for it: to say so of an HTTPS URL must not pay.
TEST_F(TrustTest, PlainHttpSaidOfAnHttpsUrlIsNotBelieved) {
  Trust trust;
  const Attestation by_http = liar_.says(version_, 0, "bad", 1'790'000'000, Transport::http);
  EXPECT_FALSE(trust.believe({by_http}, asked(), group_, {}, kNow).root);
  const auto beside_true = trust.believe({by_http, says(a_, "good")}, asked(), group_, {}, kNow);
  EXPECT_EQ(beside_true.root, good_) << "nor does it contradict";
  EXPECT_FALSE(beside_true.contradiction);
  EXPECT_TRUE(trust.believe({by_http}, asked(false), group_, {}, kNow).root) << "of an HTTP URL it is as good as any";
}

TEST_F(TrustTest, TheSameRootFromTheOriginClearsTheSuspected) {
  Trust trust;
  trust.suspect({says(a_, "bad")}, group_);
  EXPECT_TRUE(fetched(trust, version_, "bad").empty()) << "it is the origin that gives it";
}

TEST_F(TrustTest, WhatWasNotJudgedBadIsNoMatter) {
  Trust trust;
  trust.suspect({says(liar_, "bad", 1)}, group_);
  EXPECT_TRUE(trust.fetched(version_.url, {says(self_, "good", 0), says(self_, "good", 2)}, circle(), kNow).empty());
  const cache::Version longer{version_.url, 9437185, version_.etag, ""};
  EXPECT_TRUE(trust.fetched(longer.url, {self_.says(longer, 1, "good")}, circle(), kNow).empty());
  EXPECT_EQ(trust.fetched(version_.url, {says(self_, "good", 1)}, circle(), kNow).doubted.size(), 1u);
}

TEST_F(TrustTest, AnUnsignedSuspicionBlamesNobodyNorDoesAnOwnStatement) {
  Trust trust;
  Attestation framed = says(a_, "good");
  framed.root = sha256(as_bytes("bad"));
  trust.suspect({framed, says(self_, "bad")}, group_);
  EXPECT_TRUE(fetched(trust, version_, "good").empty());
}

TEST_F(TrustTest, ShunningNeedsAShareOfTheGroupAndUnrelatedHttpsOrigins) {
  struct Case {
    const char* what;
    int accusers, sites;
    std::size_t members;
    std::string scheme;
    bool shunned;
  };
  const std::vector<Case> cases = {
      {"two accusers", 2, 3, 4, "https", false},
      {"three, over two origins", 3, 2, 9, "https", false},
      {"three of nine, over three origins", 3, 3, 9, "https", true},
      {"three of ten", 3, 3, 10, "https", false},
      {"four of ten", 4, 4, 10, "https", true},
      {"by plain HTTP", 4, 4, 9, "http", false},
  };
  const std::vector<const Witness*> accusers{&a_, &b_, &c_, &d_};
  for (const Case& one : cases) {
    Trust trust;
    for (int i = 0; i < one.accusers; ++i) {
      tells(trust, liar_, *accusers[static_cast<std::size_t>(i)], at_host(i % one.sites, one.scheme), kNow,
            one.members);
    }
    EXPECT_EQ(trust.shunned(liar_.id(), kNow), one.shunned) << one.what;
    EXPECT_FALSE(trust.shunned(a_.id(), kNow)) << one.what;
  }
}

TEST_F(TrustTest, OriginsThatThisAgentNeverAskedShunNobody) {
  Trust trust;
  for (const Witness* accuser : {&a_, &b_, &c_, &d_}) {
    for (int i = 0; i < 3; ++i) {
      receive(trust, {liar_.says(at_host(i), 0, "bad"), accuser->says(at_host(i), 0, "good")});
    }
  }
  EXPECT_TRUE(trust.all_shunned(kNow).empty());
  for (int i = 0; i < 3; ++i) trust.know(version_digest(at_host(i)), at_host(i).url);
  EXPECT_EQ(tells(trust, liar_, Witness(5, group_), at_host(4)).shunned, std::vector{liar_.id()}) << "it asked since";
}

TEST_F(TrustTest, NamesOfOneSiteAreOneOrigin) {
  Trust trust;
  const std::vector<const Witness*> accusers{&a_, &b_, &c_, &d_};
  for (int i = 0; i < 4; ++i) {
    const cache::Version version{"https://h" + std::to_string(i) + ".evil.example/f", 9437184, "\"e\"", ""};
    tells(trust, liar_, *accusers[static_cast<std::size_t>(i)], version);
  }
  EXPECT_TRUE(trust.all_shunned(kNow).empty());
}

TEST_F(TrustTest, ShunningEndsByItselfAndIsLongerTheNextTime) {
  Trust trust;
  const auto shun_at = [&](WallTime now, int first) {
    const auto said = static_cast<std::uint64_t>(to_unix_ns(now) / 1'000'000'000);
    const std::vector<const Witness*> accusers{&a_, &b_, &c_};
    for (int i = 0; i < 3; ++i) {
      const cache::Version version = at_host(first + i);
      trust.know(version_digest(version), version.url);
      const Witness& accuser = *accusers[static_cast<std::size_t>(i)];
      receive(trust, Evidence{liar_.says(version, 0, "bad", said), accuser.says(version, 0, "good", said)}, now);
    }
    return trust.shunned(liar_.id(), now);
  };
  WallTime now = kNow;
  ASSERT_TRUE(shun_at(now, 0));
  Duration expected = std::chrono::hours(1);
  for (int round = 1; round < 9; ++round) {
    EXPECT_TRUE(trust.shunned(liar_.id(), now + expected - std::chrono::seconds(1))) << round;
    EXPECT_FALSE(trust.shunned(liar_.id(), now + expected)) << round;
    now += expected;
    EXPECT_FALSE(trust.shunned(liar_.id(), now)) << "what was said before counts no more";
    now += std::chrono::seconds(10);
    ASSERT_TRUE(shun_at(now, 10 * round)) << round;
    expected = std::min<Duration>(expected * 2, MemberStanding::kLongestShun);
  }
}

TEST_F(TrustTest, APardonForgetsWhatWasSaid) {
  Trust trust;
  const std::vector<const Witness*> accusers{&a_, &b_, &c_};
  for (int i = 0; i < 3; ++i) tells(trust, liar_, *accusers[static_cast<std::size_t>(i)], at_host(i));
  finds_out(trust, liar_, at_host(7));
  ASSERT_TRUE(trust.shunned(liar_.id(), kNow));
  EXPECT_TRUE(trust.pardon(liar_.id(), kNow));
  EXPECT_FALSE(trust.pardon(liar_.id(), kNow)) << "nothing is left";
  EXPECT_FALSE(trust.shunned(liar_.id(), kNow) || trust.doubted(liar_.id(), false, kNow));
  for (int i = 0; i < 3; ++i) tells(trust, liar_, *accusers[static_cast<std::size_t>(i)], at_host(i));
  EXPECT_FALSE(trust.shunned(liar_.id(), kNow)) << "the old statements, told again";
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
    const auto outcome = trust.receive(one, circle(), kNow);
    ASSERT_FALSE(outcome) << what;
    EXPECT_EQ(outcome.error().code, ErrorCode::bad_response) << what;
  }
  EXPECT_EQ(trust.condemned_count(), 0u) << "something of that counted";
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
  EXPECT_EQ(trust.all_shunned(kNow + std::chrono::hours(2)).at(0).spell.since, kNow + std::chrono::hours(2));
}

}  // namespace
}  // namespace larder::peer
