#include "peer/discovery/hello_check.h"

#include <gtest/gtest.h>

#include "base/runtime/loop.h"
#include "peer/discovery/evidence_relay.h"
#include "peer/group/certificate.h"
#include "peer/group/key_ring.h"

namespace larder::peer {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

constexpr WallTime kNow = WallTime(seconds(1'800'000'000));
constexpr SteadyTime kSteady = SteadyTime(seconds(1000));

class HelloCheckTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(initialise_crypto());
    authority_pem_ = make_authority(authority_, "Office", kNow, hours(24 * 3650)).value();
    check_ = std::make_unique<HelloCheck>(authority_pem_, 7);
  }
  std::vector<std::byte> certificate(const AgentKey& agent, WallTime at = kNow) {
    return certificate_der(issue_leaf(authority_, authority_pem_, agent.id(), at, hours(24 * 365)).value()).value();
  }
  // As it comes out of the wire.
  Datagram said(const AgentKey& agent, std::vector<std::byte> der, std::uint32_t epoch = 1) {
    Datagram datagram{agent.id(), 5, ++sequence_, Hello{1, 2, true, false, 1, "desk", std::move(der), {}}, {}};
    sign_datagram(datagram, agent, 7, epoch);
    return decode_body(encode_body(datagram)).value();
  }

  AgentKey authority_ = AgentKey::generate();
  AgentKey agent_ = AgentKey::generate();
  AgentKey other_ = AgentKey::generate();
  std::string authority_pem_;
  std::unique_ptr<HelloCheck> check_;
  std::uint64_t sequence_ = 0;
};

TEST_F(HelloCheckTest, WhatAMemberSaysOfItselfIsGood) {
  EXPECT_EQ(check_->check(said(agent_, certificate(agent_)), 1, kSteady, kNow), HelloVerdict::good);
  EXPECT_EQ(check_->check(said(agent_, certificate(agent_), 3), 3, kSteady, kNow), HelloVerdict::good);
}

TEST_F(HelloCheckTest, OthersAreNot) {
  const auto own = certificate(agent_);
  EXPECT_EQ(check_->check(said(agent_, {}), 1, kSteady, kNow), HelloVerdict::bad);
  EXPECT_EQ(check_->check(said(other_, own), 1, kSteady, kNow), HelloVerdict::bad) << "another one's certificate";
  EXPECT_EQ(check_->check(said(agent_, own, 2), 1, kSteady, kNow), HelloVerdict::bad) << "sealed anew by somebody";
  const AgentKey stranger = AgentKey::generate();
  const std::string foreign_pem = make_authority(stranger, "Office", kNow, hours(24)).value();
  const auto foreign = certificate_der(issue_leaf(stranger, foreign_pem, agent_.id(), kNow, hours(1)).value()).value();
  EXPECT_EQ(check_->check(said(agent_, foreign), 1, kSteady, kNow), HelloVerdict::bad);
  EXPECT_EQ(check_->check(said(agent_, std::vector<std::byte>(400, std::byte{0x30})), 1, kSteady, kNow),
            HelloVerdict::bad);
  EXPECT_EQ(check_->remembered(), 1u) << "only certificates of the group are kept";
}

TEST_F(HelloCheckTest, ExpiredAndNotYetValidAreTold) {
  const auto own = certificate(agent_);
  EXPECT_EQ(check_->check(said(agent_, own), 1, kSteady, kNow + hours(24 * 366)), HelloVerdict::bad_time);
  EXPECT_EQ(check_->check(said(agent_, own), 1, kSteady, kNow - hours(24 * 2)), HelloVerdict::bad_time);
  EXPECT_EQ(check_->check(said(agent_, own), 1, kSteady, kNow), HelloVerdict::good);
  // Also once it is remembered.
  EXPECT_EQ(check_->check(said(agent_, own), 1, kSteady, kNow + hours(24 * 366)), HelloVerdict::bad_time);
}

TEST_F(HelloCheckTest, TheNumberOfChecksIsBounded) {
  const Datagram hello = said(agent_, certificate(agent_));
  std::size_t looked_at = 0;
  for (int i = 0; i < 1000; ++i) {
    looked_at += check_->check(hello, 1, kSteady, kNow) == HelloVerdict::busy ? 0U : 1U;
  }
  EXPECT_EQ(looked_at, static_cast<std::size_t>(HelloCheck::kChecksAtOnce));
  EXPECT_EQ(check_->check(hello, 1, kSteady + seconds(1), kNow), HelloVerdict::good);
}

TEST_F(HelloCheckTest, ACertificateComesBackFromItsBinaryForm) {
  const std::string pem = issue_leaf(authority_, authority_pem_, agent_.id(), kNow, hours(1)).value();
  const auto der = certificate_der(pem);
  ASSERT_TRUE(der);
  EXPECT_EQ(certificate_pem(*der), pem);
  EXPECT_LE(der->size(), kMaxHelloCertificate);
  // The longest names that there may be.
  const std::string large_pem = make_authority(authority_, std::string(64, 'g'), kNow, hours(24)).value_or("");
  if (!large_pem.empty()) {
    const auto large = issue_leaf(authority_, large_pem, agent_.id(), kNow, hours(1));
    ASSERT_TRUE(large);
    EXPECT_LE(certificate_der(*large).value().size(), kMaxHelloCertificate);
  }
  EXPECT_FALSE(certificate_der(""));
  EXPECT_FALSE(certificate_der("-----END CERTIFICATE-----\n-----BEGIN CERTIFICATE-----\n"));
  EXPECT_FALSE(certificate_der("-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n"));
}

TEST(KeyRing, FindsTheCurrentAndTheLastEight) {
  std::vector<GroupKey> old;
  for (std::uint32_t epoch = 11; epoch > 1; --epoch) old.push_back(GroupKey::from_secret(epoch, Digest{}));
  const KeyRing ring(GroupKey::from_secret(12, Digest{}), old);
  EXPECT_EQ(ring.find_key(12), &ring.current());
  for (std::uint32_t epoch = 4; epoch <= 11; ++epoch) {
    ASSERT_NE(ring.find_key(epoch), nullptr) << epoch;
    EXPECT_EQ(ring.find_key(epoch)->epoch(), epoch);
  }
  EXPECT_EQ(ring.find_key(3), nullptr);
  EXPECT_EQ(ring.find_key(13), nullptr);
}

class EvidenceRelayTest : public ::testing::Test {
 protected:
  static EvidenceMessage piece(std::uint16_t number) {
    return {{static_cast<std::byte>(number & 0xff), static_cast<std::byte>(number >> 8)}, {}};
  }
  static AgentId sender(std::uint8_t number) {
    AgentId id{};
    id[0] = static_cast<std::byte>(number);
    return id;
  }
  std::unique_ptr<Random> random_ = make_seeded_random(4);
  EvidenceRelay relay_{*random_};
};

TEST_F(EvidenceRelayTest, IsToldThreeTimesWithinASecond) {
  relay_.send_evidence(piece(1), kSteady);
  std::size_t times = 0;
  SteadyTime now = kSteady;
  while (relay_.next_wakeup() != SteadyTime::max()) {
    now = relay_.next_wakeup();
    times += relay_.due(now).size();
  }
  EXPECT_EQ(times, EvidenceRelay::kTimes);
  EXPECT_LT(now - kSteady, seconds(1));
  EXPECT_GE(now - kSteady, EvidenceRelay::kApart * 2);
}

TEST_F(EvidenceRelayTest, IsHeardOnceAndOnesOwnNever) {
  EXPECT_TRUE(relay_.on_evidence(sender(1), piece(1), kSteady));
  EXPECT_FALSE(relay_.on_evidence(sender(2), piece(1), kSteady));
  relay_.send_evidence(piece(2), kSteady);
  EXPECT_FALSE(relay_.on_evidence(sender(2), piece(2), kSteady));
}

TEST_F(EvidenceRelayTest, WhoTellsItWithASpoiltCertificateDoesNotSilenceTheOther) {
  EvidenceMessage spoilt = piece(1), good = piece(1);
  spoilt.certificate = {std::byte{1}};
  good.certificate = {std::byte{2}};
  EXPECT_TRUE(relay_.on_evidence(sender(1), spoilt, kSteady));
  EXPECT_TRUE(relay_.on_evidence(sender(2), good, kSteady));
  EXPECT_FALSE(relay_.on_evidence(sender(2), good, kSteady));
}

TEST_F(EvidenceRelayTest, OneSenderCannotUseUpTheRest) {
  std::size_t taken = 0;
  for (std::uint16_t i = 0; i < 1000; ++i) taken += relay_.on_evidence(sender(1), piece(i), kSteady) ? 1U : 0U;
  EXPECT_EQ(taken, 40u);
  EXPECT_TRUE(relay_.on_evidence(sender(2), piece(2000), kSteady));
  // What was over the bound may be heard when it is told again.
  EXPECT_TRUE(relay_.on_evidence(sender(1), piece(999), kSteady + seconds(1)));
  for (std::uint8_t each = 3; each < 200; ++each) {
    for (std::uint16_t i = 0; i < 10; ++i) {
      taken +=
          relay_.on_evidence(sender(each), piece(static_cast<std::uint16_t>(3000 + each * 10 + i)), kSteady) ? 1U : 0U;
    }
  }
  EXPECT_LE(taken, 250u) << "200 at once, and 50 of the second that passed";
}

TEST_F(EvidenceRelayTest, WhatIsToldAndRememberedIsBounded) {
  for (std::uint16_t i = 0; i < 1000; ++i) relay_.send_evidence(piece(i), kSteady);
  EXPECT_EQ(relay_.due(kSteady).size(), EvidenceRelay::kMaxTelling);
}

}  // namespace
}  // namespace larder::peer
