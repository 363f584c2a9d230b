#include "peer/catalogue/catalogue_link_admission.h"

#include <gtest/gtest.h>

namespace larder::peer {
namespace {

constexpr SteadyTime kNow = SteadyTime(std::chrono::hours(1));
constexpr AdmissionLimits kLimits{8, 4, 4};  // connections, of one address, handshakes

Endpoint from(int host) {
  return parse_endpoint("192.0.2." + std::to_string(host) + ":1").value();
}

class AdmissionTest : public ::testing::Test {
 protected:
  LinkAdmission::Decision arrive(int host) { return admission_.on_arrived(++last_, from(host), kNow); }
  LinkId member(int host) {
    EXPECT_TRUE(arrive(host).accepted);
    admission_.is_member(last_);
    return last_;
  }
  using Ids = std::vector<LinkId>;
  LinkAdmission admission_{kLimits};
  LinkId last_ = 0;
};

TEST_F(AdmissionTest, AnAddressHoldsAQuarterOfTheHandshakes) {
  EXPECT_TRUE(arrive(1).cut.empty());
  const auto second = arrive(1);
  EXPECT_TRUE(second.accepted);
  EXPECT_EQ(second.cut, Ids{1});
  EXPECT_TRUE(arrive(2).cut.empty());
  EXPECT_EQ(admission_.handshakes(), 2u);
}

TEST_F(AdmissionTest, TheOldestHandshakeGoes) {
  for (int host = 1; host <= 4; ++host) EXPECT_TRUE(arrive(host).cut.empty());
  EXPECT_EQ(arrive(5).cut, Ids{1});
  EXPECT_EQ(arrive(6).cut, Ids{2});
}

TEST_F(AdmissionTest, StrangersPushOutStrangersBeforeThoseWhoseAddressIsKnown) {
  admission_.on_gone(member(1));
  EXPECT_TRUE(arrive(1).accepted);  // the oldest handshake, of an address that a member came from
  const LinkId known = last_;
  for (int host = 2; host <= 4; ++host) EXPECT_TRUE(arrive(host).cut.empty());
  for (int host = 5; host <= 50; ++host) {
    const auto decision = arrive(host);
    ASSERT_EQ(decision.cut.size(), 1u);
    EXPECT_NE(decision.cut[0], known);
  }
}

TEST_F(AdmissionTest, AnAddressHasItsNumberOfConnections) {
  const LinkId first = member(1);
  for (int i = 0; i < 3; ++i) member(1);
  EXPECT_FALSE(arrive(1).accepted) << "all four are busy";
  admission_.set_idle(first, true);
  const auto decision = arrive(1);
  EXPECT_TRUE(decision.accepted);
  EXPECT_EQ(decision.cut, Ids{first}) << "one that asks nothing makes room";
}

TEST_F(AdmissionTest, WhenAllIsFullTheLongestIdleMemberGoesAndNeverABusyOne) {
  Ids members;
  for (int host = 1; host <= 8; ++host) members.push_back(member(host));
  EXPECT_FALSE(arrive(9).accepted);
  admission_.set_idle(members[5], true);
  admission_.set_idle(members[2], true);
  EXPECT_EQ(arrive(9).cut, Ids{members[5]});
  const LinkId stranger = last_;
  EXPECT_EQ(arrive(10).cut, Ids{stranger}) << "strangers cost the office one connection, not one each";
  admission_.set_idle(members[2], false);
  admission_.on_gone(last_);
  EXPECT_TRUE(arrive(11).accepted);
  EXPECT_EQ(admission_.connections(), 8u);
}

TEST_F(AdmissionTest, AnAddressThatKeepsFailingIsTurnedAwayForASecond) {
  for (int i = 0; i < static_cast<int>(LinkAdmission::kFailuresAtOnce); ++i) admission_.on_failed(from(1), kNow);
  EXPECT_TRUE(arrive(1).accepted) << "as many are allowed";
  admission_.on_failed(from(1), kNow);
  EXPECT_FALSE(arrive(1).accepted);
  EXPECT_TRUE(arrive(2).accepted) << "others are not meant";
  EXPECT_TRUE(admission_.on_arrived(++last_, from(1), kNow + LinkAdmission::kTurnedAway).accepted);
}

TEST_F(AdmissionTest, WhatIsUnknownChangesNothing) {
  admission_.is_member(99);
  admission_.set_idle(99, true);
  admission_.on_gone(99);
  EXPECT_EQ(admission_.connections(), 0u);
}

}  // namespace
}  // namespace larder::peer
