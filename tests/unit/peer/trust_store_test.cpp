// What Trust knows survives a restart, whatever it is, and damage to the index costs no more than the damaged rows.
#include "peer/trust_store.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <gtest/gtest.h>

#include <optional>

#include "tests/support/temp_directory.h"
#include "tests/support/virtual_loop.h"
#include "tests/unit/peer/witnesses.h"

namespace larder::peer {
namespace {

constexpr WallTime kNow = WallTime(std::chrono::seconds(1'790'000'100));

class TrustStoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(initialise_crypto());
    start(kNow);
  }
  void TearDown() override { stop(); }

  void start(WallTime now) {
    auto opened = cache::Database::open(directory_ / "larder.db", trust_schema(), loop_);
    ASSERT_TRUE(opened) << opened.error().text();
    database_ = std::move(*opened);
    trust_.emplace();
    store_.emplace(*database_, loop_.runtime());
    std::optional<Status> loaded;
    store_->load(*trust_, now, [&](Status status) { loaded = std::move(status); });
    ASSERT_TRUE(loop_.wait_for([&] { return loaded.has_value(); }));
    EXPECT_TRUE(*loaded) << loaded->error().text();
  }
  void stop() {
    store_.reset();
    trust_.reset();
    database_.reset();
    loop_.run_ready();
  }
  void restart(WallTime now = kNow) {
    stop();
    start(now);
  }
  // Runs SQL beside the agent, between two runs of it.
  void change_while_stopped(const std::string& sql) {
    stop();
    {
      SQLite::Database db(directory_ / "larder.db", SQLite::OPEN_READWRITE);
      EXPECT_GT(db.exec(sql), 0) << sql;
    }
    start(kNow);
  }
  std::vector<AgentId> receive(const Witness& accused, const Witness& accuser) {
    const auto outcome = trust_->receive({accused.says(version_, 0, "bad"), accuser.says(version_, 0, "good")},
                                         self_.id(), group_, kNow);
    EXPECT_TRUE(outcome);
    return outcome ? outcome->shunned : std::vector<AgentId>();
  }
  // All kinds of what is kept.
  void fill() {
    trust_->suspect({liar_.says(version_, 0, "bad"), liar_.says(version_, 1, "bad"), c_.says(version_, 1, "bad")},
                    group_);
    EXPECT_EQ(trust_->fetched({self_.says(version_, 0, "good")}, kNow).shunned, std::vector{liar_.id()});
    EXPECT_TRUE(receive(a_, b_).empty());
    EXPECT_TRUE(trust_->sent_bad_block(b_.id(), kNow));
    trust_->pardon(b_.id(), kNow);
    EXPECT_TRUE(trust_->sent_bad_block(d_.id(), kNow));
  }

  const Digest group_ = group_digest("group");
  const cache::Version version_{"https://example.org/a.iso", 9437184, "\"e1\"", ""};
  const Witness self_{100, group_}, a_{1, group_}, b_{2, group_}, c_{3, group_}, d_{4, group_}, liar_{66, group_};
  larder::test::TempDirectory directory_;
  larder::test::VirtualLoop loop_;
  std::unique_ptr<cache::Database> database_;
  std::optional<Trust> trust_;
  std::optional<TrustStore> store_;
};

TEST_F(TrustStoreTest, ARestartChangesNothing) {
  fill();
  const auto before = trust_->all_shunned(kNow);
  ASSERT_EQ(before.size(), 2u);
  restart();
  EXPECT_EQ(trust_->all_shunned(kNow), before);
  EXPECT_TRUE(trust_->shunned(liar_.id(), kNow + std::chrono::hours(1'000'000))) << "for good";
  EXPECT_TRUE(receive(b_, liar_).empty());
  EXPECT_EQ(receive(a_, c_), std::vector{a_.id()}) << "its first accuser was kept";
  restart();
  const auto outcome = trust_->fetched({self_.says(version_, 0, "good"), self_.says(version_, 1, "good")}, kNow);
  ASSERT_EQ(outcome.evidence.size(), 2u) << "of segment 0 it was told before";
  EXPECT_EQ(outcome.evidence[0].accused, liar_.says(version_, 1, "bad"));
  EXPECT_EQ(outcome.shunned, std::vector{c_.id()});
  EXPECT_TRUE(trust_->shunned(a_.id(), kNow));
}

TEST_F(TrustStoreTest, APardonSurvivesToo) {
  fill();
  receive(a_, c_);
  ASSERT_TRUE(trust_->shunned(a_.id(), kNow));
  trust_->pardon(a_.id(), kNow);
  restart();
  EXPECT_FALSE(trust_->shunned(a_.id(), kNow));
  EXPECT_TRUE(receive(a_, b_).empty());
  EXPECT_TRUE(receive(a_, c_).empty()) << "old statements count no more";
}

TEST_F(TrustStoreTest, WhatIsOverGoes) {
  fill();
  restart(kNow + std::chrono::hours(2));
  EXPECT_EQ(trust_->all_shunned(kNow).size(), 1u);
  stop();
  {
    const SQLite::Database db(directory_ / "larder.db", SQLite::OPEN_READONLY);
    SQLite::Statement count(db, "SELECT count(*) FROM trust_shunned");
    ASSERT_TRUE(count.executeStep());
    EXPECT_EQ(count.getColumn(0).getInt(), 1);
  }
  start(kNow);
}

TEST_F(TrustStoreTest, LeavingTheGroupForgetsAll) {
  fill();
  trust_->forget_all();
  restart();
  EXPECT_TRUE(trust_->all_shunned(kNow).empty());
  EXPECT_TRUE(receive(a_, c_).empty());
  EXPECT_TRUE(trust_->fetched({self_.says(version_, 1, "good")}, kNow).evidence.empty());
}

TEST_F(TrustStoreTest, DamagedRowsAreLeftOut) {
  fill();
  change_while_stopped("UPDATE trust_shunned SET reason = 9 WHERE reason = 2");
  EXPECT_EQ(trust_->all_shunned(kNow).size(), 1u);
  change_while_stopped(
      "UPDATE trust_suspicions SET attestation = x'00' WHERE number = (SELECT min(number) FROM trust_suspicions)");
  EXPECT_EQ(trust_->fetched({self_.says(version_, 1, "good")}, kNow).evidence.size(), 1u);
  change_while_stopped("UPDATE trust_accusations SET accuser = x'0102'");
  EXPECT_TRUE(receive(a_, c_).empty()) << "the first accuser cannot be read any more";
}

TEST_F(TrustStoreTest, AnIndexThatCannotBeReadIsAnError) {
  stop();
  auto opened = cache::Database::open(directory_ / "other.db", {}, loop_);
  ASSERT_TRUE(opened);
  Trust trust;
  TrustStore store(**opened, loop_.runtime());
  std::optional<Status> loaded;
  store.load(trust, kNow, [&](Status status) { loaded = std::move(status); });
  ASSERT_TRUE(loop_.wait_for([&] { return loaded.has_value(); }));
  ASSERT_FALSE(*loaded);
  EXPECT_EQ(loaded->error().code, ErrorCode::database_error);
  EXPECT_TRUE(trust.sent_bad_block(a_.id(), kNow));
  EXPECT_TRUE(trust.shunned(a_.id(), kNow)) << "it goes on in memory";
}

}  // namespace
}  // namespace larder::peer
