// A poisoned office, without sockets: twenty agents with a Trust each, datagrams that get lost or come twice, and
// liars among them. Victims find out by their own fetch and tell; nobody shares what is contradicted, and honest ones
// are shunned by nobody.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <random>

#include "peer/trust/trust.h"
#include "tests/unit/peer/witnesses.h"

namespace larder::peer {
namespace {

constexpr WallTime kNow = WallTime(std::chrono::seconds(1'790'000'100));
constexpr std::size_t kAgents = 20;

struct Agent {
  Agent(std::uint8_t seed, const Digest& group) : witness(seed, group) {}
  Witness witness;
  Trust trust;
};

class Office {
 public:
  explicit Office(std::uint32_t seed) : random_(seed) {
    for (std::uint8_t i = 0; i < kAgents; ++i) agents_.emplace_back(static_cast<std::uint8_t>(i + 1), group_);
  }

  [[nodiscard]] Agent& agent(std::size_t index) { return agents_[index]; }
  [[nodiscard]] const AgentId& id(std::size_t index) const { return agents_[index].witness.id(); }
  [[nodiscard]] std::optional<Digest> believed_by(std::size_t index, const std::vector<Attestation>& offered) const {
    return agents_[index]
        .trust.believe(offered, {version_digest(version_), *version_.size, 0, true}, group_, {}, kNow)
        .root;
  }

  // Takes the content that `attester` vouches for; its verdict is "not valid", so it asks the origin, and tells.
  void victim(std::size_t index, std::size_t attester, std::string_view attested, std::string_view origin) {
    Agent& self = agents_[index];
    const Attestation theirs = agents_[attester].witness.says(version_, 0, attested);
    if (!believed_by(index, {theirs})) return;
    self.trust.suspect({theirs}, group_);
    const auto outcome =
        self.trust.fetched(version_.url, {self.witness.says(version_, 0, origin)}, circle(index), kNow);
    for (const Evidence& one : outcome.evidence) tell(index, one);
  }
  // Three times to everybody, as datagrams do: one in three is lost, their order is as it comes.
  void tell(std::size_t sender, const Evidence& evidence) {
    for (std::size_t to = 0; to < kAgents; ++to) {
      bool arrived = false;
      for (int i = 0; i < 3; ++i) {
        const bool lost = random_() % 3 == 0 && (i < 2 || arrived);
        if (to == sender || lost) continue;
        arrived = true;
        queue_.push_back({to, encode_evidence(evidence)});
      }
    }
    std::shuffle(queue_.begin(), queue_.end(), random_);
  }
  void deliver() {
    while (!queue_.empty()) {
      const auto [to, bytes] = std::move(queue_.front());
      queue_.pop_front();
      const auto evidence = decode_evidence(bytes);
      ASSERT_TRUE(evidence);
      ASSERT_TRUE(agents_[to].trust.receive(*evidence, circle(to), kNow));
    }
  }
  [[nodiscard]] Trust::Circle circle(std::size_t index) const { return {id(index), group_, kAgents, {}}; }
  [[nodiscard]] std::size_t who_shun(std::size_t index) const {
    return count([&](const Trust& trust) { return trust.shunned(id(index), kNow); });
  }
  [[nodiscard]] std::size_t who_doubt(std::size_t index) const {
    return count([&](const Trust& trust) { return trust.doubted(id(index), true, kNow); });
  }
  [[nodiscard]] std::size_t who_hear_it_no_more(std::size_t index) const {
    return count(
        [&](const Trust& trust) { return trust.doubted(id(index), true, kNow) || trust.shunned(id(index), kNow); });
  }
  [[nodiscard]] std::size_t who_share() const {
    return count([&](const Trust& trust) { return trust.may_share(version_digest(version_), version_.url, kNow); });
  }
  void change_version(std::size_t number) {
    version_.url = "https://files.site" + std::to_string(number) + ".org/f";
    for (Agent& one : agents_) one.trust.know(version_digest(version_), version_.url);
  }
  [[nodiscard]] Attestation says(std::size_t index, std::string_view root, std::uint64_t segment = 0) const {
    return agents_[index].witness.says(version_, segment, root);
  }
  std::size_t pick(std::size_t bound) { return random_() % bound; }

 private:
  struct Datagram {
    std::size_t to = 0;
    std::vector<std::byte> bytes;
  };
  const Digest group_ = group_digest("office");
  template <class F>
  [[nodiscard]] std::size_t count(F which) const {
    return static_cast<std::size_t>(
        std::count_if(agents_.begin(), agents_.end(), [&](const Agent& one) { return which(one.trust); }));
  }
  cache::Version version_{"https://example.org/a.iso", 9437184, "\"e1\"", ""};
  std::mt19937 random_;
  std::deque<Agent> agents_;
  std::deque<Datagram> queue_;
};

class TrustStory : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(initialise_crypto()); }
};

TEST_F(TrustStory, AVictimFindsOutAndNobodySharesTheVersion) {
  for (std::uint32_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Office office(seed);
    const std::size_t liar = office.pick(kAgents);
    const std::size_t victim = (liar + 1 + office.pick(kAgents - 1)) % kAgents;
    office.victim(victim, liar, "bad", "good");
    EXPECT_EQ(office.who_share(), kAgents - 1) << "the victim alone knows";
    office.deliver();
    // The liar is told what it is contradicted over as well, and doubts the victim: it is its own loss.
    EXPECT_EQ(office.who_share(), 0u);
    EXPECT_EQ(office.who_doubt(liar), 1u) << "the victim";
    EXPECT_FALSE(office.believed_by(victim, {office.says(liar, "worse")}));
    for (std::size_t i = 0; i < kAgents; ++i) {
      EXPECT_EQ(office.who_shun(i), 0u) << i;
      if (i != liar && i != victim) {
        EXPECT_EQ(office.who_doubt(i), 0u) << i;
      }
    }
  }
}

// A third of the office is contradicted over origin after origin: then the others shun the liar, for a while.
TEST_F(TrustStory, WhoLiesToAShareOfTheGroupIsShunned) {
  for (std::uint32_t seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Office office(seed);
    const std::size_t liar = office.pick(kAgents);
    for (std::size_t i = 1; i <= 7; ++i) {
      office.change_version(i);
      EXPECT_LT(office.who_shun(liar), kAgents - 1);
      office.victim((liar + i) % kAgents, liar, "bad", "good");
      office.deliver();
    }
    EXPECT_EQ(office.who_shun(liar), kAgents - 1);
    for (std::size_t i = 0; i < kAgents; ++i) {
      if (i != liar) {
        EXPECT_EQ(office.who_shun(i), 0u) << "honest agent " << i;
      }
    }
  }
}

TEST_F(TrustStory, ALiarThatAccusesEverybodyIsAlone) {
  for (std::uint32_t seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Office office(seed);
    const std::size_t liar = office.pick(kAgents);
    // It contradicts what each of the others has attested, time and again, over one origin after the other.
    for (std::size_t i = 0; i < kAgents; ++i) {
      if (i == liar) continue;
      office.change_version(i);
      for (std::uint64_t segment = 0; segment < 3; ++segment) {
        office.tell(liar, {office.says(i, "good", segment), office.says(liar, "bad", segment)});
      }
    }
    office.deliver();
    for (std::size_t i = 0; i < kAgents; ++i) {
      if (i != liar) {
        EXPECT_EQ(office.who_shun(i), 0u) << "honest agent " << i;
        EXPECT_LE(office.who_doubt(i), 1u) << "by the liar alone: " << i;
      }
    }
    EXPECT_EQ(office.who_hear_it_no_more(liar), kAgents - 1);
  }
}

// What the caller does not like comes from the origin: nobody lied.
TEST_F(TrustStory, ContentThatTheOriginGivesBlamesNobody) {
  Office office(1);
  for (std::size_t i = 1; i < kAgents; ++i) office.victim(i, 0, "as published", "as published");
  office.deliver();
  for (std::size_t i = 0; i < kAgents; ++i) EXPECT_EQ(office.who_shun(i) + office.who_doubt(i), 0u);
  EXPECT_EQ(office.who_share(), kAgents);
}

}  // namespace
}  // namespace larder::peer
