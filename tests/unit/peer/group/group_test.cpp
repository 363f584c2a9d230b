#include "peer/group/group.h"

#include <gtest/gtest.h>

#include "peer/group/certificate.h"

namespace larder::peer {
namespace {

constexpr auto kYear = std::chrono::hours(24 * 365);
constexpr WallTime kNow = WallTime(std::chrono::seconds(1'790'000'000));

class GroupTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(initialise_crypto());
    pem_ = make_authority(authority_, "Office", kNow, 10 * kYear).value();
    state_.version = 1;
    sign_state(state_, authority_, pem_);
  }
  AgentKey authority_ = AgentKey::generate();
  AgentKey agent_ = AgentKey::generate();
  std::string pem_;
  GroupState state_;
};

TEST_F(GroupTest, ALeafOfTheAuthorityIsAcceptedWithItsFacts) {
  const auto leaf = issue_leaf(authority_, pem_, agent_.id(), kNow, kYear);
  ASSERT_TRUE(leaf) << leaf.error().text();
  const auto facts = check_leaf(*leaf, pem_, kNow);
  ASSERT_TRUE(facts) << facts.error().text();
  EXPECT_EQ(facts->id, agent_.id());
  EXPECT_EQ(facts->not_after, kNow + kYear);
}

TEST_F(GroupTest, ALeafOfAnotherAuthorityIsRefused) {
  const AgentKey other = AgentKey::generate();
  const std::string other_pem = make_authority(other, "Office", kNow, 10 * kYear).value();
  const auto forged = issue_leaf(other, pem_, agent_.id(), kNow, kYear);
  ASSERT_TRUE(forged);
  EXPECT_EQ(check_leaf(*forged, pem_, kNow).error().code, ErrorCode::certificate_rejected);
  const auto foreign = issue_leaf(other, other_pem, agent_.id(), kNow, kYear);
  EXPECT_FALSE(check_leaf(*foreign, pem_, kNow));
}

TEST_F(GroupTest, AnExpiredLeafIsRefused) {
  const auto leaf = issue_leaf(authority_, pem_, agent_.id(), kNow, kYear);
  EXPECT_TRUE(check_leaf(*leaf, pem_, kNow + kYear - std::chrono::minutes(1)));
  const auto late = check_leaf(*leaf, pem_, kNow + kYear + std::chrono::minutes(1));
  ASSERT_FALSE(late);
  EXPECT_NE(late.error().text().find("expired"), std::string::npos) << late.error().text();
}

TEST_F(GroupTest, ALeafCannotSignAnother) {
  const auto leaf = issue_leaf(authority_, pem_, agent_.id(), kNow, kYear);
  const auto by_leaf = issue_leaf(agent_, *leaf, AgentKey::generate().id(), kNow, kYear);
  ASSERT_TRUE(by_leaf);
  EXPECT_FALSE(check_leaf(*by_leaf, pem_, kNow));
}

// A stranger is shown them before it has proven anything.
TEST_F(GroupTest, NoNameOfAGroupOrAMachineIsInACertificate) {
  const auto shows = [](const std::string& pem, std::string_view name) {
    const auto der = certificate_der(pem).value();
    const auto bytes = as_bytes(name);
    return std::search(der.begin(), der.end(), bytes.begin(), bytes.end()) != der.end();
  };
  const auto leaf = issue_leaf(authority_, pem_, agent_.id(), kNow, kYear);
  ASSERT_TRUE(leaf);
  EXPECT_FALSE(shows(pem_, "Office"));
  EXPECT_FALSE(shows(*leaf, "Office"));
  EXPECT_TRUE(shows(*leaf, "Larder agent")) << "the search finds what is there";
}

TEST_F(GroupTest, GarbageIsNotACertificate) {
  EXPECT_FALSE(check_leaf("", pem_, kNow));
  EXPECT_FALSE(check_leaf("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", pem_, kNow));
  EXPECT_FALSE(check_leaf(std::string(1 << 20, 'A'), pem_, kNow));
}

TEST_F(GroupTest, TheAuthorityIsKnownByItsKey) {
  EXPECT_EQ(authority_id(pem_).value(), authority_.id());
  EXPECT_FALSE(authority_id("nothing"));
}

TEST_F(GroupTest, AKeySurvivesItsSeed) {
  const AgentKey again = AgentKey::from_seed(agent_.seed());
  EXPECT_EQ(again.id(), agent_.id());
  const auto signature = again.sign(as_bytes("hello"));
  EXPECT_TRUE(verify(agent_.id(), as_bytes("hello"), signature));
  EXPECT_FALSE(verify(agent_.id(), as_bytes("hullo"), signature));
  EXPECT_FALSE(verify(authority_.id(), as_bytes("hello"), signature));
  EXPECT_NE(private_key_pem(agent_).value().find("PRIVATE KEY"), std::string::npos);
}

TEST_F(GroupTest, RevocationIsSignedNewerAndRenewsTheKeyEpoch) {
  const auto next = revoke(state_, agent_.id(), kNow, GroupKey::generate(2), authority_, pem_);
  ASSERT_TRUE(next);
  EXPECT_TRUE(next->is_revoked(agent_.id()));
  EXPECT_FALSE(state_.is_revoked(agent_.id()));
  EXPECT_GT(next->version, state_.version);
  EXPECT_GT(next->key_epoch, state_.key_epoch);
  EXPECT_TRUE(check_newer_state(state_, *next, pem_));
  EXPECT_FALSE(check_newer_state(*next, state_, pem_)) << "an older state must not bring a revoked agent back";
  EXPECT_FALSE(revoke(state_, agent_.id(), kNow, GroupKey::generate(1), authority_, pem_)) << "the key must be new";
  EXPECT_FALSE(revoke(*next, agent_.id(), kNow, GroupKey::generate(3), authority_, pem_));
}

TEST_F(GroupTest, AStateThatTheAuthorityDidNotSignIsRefused) {
  GroupState forged = state_;
  forged.version = 99;
  EXPECT_FALSE(check_newer_state(state_, forged, pem_));
  sign_state(forged, agent_, pem_);
  EXPECT_FALSE(check_newer_state(state_, forged, pem_));
}

TEST_F(GroupTest, TheStateTravelsWhole) {
  GroupState state = state_;
  state.holder = agent_.id();
  for (std::uint32_t i = 0; i < 5; ++i) {
    const GroupKey next = GroupKey::generate(state.key_epoch + 1);
    state = revoke(state, AgentKey::generate().id(), kNow, next, authority_, pem_).value();
    EXPECT_EQ(state.key_check, key_check(next));
  }
  const auto bytes = encode_state(state);
  EXPECT_EQ(decode_state(bytes).value(), state);
  for (std::size_t size = 0; size < bytes.size(); ++size) EXPECT_FALSE(decode_state(Bytes(bytes).first(size))) << size;
  auto longer = bytes;
  longer.push_back(std::byte{0});
  EXPECT_FALSE(decode_state(longer));
}

TEST_F(GroupTest, VersionKeysTellEveryFieldApartAndNeedTheGroupKey) {
  const GroupKey key = GroupKey::from_secret(1, sha256(as_bytes("one")));
  const cache::Version version{"http://a/b", 10, "\"e\"", "Sat, 01 Jan 2000 00:00:00 GMT"};
  const Digest name = key.version_key(version);
  cache::Version other = version;
  other.size = 11;
  EXPECT_NE(key.version_key(other), name);
  other = version;
  other.etag.clear();
  EXPECT_NE(key.version_key(other), name);
  other = version;
  other.last_modified.clear();
  EXPECT_NE(key.version_key(other), name);
  EXPECT_NE(key.url_key(version.url), name);
  EXPECT_NE(GroupKey::from_secret(1, sha256(as_bytes("two"))).version_key(version), name);
  EXPECT_EQ(GroupKey::from_secret(1, sha256(as_bytes("one"))).version_key(version), name);
}

TEST_F(GroupTest, TheSignatureCoversHolderAndKey) {
  GroupState state = state_;
  state.version = 2;
  sign_state(state, authority_, pem_);
  ASSERT_TRUE(check_newer_state(state_, state, pem_));
  GroupState other = state;
  other.holder = agent_.id();
  EXPECT_FALSE(check_newer_state(state_, other, pem_));
  other = state;
  other.key_check = key_check(GroupKey::generate(1));
  EXPECT_FALSE(check_newer_state(state_, other, pem_));
}

TEST(GroupName, TellsWhatIsAllowed) {
  EXPECT_TRUE(check_group_name("Head office 2"));
  EXPECT_FALSE(check_group_name(""));
  EXPECT_FALSE(check_group_name(std::string(65, 'a')));
  EXPECT_FALSE(check_group_name("a/b"));
  EXPECT_FALSE(check_group_name("a\nb"));
}

}  // namespace
}  // namespace larder::peer
