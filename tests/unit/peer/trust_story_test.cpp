// A poisoned office, without sockets: twenty agents with a Trust each, datagrams that get lost or come twice, and
// liars among them. Victims find out by their own fetch and tell; the others have to follow, and only against liars.
#include <gtest/gtest.h>

#include <deque>
#include <random>

#include "peer/trust.h"
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
    return agents_[index].trust.believe(offered, version_digest(version_), *version_.size, 0, group_, {}, kNow);
  }

  // Takes the content that `attester` vouches for; its verdict is "not valid", so it asks the origin, and tells.
  void victim(std::size_t index, std::size_t attester, std::string_view attested, std::string_view origin) {
    Agent& self = agents_[index];
    const Attestation theirs = agents_[attester].witness.says(version_, 0, attested);
    if (!believed_by(index, {theirs})) return;
    self.trust.suspect({theirs}, group_);
    const auto outcome = self.trust.fetched({self.witness.says(version_, 0, origin)}, kNow);
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
      ASSERT_TRUE(agents_[to].trust.receive(*evidence, id(to), group_, kNow));
    }
  }
  [[nodiscard]] std::size_t who_shun(std::size_t index) const {
    std::size_t count = 0;
    for (const Agent& one : agents_) count += one.trust.shunned(id(index), kNow) ? 1u : 0u;
    return count;
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
  const cache::Version version_{"https://example.org/a.iso", 9437184, "\"e1\"", ""};
  std::mt19937 random_;
  std::deque<Agent> agents_;
  std::deque<Datagram> queue_;
};

class TrustStory : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(initialise_crypto()); }
};

TEST_F(TrustStory, TwoVictimsFindOutAndEveryoneShunsTheLiar) {
  for (std::uint32_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Office office(seed);
    const std::size_t liar = office.pick(kAgents);
    const std::size_t first = (liar + 1 + office.pick(9)) % kAgents;
    const std::size_t second = (liar + 10 + office.pick(9)) % kAgents;
    office.victim(first, liar, "bad", "good");
    office.deliver();
    EXPECT_EQ(office.who_shun(liar), 1u) << "the first victim alone";
    office.victim(second, liar, "bad", "good");
    EXPECT_EQ(office.who_shun(liar), 2u);
    office.deliver();
    EXPECT_EQ(office.who_shun(liar), kAgents - 1) << "all but itself, with the second victim's datagram";
    for (std::size_t i = 0; i < kAgents; ++i) {
      if (i == liar) continue;
      EXPECT_EQ(office.who_shun(i), 0u) << "honest agent " << i;
      EXPECT_FALSE(office.believed_by(i, {office.says(liar, "bad")}));
      EXPECT_EQ(office.believed_by(i, {office.says(liar, "bad"), office.says(first, "good")}),
                sha256(as_bytes("good")));
    }
  }
}

TEST_F(TrustStory, ALiarThatAccusesEverybodyIsAlone) {
  for (std::uint32_t seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Office office(seed);
    const std::size_t liar = office.pick(kAgents);
    // It contradicts what each of the others has attested, time and again, and tells true evidence the wrong way
    // round.
    for (std::size_t i = 0; i < kAgents; ++i) {
      if (i == liar) continue;
      for (std::uint64_t segment = 0; segment < 3; ++segment) {
        office.tell(liar, {office.says(i, "good", segment), office.says(liar, "bad", segment)});
      }
    }
    office.victim((liar + 1) % kAgents, liar, "bad", "good");
    office.tell(liar, {office.says((liar + 1) % kAgents, "good"), office.says(liar, "bad")});
    office.deliver();
    for (std::size_t i = 0; i < kAgents; ++i) {
      if (i != liar) {
        EXPECT_EQ(office.who_shun(i), 0u) << "honest agent " << i;
      }
    }
    office.victim((liar + 2) % kAgents, liar, "bad", "good");
    office.deliver();
    EXPECT_EQ(office.who_shun(liar), kAgents - 1);
  }
}

// What the caller does not like comes from the origin: nobody lied.
TEST_F(TrustStory, ContentThatTheOriginGivesBlamesNobody) {
  Office office(1);
  for (std::size_t i = 1; i < kAgents; ++i) office.victim(i, 0, "as published", "as published");
  office.deliver();
  for (std::size_t i = 0; i < kAgents; ++i) EXPECT_EQ(office.who_shun(i), 0u);
}

}  // namespace
}  // namespace larder::peer
