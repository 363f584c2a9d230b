// What Trust knows survives a restart, whatever it is, and damage to the index costs no more than the damaged rows.
#include "peer/trust/trust_store.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <gtest/gtest.h>

#include <optional>

#include "base/text/units.h"
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
  [[nodiscard]] Trust::Circle circle() const { return {self_.id(), group_, 5, {}}; }
  Trust::Outcome receive(const Witness& accused, const Witness& accuser) {
    const auto outcome =
        trust_->receive({accused.says(third_, 0, "bad"), accuser.says(third_, 0, "good")}, circle(), kNow);
    EXPECT_TRUE(outcome);
    return outcome ? *outcome : Trust::Outcome();
  }
  Trust::Outcome fetched(const cache::Version& version, std::string_view root, std::uint64_t segment = 0) {
    return trust_->fetched(version.url, {self_.says(version, segment, root)}, circle(), kNow);
  }
  // All kinds of what is kept.
  void fill() {
    trust_->suspect({liar_.says(version_, 0, "bad"), c_.says(version_, 1, "bad")}, group_);
    EXPECT_EQ(fetched(version_, "good").doubted, std::vector{liar_.id()});
    receive(a_, b_);
    EXPECT_TRUE(trust_->sent_bad_block(b_.id(), kNow));
    trust_->pardon(b_.id(), kNow);
    EXPECT_TRUE(trust_->sent_bad_block(d_.id(), kNow));
    fetched(other_, "one");
    EXPECT_EQ(fetched(other_, "two").hosts.size(), 1u);
  }
  std::int64_t number(const char* sql) {
    const SQLite::Database db(directory_ / "larder.db", SQLite::OPEN_READONLY);
    SQLite::Statement query(db, sql);
    return query.executeStep() ? query.getColumn(0).getInt64() : -1;
  }

  const Digest group_ = group_digest("group");
  const cache::Version version_{"https://example.org/a.iso", 9437184, "\"e1\"", ""};
  const cache::Version third_{"https://example.net/c.iso", 9437184, "\"e1\"", ""};
  const cache::Version other_{"https://example.com/b.iso", 9437184, "\"e1\"", ""};
  const Witness self_{100, group_}, a_{1, group_}, b_{2, group_}, c_{3, group_}, d_{4, group_}, liar_{66, group_};
  larder::test::TempDirectory directory_;
  larder::test::VirtualLoop loop_;
  std::unique_ptr<cache::Database> database_;
  std::optional<Trust> trust_;
  std::optional<TrustStore> store_;
};

TEST_F(TrustStoreTest, ARestartChangesNothing) {
  fill();
  const auto shunned = trust_->all_shunned(kNow);
  const auto doubted = trust_->all_doubted(kNow);
  const auto hosts = trust_->inconstant_hosts(kNow);
  ASSERT_EQ(shunned.size(), 1u);
  ASSERT_EQ(doubted.size(), 1u);
  ASSERT_EQ(hosts.size(), 1u);
  restart();
  EXPECT_EQ(trust_->all_shunned(kNow), shunned);
  EXPECT_EQ(trust_->all_doubted(kNow), doubted);
  EXPECT_EQ(trust_->inconstant_hosts(kNow), hosts);
  EXPECT_FALSE(trust_->may_share(version_digest(version_), version_.url, kNow));
  EXPECT_TRUE(receive(a_, b_).empty()) << "known";
  restart();
  const auto outcome = fetched(version_, "good", 1);
  ASSERT_EQ(outcome.evidence.size(), 1u);
  EXPECT_EQ(outcome.evidence[0].accused, c_.says(version_, 1, "bad"));
  EXPECT_TRUE(fetched(other_, "two").empty()) << "this agent accuses nobody over it";
}

TEST_F(TrustStoreTest, APardonSurvivesToo) {
  fill();
  EXPECT_TRUE(trust_->pardon(liar_.id(), kNow));
  restart();
  EXPECT_FALSE(trust_->doubted(liar_.id(), false, kNow));
  EXPECT_TRUE(receive(liar_, self_).empty()) << "old statements count no more";
  EXPECT_FALSE(trust_->doubted(liar_.id(), false, kNow));
}

