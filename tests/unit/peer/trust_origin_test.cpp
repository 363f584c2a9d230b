// What contradictions do to an origin; the bounds of all that is kept, and what a restart finds.
#include <map>

#include "tests/unit/peer/trust_fixture.h"

namespace larder::peer {
namespace {

// -- what it does to an origin

TEST_F(TrustTest, AnOriginThatGivesThisAgentTwoContentsIsNotConstantAndNobodyIsBlamed) {
  Trust trust;
  fetched(trust, version_, "first");
  trust.suspect({says(a_, "third")}, group_);
  const auto outcome = fetched(trust, version_, "second");
  EXPECT_TRUE(outcome.evidence.empty() && outcome.doubted.empty() && outcome.shunned.empty());
  EXPECT_EQ(outcome.hosts, std::vector<std::string>{"example.org"});
  EXPECT_EQ(outcome.condemned.size(), 1u);
  const cache::Version other{"https://example.org/b.iso", 9437184, "\"e1\"", ""};
  EXPECT_FALSE(trust.may_share(version_digest(other), other.url, kNow)) << "of the whole host, for a while";
  EXPECT_TRUE(trust.may_share(version_digest(other), other.url, kNow + std::chrono::hours(1)));
  trust.suspect({says(a_, "third")}, group_);
  EXPECT_TRUE(fetched(trust, version_, "second", kNow + std::chrono::hours(24 * 30)).empty()) << "ever";
}

TEST_F(TrustTest, ASecondMemberContradictedOverOneHostBlamesTheHost) {
  Trust trust;
  const auto on = [](int number) {
    return cache::Version{"https://cdn.example.org/" + std::to_string(number), 9437184, "\"e\"", ""};
  };
  EXPECT_EQ(finds_out(trust, a_, on(1)).doubted, std::vector{a_.id()});
  const auto outcome = finds_out(trust, b_, on(2));
  EXPECT_EQ(outcome.hosts, std::vector<std::string>{"cdn.example.org"});
  EXPECT_TRUE(outcome.doubted.empty());
  EXPECT_FALSE(trust.doubted(a_.id(), false, kNow)) << "lifted: it is the host's doing";
}

TEST_F(TrustTest, OneMemberAloneNeverMarksAHost) {
  Trust trust;
  const auto on = [](int number) {
    return cache::Version{"https://cdn.example.org/" + std::to_string(number), 9437184, "\"e\"", ""};
  };
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(finds_out(trust, liar_, on(i)).hosts.empty());
  EXPECT_TRUE(trust.doubted(liar_.id(), true, kNow));
  EXPECT_TRUE(trust.may_share(version_digest(on(9)), on(9).url, kNow));
}

// Two that lie over one host after the other have it marked; by the third host they are doubted and stay so.
TEST_F(TrustTest, TwoLiarsCannotMarkOneHostAfterTheOther) {
  Trust trust;
  std::size_t marked = 0;
  for (int host = 0; host < 10; ++host) {
    for (const Witness* liar : {&b_, &liar_}) {
      const cache::Version version{at_host(host).url + (liar == &b_ ? "b" : "l"), 9437184, "\"e\"", ""};
      if (trust.doubted(liar->id(), true, kNow)) continue;  // nothing of it would have been taken
      marked += finds_out(trust, *liar, version).hosts.size();
    }
  }
  EXPECT_LE(marked, 2u);
  EXPECT_TRUE(trust.doubted(b_.id(), true, kNow) && trust.doubted(liar_.id(), true, kNow));
}

// An origin gives one host other bytes than the others, all under one name; then others, by turns.
TEST_F(TrustTest, AnOriginThatFramesMembersShunsNobody) {
  Trust trust;
  const std::vector<const Witness*> all{&a_, &b_, &c_, &d_};
  for (int url = 0; url < 4; ++url) {
    const cache::Version version{"https://evil.example/" + std::to_string(url), 9437184, "\"e\"", ""};
    const Witness& framed = *all[static_cast<std::size_t>(url)];
    for (const Witness* other : all) {
      if (other != &framed) tells(trust, framed, *other, version);
    }
    finds_out(trust, framed, version);
  }
  EXPECT_TRUE(trust.all_shunned(kNow).empty());
  EXPECT_TRUE(trust.all_doubted(kNow).empty());
  EXPECT_EQ(trust.inconstant_hosts(kNow).size(), 1u);
}

TEST_F(TrustTest, TwoThatColludeShunNobody) {
  Trust trust;
  for (int i = 0; i < 50; ++i) {
    tells(trust, a_, liar_, at_host(i), kNow, 4);
    tells(trust, a_, b_, at_host(i), kNow, 4);
  }
  EXPECT_TRUE(trust.all_shunned(kNow).empty());
}

TEST_F(TrustTest, TheShunnedAreBounded) {
  Trust trust;
  const auto all = static_cast<std::uint32_t>(MemberStanding::kMax);
  for (std::uint32_t i = 0; i < all + 100; ++i) {
    EXPECT_TRUE(trust.sent_bad_block(numbered(i), kNow + std::chrono::milliseconds(i)));
  }
  const WallTime end = kNow + std::chrono::milliseconds(all + 100);
  EXPECT_EQ(trust.all_shunned(end).size(), MemberStanding::kMax);
  EXPECT_FALSE(trust.shunned(numbered(0), end)) << "the oldest goes";
  EXPECT_TRUE(trust.shunned(numbered(all + 99), end));
}

TEST_F(TrustTest, SuspicionsAreBounded) {
  Trust trust;
  std::vector<Attestation> all;
  for (std::uint64_t i = 0; i <= Suspicions::kMax; ++i) all.push_back(says(liar_, "bad", i));
  trust.suspect(all, group_);
  EXPECT_TRUE(trust.fetched(version_.url, {says(self_, "good", 0)}, circle(), kNow).empty())
      << "the oldest is forgotten";
  EXPECT_EQ(trust.fetched(version_.url, {says(self_, "good", 1)}, circle(), kNow).evidence.size(), 1u);
}

TEST(ContradictionsTest, OneMemberAndOnePairAreBoundedAndSoIsAll) {
  Contradictions all;
  std::optional<Contradiction> gone;
  const auto version = [](std::uint32_t number) { return numbered(number); };
  for (std::uint32_t i = 0; i < 100; ++i)
    all.add({numbered(1), numbered(2), version(i), true, "h", kNow, {}, {}}, gone);
  EXPECT_EQ(all.size(), Contradictions::kMaxOfPair);
  for (std::uint32_t i = 0; i < 1000; ++i) {
    all.add({numbered(1), numbered(100 + i), version(i), true, "h", kNow, {}, {}}, gone);
  }
  EXPECT_EQ(all.of(numbered(1), kNow).size(), Contradictions::kMaxOfOne);
  for (std::uint32_t i = 0; i < 2 * Contradictions::kMax; ++i) {
    all.add({numbered(10'000 + 2 * i), numbered(10'001 + 2 * i), version(i), true, "h", kNow, {}, {}}, gone);
  }
  EXPECT_EQ(all.size(), Contradictions::kMax);
  EXPECT_TRUE(gone);
  EXPECT_TRUE(all.of(numbered(1), kNow).empty()) << "the oldest go";
  EXPECT_EQ(all.tidy(kNow + Contradictions::kFor).size(), Contradictions::kMax);
}

TEST(OriginHostsTest, WhatBelongsTogether) {
  const std::vector<std::pair<std::string, std::string>> rows{{"example.org", "example.org"},
                                                              {"a.b.example.org", "example.org"},
                                                              {"localhost", "localhost"},
                                                              {"a.example.co.uk", "example.co.uk"},
                                                              {"co.uk", "co.uk"},
                                                              {"x.abc.io", "abc.io"},
                                                              {"192.0.2.7", "192.0.2.7"},
                                                              {"2001:db8::7", "2001:db8::7"}};
  for (const auto& [host, site] : rows) EXPECT_EQ(site_of(host), site) << host;
  EXPECT_EQ(origin_of("https://User:p%40@Files.Example.ORG:8443/a?b#c"), (OriginName{"files.example.org", true}));
  EXPECT_EQ(origin_of("http://[2001:db8::7]:80/a"), (OriginName{"2001:db8::7", false}));
  EXPECT_TRUE(origin_of("no url").host.empty());
}

// Hears what is kept and forgotten; what it has then is what a restart would find.
class Kept final : public TrustJournal {
 public:
  void keep(const Shunned& one) override { shunned[one.agent] = one; }
  void keep(const Doubted& one) override { doubted[one.agent] = one; }
  void keep(const Pardon& one) override { pardons[one.agent] = one; }
  void keep(const Attestation& one) override { suspected.push_back(one); }
  void keep(const Contradiction& one) override { contradictions.push_back(one); }
  void keep(const Condemned& one) override { condemned[one.version] = one; }
  void keep(const HostMark& one) override { hosts[one.host] = one; }
  void keep(const OwnRoot& one) override {
    own_roots[{one.version, one.segment}] = one;
    ++own_roots_told;
  }
  void forget_shunned(const AgentId& agent) override { shunned.erase(agent); }
  void forget_doubted(const AgentId& agent) override { doubted.erase(agent); }
  void forget_pardon(const AgentId& agent) override { EXPECT_EQ(pardons.erase(agent), 1u); }
  void forget(const Attestation& one) override { EXPECT_EQ(std::erase(suspected, one), 1u); }
  void forget(const Contradiction& one) override { EXPECT_EQ(std::erase(contradictions, one), 1u); }
  void forget_condemned(const Digest& version) override { EXPECT_EQ(condemned.erase(version), 1u); }
  void forget_host(const std::string& host) override { EXPECT_EQ(hosts.erase(host), 1u); }
  void forget_own_roots(const Digest& version) override {
    std::erase_if(own_roots, [&](const auto& item) { return item.first.first == version; });
  }
  void forget_all() override { *this = Kept(); }
  [[nodiscard]] TrustState state() const {
    TrustState state;
    for (const auto& [agent, one] : shunned) state.shunned.push_back(one);
    for (const auto& [agent, one] : doubted) state.doubted.push_back(one);
    for (const auto& [agent, one] : pardons) state.pardons.push_back(one);
    for (const auto& [version, one] : condemned) state.condemned.push_back(one);
    for (const auto& [host, one] : hosts) state.hosts.push_back(one);
    for (const auto& [key, one] : own_roots) state.own_roots.push_back(one);
    state.suspected = suspected;
    state.contradictions = contradictions;
    return state;
  }

