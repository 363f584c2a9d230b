// Whose certificates are known: only of the group, in their time, over their agent's key; and they survive a restart.
#include "peer/group/member_book.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <gtest/gtest.h>

#include <optional>

#include "peer/group/certificate.h"
#include "peer/group/member_store.h"
#include "peer/trust/attesters.h"
#include "tests/support/temp_directory.h"
#include "tests/support/virtual_loop.h"
#include "tests/unit/peer/witnesses.h"

namespace larder::peer {
namespace {

constexpr auto kYear = std::chrono::hours(24 * 365);
constexpr WallTime kNow = WallTime(std::chrono::seconds(1'790'000'000));

// A group that certifies whom a test wants.
class Office {
 public:
  Office() : key_(AgentKey::generate()), pem_(make_authority(key_, "Office", kNow, 10 * kYear).value()) {}
  [[nodiscard]] const std::string& pem() const { return pem_; }
  [[nodiscard]] std::vector<std::byte> certify(const AgentId& agent, Duration lifetime = kYear) const {
    return certificate_der(issue_leaf(key_, pem_, agent, kNow, lifetime).value()).value();
  }

 private:
  AgentKey key_;
  std::string pem_;
};

class MemberBookTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(initialise_crypto());
    office_.emplace();
    book_.set_authority(office_->pem());
  }
  std::optional<Office> office_;
  MemberBook book_;
  const AgentId a_ = AgentKey::generate().id(), b_ = AgentKey::generate().id();
};

TEST_F(MemberBookTest, AMembersCertificateMakesItKnownAndIsHandedOn) {
  EXPECT_FALSE(book_.is_known(a_, kNow));
  const auto der = office_->certify(a_);
  ASSERT_TRUE(book_.remember(a_, der, kNow));
  EXPECT_TRUE(book_.is_known(a_, kNow));
  ASSERT_NE(book_.certificate(a_, kNow), nullptr);
  EXPECT_EQ(*book_.certificate(a_, kNow), der);
  EXPECT_FALSE(book_.is_known(b_, kNow));
}

TEST_F(MemberBookTest, WhatProvesNothingIsRefused) {
  const Office other;
  EXPECT_EQ(book_.remember(a_, other.certify(a_), kNow).error().code, ErrorCode::certificate_rejected) << "other group";
  EXPECT_FALSE(book_.remember(a_, office_->certify(b_), kNow)) << "another's key";
  EXPECT_FALSE(book_.remember(a_, office_->certify(a_), kNow + kYear + std::chrono::hours(1))) << "expired";
  EXPECT_FALSE(book_.remember(a_, std::vector<std::byte>(40), kNow)) << "no certificate";
  EXPECT_FALSE(book_.is_known(a_, kNow));
  EXPECT_EQ(book_.size(), 0U);
}

TEST_F(MemberBookTest, WhatIsOutOfItsTimeCountsNoMoreAndTheRenewedOneDoes) {
  ASSERT_TRUE(book_.remember(a_, office_->certify(a_, std::chrono::hours(1)), kNow));
  EXPECT_FALSE(book_.is_known(a_, kNow + std::chrono::hours(2)));
  EXPECT_TRUE(book_.is_known(a_, kNow)) << "a clock that was wrong for a while";
  const auto renewed = office_->certify(a_, std::chrono::hours(9));
  ASSERT_TRUE(book_.remember(a_, renewed, kNow));
  EXPECT_TRUE(book_.is_known(a_, kNow + std::chrono::hours(2)));
  ASSERT_TRUE(book_.remember(a_, office_->certify(a_, std::chrono::hours(1)), kNow)) << "genuine, though older";
  EXPECT_EQ(*book_.certificate(a_, kNow), renewed);
}

TEST_F(MemberBookTest, AnotherGroupsMembersAreForgotten) {
  ASSERT_TRUE(book_.remember(a_, office_->certify(a_), kNow));
  const Office other;
  book_.set_authority(other.pem());
  EXPECT_FALSE(book_.is_known(a_, kNow));
  EXPECT_EQ(book_.size(), 0U);
}

TEST_F(MemberBookTest, WhoAttestsNothingGoesFirst) {
  std::vector<KnownMember> many;
  for (std::size_t i = 0; i < MemberBook::kMaxMembers; ++i) {
    KnownMember member;
    member.agent[0] = static_cast<std::byte>(i);
    member.agent[1] = static_cast<std::byte>(i >> 8);
    member.certificate = {std::byte{1}};
    member.attests = i != 7;
    many.push_back(std::move(member));
  }
  book_.restore(std::move(many));
  ASSERT_TRUE(book_.remember(a_, office_->certify(a_), kNow));
  EXPECT_EQ(book_.size(), MemberBook::kMaxMembers) << "number 7 made room";
  ASSERT_TRUE(book_.remember(b_, office_->certify(b_), kNow));
  EXPECT_TRUE(book_.is_known(b_, kNow));
  EXPECT_FALSE(book_.is_known(a_, kNow)) << "it attests nothing either";
  EXPECT_EQ(book_.size(), MemberBook::kMaxMembers);
}

TEST_F(MemberBookTest, CertificatesGoWithTheAttestationsTheyAreNeededFor) {
  const Digest group = group_digest(office_->pem());
  const Witness one(1, group), two(2, group), stranger(3, group);
  const cache::Version version{"https://example.org/a.iso", 9437184, "\"e1\"", ""};
  Manifest manifest;
  manifest.segments.push_back(
      {0,
       {},
       encode_attestations({one.says(version, 0, "x"), two.says(version, 0, "x"), stranger.says(version, 0, "x")})});
  manifest.segments.push_back({1, {}, encode_attestations({two.says(version, 1, "y")})});
  ASSERT_TRUE(book_.remember(one.id(), office_->certify(one.id()), kNow));
  ASSERT_TRUE(book_.remember(two.id(), office_->certify(two.id()), kNow));
  const auto attesters = attesters_of(manifest.segments);
  ASSERT_EQ(attesters.size(), 3U);
  EXPECT_EQ(attesters[0], two.id()) << "it attests most";
  const auto handed = certificates_of(attesters, book_, kNow);
  ASSERT_EQ(handed.size(), 2U) << "nothing is known of the third";
  MemberBook receiver;
  receiver.set_authority(office_->pem());
  take_certificates(handed, receiver, kNow);
  EXPECT_TRUE(receiver.is_known(one.id(), kNow) && receiver.is_known(two.id(), kNow));
  EXPECT_FALSE(receiver.is_known(stranger.id(), kNow));
}

TEST_F(MemberBookTest, WhoHandsOverRubbishMakesLittleWork) {
  std::vector<AttesterCertificate> rubbish(kMaxBadCertificates);
  for (std::size_t i = 0; i < rubbish.size(); ++i) {
    rubbish[i].agent[0] = static_cast<std::byte>(i + 1);
    rubbish[i].certificate = {std::byte{1}};
  }
  auto early = rubbish;
  early.insert(early.begin(), {a_, office_->certify(a_)});
  auto late = rubbish;
  late.push_back({b_, office_->certify(b_)});
  take_certificates(early, book_, kNow);
  take_certificates(late, book_, kNow);
  EXPECT_TRUE(book_.is_known(a_, kNow));
  EXPECT_FALSE(book_.is_known(b_, kNow));
  rubbish.pop_back();
  rubbish.push_back({b_, office_->certify(b_)});
  take_certificates(rubbish, book_, kNow);
  EXPECT_TRUE(book_.is_known(b_, kNow));
}

class MemberStoreTest : public MemberBookTest {
 protected:
  void SetUp() override {
    MemberBookTest::SetUp();
    start();
  }
  void TearDown() override { stop(); }
  void start() {
    auto opened = cache::Database::open(directory_ / "larder.db", member_schema(), loop_);
    ASSERT_TRUE(opened) << opened.error().text();
    database_ = std::move(*opened);
    store_.emplace(*database_, loop_.runtime());
    kept_.emplace();
    std::optional<Status> loaded;
    store_->load(*kept_, [&](Status status) { loaded = std::move(status); });
    ASSERT_TRUE(loop_.wait_for([&] { return loaded.has_value(); }));
    EXPECT_TRUE(*loaded);
    kept_->set_authority(office_->pem());
  }
  void stop() {
    store_.reset();
    kept_.reset();
    database_.reset();
    loop_.run_ready();
  }
  void restart() {
    stop();
    start();
  }
  void change(const std::string& sql) {
    SQLite::Database db(directory_ / "larder.db", SQLite::OPEN_READWRITE);
    db.exec(sql);
  }
  test::TempDirectory directory_;
  test::VirtualLoop loop_;
  std::unique_ptr<cache::Database> database_;
  std::optional<MemberStore> store_;
  std::optional<MemberBook> kept_;
};

TEST_F(MemberStoreTest, ARestartForgetsNobody) {
  const auto der = office_->certify(a_);
  ASSERT_TRUE(kept_->remember(a_, der, kNow));
  ASSERT_TRUE(kept_->remember(b_, office_->certify(b_), kNow));
  kept_->attests(a_);
  restart();
  ASSERT_EQ(kept_->size(), 2U);
  ASSERT_NE(kept_->certificate(a_, kNow), nullptr);
  EXPECT_EQ(*kept_->certificate(a_, kNow), der);
  kept_->forget_all();
  restart();
  EXPECT_EQ(kept_->size(), 0U);
}

TEST_F(MemberStoreTest, WhatIsKeptIsCheckedBeforeItCounts) {
  ASSERT_TRUE(kept_->remember(a_, office_->certify(a_), kNow));
  ASSERT_TRUE(kept_->remember(b_, office_->certify(b_), kNow));
  stop();
  change("UPDATE members SET certificate = (SELECT certificate FROM members ORDER BY agent LIMIT 1)");
  change("INSERT INTO members VALUES (x'0102', x'03', 0, 0)");
  start();
  EXPECT_EQ(kept_->size(), 2U) << "one row is no member at all";
  EXPECT_FALSE(kept_->is_known(a_, kNow) && kept_->is_known(b_, kNow)) << "both have the certificate of one";
}

TEST_F(MemberStoreTest, WhatCannotBeWrittenIsWrittenLaterAndInOrder) {
  change("ALTER TABLE members RENAME TO away");
  ASSERT_TRUE(kept_->remember(a_, office_->certify(a_), kNow));
  loop_.run_ready();
  // The attempt has failed when a timer for the next one is there.
  ASSERT_TRUE(loop_.wait_for([&] { return loop_.timers() == 1; }));
  ASSERT_TRUE(kept_->remember(b_, office_->certify(b_), kNow));
  kept_->attests(a_);
  change("ALTER TABLE away RENAME TO members");
  loop_.advance(WriteBehind::kFirstRetry);
  restart();
  EXPECT_EQ(kept_->size(), 2U);
  EXPECT_TRUE(kept_->is_known(a_, kNow) && kept_->is_known(b_, kNow));
}

}  // namespace
}  // namespace larder::peer