TEST_F(TrustStoreTest, WhatIsOverGoes) {
  fill();
  const WallTime late = kNow + std::chrono::hours(24 * 30);
  restart(late);
  EXPECT_TRUE(trust_->all_shunned(late).empty() && trust_->all_doubted(late).empty());
  stop();
  EXPECT_EQ(number("SELECT count(*) FROM trust_shunned"), 0);
  EXPECT_EQ(number("SELECT count(*) FROM trust_contradictions"), 0);
  EXPECT_EQ(number("SELECT count(*) FROM trust_condemned"), 1) << "what this agent itself was given two contents of";
  start(kNow);
}

// An index of the first schema step, with agents that are shunned for good.
TEST_F(TrustStoreTest, WhoWasShunnedForGoodIsSoNoMore) {
  stop();
  const auto file = directory_ / "old.db";
  {
    auto opened = cache::Database::open(file, trust_schema().first(1), loop_);
    ASSERT_TRUE(opened) << opened.error().text();
  }
  loop_.run_ready();
  {
    SQLite::Database db(file, SQLite::OPEN_READWRITE);
    SQLite::Statement insert(db, "INSERT INTO trust_shunned VALUES (?, ?, ?, ?, 'x')");
    int reason = 0;
    for (const Witness* one : {&a_, &b_, &c_}) {
      insert.bind(1, one->id().data(), static_cast<int>(one->id().size()));
      insert.bind(2, reason++);
      insert.bind(3, to_unix_ns(kNow));
      insert.bind(4, reason == 3 ? to_unix_ns(kNow + std::chrono::hours(1)) : INT64_MAX);
      insert.exec();
      insert.reset();
    }
  }
  auto opened = cache::Database::open(file, trust_schema(), loop_);
  ASSERT_TRUE(opened) << opened.error().text();
  Trust trust;
  TrustStore store(**opened, loop_.runtime());
  bool loaded = false;
  store.load(trust, kNow, [&](const Status& status) { loaded = status.has_value(); });
  ASSERT_TRUE(loop_.wait_for([&] { return loaded; }));
  EXPECT_TRUE(trust.shunned(c_.id(), kNow)) << "bad blocks keep their hour";
  EXPECT_FALSE(trust.shunned(a_.id(), kNow));
  EXPECT_TRUE(trust.shunned(b_.id(), kNow)) << "by others: ends an hour after its beginning";
  EXPECT_FALSE(trust.shunned(b_.id(), kNow + std::chrono::hours(1)));
}

TEST_F(TrustStoreTest, LeavingTheGroupForgetsAll) {
  fill();
  trust_->forget_all();
  restart();
  EXPECT_TRUE(trust_->all_shunned(kNow).empty() && trust_->all_doubted(kNow).empty());
  EXPECT_EQ(trust_->condemned_count(), 0u);
  EXPECT_TRUE(trust_->inconstant_hosts(kNow).empty());
  EXPECT_TRUE(fetched(version_, "good", 1).evidence.empty());
}

TEST_F(TrustStoreTest, DamagedRowsAreLeftOut) {
  fill();
  change_while_stopped("UPDATE trust_shunned SET reason = 9 WHERE reason = 2");
  EXPECT_TRUE(trust_->all_shunned(kNow).empty());
  change_while_stopped("UPDATE trust_doubted SET agent = x'0102'");
  EXPECT_TRUE(trust_->all_doubted(kNow).empty());
  change_while_stopped("UPDATE trust_condemned SET one = x'0102' WHERE own_two_roots = 0");
  EXPECT_EQ(trust_->condemned_count(), 1u);
  change_while_stopped("UPDATE trust_suspicions SET attestation = CAST(number AS BLOB)");
  EXPECT_TRUE(fetched(version_, "good", 1).evidence.empty());
  change_while_stopped("UPDATE trust_contradictions SET one = x'0102'");
  EXPECT_EQ(receive(a_, b_).condemned.size(), 1u) << "what was known of it cannot be read any more";
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