  std::map<AgentId, Shunned> shunned;
  std::map<AgentId, Doubted> doubted;
  std::map<AgentId, Pardon> pardons;
  std::map<Digest, Condemned> condemned;
  std::map<std::string, HostMark> hosts;
  std::map<std::pair<Digest, std::uint64_t>, OwnRoot> own_roots;
  std::vector<Attestation> suspected;
  std::vector<Contradiction> contradictions;
  std::size_t own_roots_told = 0;
};

TEST_F(TrustTest, SuspicionsOfManySegmentsKeepTheOwnRootsOnce) {
  Kept kept;
  Trust trust;
  trust.set_journal(&kept);
  std::vector<Attestation> mine, theirs;
  for (std::uint64_t segment = 0; segment < 4; ++segment) {
    mine.push_back(says(self_, "good", segment));
    theirs.push_back(says(liar_, "bad", segment));
  }
  trust.fetched(version_.url, mine, circle(), kNow);
  trust.suspect(theirs, group_);
  EXPECT_EQ(kept.suspected.size(), 4u);
  EXPECT_EQ(kept.own_roots.size(), 4u);
  EXPECT_EQ(kept.own_roots_told, 4u) << "not all of them again for each segment";
}

TEST_F(TrustTest, WhatIsKeptMakesTheSameAgain) {
  Kept kept;
  Trust trust;
  trust.set_journal(&kept);
  fetched(trust, at_host(5), "mine");  // before anybody doubts it
  finds_out(trust, liar_, version_);
  tells(trust, a_, b_, at_host(5));
  trust.suspect({says(c_, "bad", 1)}, group_);
  trust.sent_bad_block(numbered(1), kNow);
  trust.sent_bad_block(numbered(2), kNow);
  trust.pardon(numbered(2), kNow);
  fetched(trust, at_host(6), "one");
  fetched(trust, at_host(6), "two");
  Trust again;
  again.restore(kept.state(), kNow + std::chrono::minutes(1));
  EXPECT_EQ(again.all_shunned(kNow), trust.all_shunned(kNow));
  EXPECT_EQ(again.all_doubted(kNow), trust.all_doubted(kNow));
  EXPECT_EQ(again.inconstant_hosts(kNow), trust.inconstant_hosts(kNow));
  EXPECT_EQ(again.condemned_count(), 3u);
  EXPECT_EQ(again.fetched(version_.url, {says(self_, "good", 1)}, circle(), kNow).evidence.size(), 1u)
      << "still suspected";
  EXPECT_TRUE(tells(again, a_, b_, at_host(5)).empty()) << "known";
  EXPECT_EQ(fetched(again, at_host(5), "another").hosts.size(), 1u) << "what was fetched of the condemned one is kept";
  Trust late;
  late.restore(kept.state(), kNow + std::chrono::hours(2));
  EXPECT_TRUE(late.all_shunned(kNow + std::chrono::hours(2)).empty());
  trust.tidy(kNow + std::chrono::hours(24 * 400));
  EXPECT_TRUE(kept.shunned.empty() && kept.doubted.empty() && kept.contradictions.empty() && kept.condemned.empty());
  EXPECT_TRUE(kept.hosts.empty());
  trust.forget_all();
  EXPECT_TRUE(kept.pardons.empty() && kept.suspected.empty());
}

}  // namespace
}  // namespace larder::peer
