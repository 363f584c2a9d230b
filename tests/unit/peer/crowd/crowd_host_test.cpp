// The crowds that an agent is in, in virtual time: what it still says of one that it has left.
#include "peer/crowd/crowd_host.h"

#include <gtest/gtest.h>

#include "tests/support/virtual_loop.h"
#include "tests/unit/peer/crowd_lab.h"

namespace larder::peer {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class Sitter final : public CrowdUser {
 public:
  void on_crowd_changed() override {}
  void on_crowd_entry(const AgentId&, const CrowdEntry&) override {}
};

class CrowdHostTest : public ::testing::Test {
 protected:
  static constexpr std::uint64_t kSize = 300 * kKiB;

  void SetUp() override { ASSERT_TRUE(initialise_crypto()); }

  // In the crowd of a small file, and fetching it.
  void fetch(std::uint64_t bytes) {
    CrowdHost::Joining joining;
    joining.version_key = kVersion;
    joining.layout = cache::SegmentLayout(kSize);
    joining.patience = seconds(1);
    joining.min_rate = 1000;
    seat_ = host_.join_crowd(joining, user_);
    ASSERT_NE(seat_, nullptr);
    loop_.advance(milliseconds(200));
    ASSERT_EQ(seat_->fetch(), std::vector<std::uint64_t>{0});
    seat_->on_progress(SegmentIndex(0), bytes);
    loop_.run_ready();
  }
  void leave() {
    seat_.reset();
    said_.clear();
  }
  // Whether all that was said since the crowd was left claims the file.
  [[nodiscard]] bool always_claimed() const {
    return std::all_of(said_.begin(), said_.end(), [](const CrowdEntry& entry) { return !entry.claims.empty(); });
  }

  static inline const Digest kVersion = test::key_of(1);
  larder::test::VirtualLoop loop_;
  std::shared_ptr<Sitter> user_ = std::make_shared<Sitter>();
  std::vector<CrowdEntry> said_;
  CrowdHost host_{
      {loop_.runtime(),
       test::agent_of(9),
       [this](std::vector<CrowdEntry> entries) { said_.insert(said_.end(), entries.begin(), entries.end()); },
       [] { return std::vector<AgentId>{test::agent_of(1)}; },
       {}}};
  std::unique_ptr<CrowdMembership> seat_;
};

TEST_F(CrowdHostTest, WhatIsFetchedToItsEndIsClaimedUntilItIsOffered) {
  fetch(kSize);
  leave();
  loop_.advance(milliseconds(1500));
  ASSERT_FALSE(said_.empty());
  EXPECT_TRUE(always_claimed()) << "others would fetch it again";
  host_.on_segment_offered(kVersion, 0, true);
  said_.clear();
  loop_.advance(milliseconds(100));
  ASSERT_FALSE(said_.empty()) << "at once";
  EXPECT_TRUE(said_.front().complete);
  loop_.advance(seconds(10));
  EXPECT_FALSE(host_.has(kVersion));
  EXPECT_EQ(loop_.timers(), 0U);
}

TEST_F(CrowdHostTest, WhatIsNeverOfferedIsNotClaimedForLong) {
  fetch(kSize);
  leave();
  loop_.advance(seconds(10));
  EXPECT_FALSE(always_claimed());
  EXPECT_FALSE(host_.has(kVersion));
}

TEST_F(CrowdHostTest, AnUnfinishedClaimEndsWithItsTransfer) {
  fetch(kSize - 1);
  leave();
  loop_.advance(milliseconds(1500));
  ASSERT_FALSE(said_.empty());
  EXPECT_TRUE(std::all_of(said_.begin(), said_.end(), [](const CrowdEntry& entry) { return entry.claims.empty(); }));
}

}  // namespace
}  // namespace larder::peer
