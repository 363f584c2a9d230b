// The deliverer over the real ledger, with an application that the test plays.
#include "inbox/deliver/deliverer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "inbox/ledger/sqlite_ledger.h"
#include "tests/support/temp_directory.h"
#include "tests/support/virtual_loop.h"

namespace larder::inbox {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using Kind = AttemptEnd::Kind;

// Notes what it is told, and answers when the test says so.
class PlayedApplication final : public HandOver {
 public:
  void begin(const UploadRow& row, bool resumed, Done done) override {
    told.push_back(row.id + "/" + std::to_string(row.delivery->attempt) + (resumed ? " resumed" : ""));
    waiting.insert_or_assign(row.id, std::move(done));
  }
  [[nodiscard]] bool ends_by_itself() const override { return ends; }
  void answer(const std::string& id, Kind kind, std::string result = "said") { end(id, {kind, std::move(result)}); }
  void end(const std::string& id, AttemptEnd what) {
    auto node = waiting.extract(id);
    ASSERT_FALSE(node.empty()) << id << " was not told";
    node.mapped()(std::move(what));
  }
  std::vector<std::string> told;
  std::map<std::string, Done> waiting;
  bool ends = true;
};

class DelivererTest : public testing::Test {
 protected:
  DelivererTest() {
    auto opened = cache::Database::open(directory_ / "inbox.db", SqliteLedger::schema(), loop_);
    EXPECT_TRUE(opened);
    database_ = std::move(*opened);
    ledger_ = std::make_unique<SqliteLedger>(*database_);
    settings_.inbox = "in";
    settings_.holder = "node";
    settings_.most_at_once = 2;
  }
  ~DelivererTest() override { deliverer_.reset(); }

  void start() {
    deliverer_ = std::make_unique<Deliverer>(settings_, *ledger_, application_, loop_.runtime());
    deliverer_->start();
    settle();
  }
  // As kill -9: nothing of it is left but the ledger.
  void die() {
    deliverer_.reset();
    application_.waiting.clear();
    application_.told.clear();
  }
  // Until the ledger has answered everything that was asked of it by now.
  void settle() {
    for (int i = 0; i < 8; ++i) {
      bool answered = false;
      ledger_->totals([&](const Outcome<LedgerTotals>&) { answered = true; });
      ASSERT_TRUE(loop_.wait_for([&] { return answered; }));
      loop_.run_ready();
    }
  }
  void pass(Duration time) {
    loop_.advance(time);
    settle();
  }
  void accept(const std::string& id, const std::string& inbox = "in") {
    NewUpload upload;
    upload.id = id;
    upload.principal = "anna";
    upload.holder = "node";
    upload.request.inbox = inbox;
    upload.request.size = 1;
    upload.now = loop_.wall();
    upload.expires_at = loop_.wall() + 24h;
    ledger_->create(upload, [](const Outcome<FoundOrMade>& made) { ASSERT_TRUE(made); });
    ledger_->seal({id, 1}, {0, 1, Digest{}, loop_.wall(), StoredAnswer{204, ""}},
                  [](const Outcome<UploadRow>& row) { ASSERT_TRUE(row) << row.error().detail; });
    settle();
  }
  UploadRow row(const std::string& id) {
    std::optional<UploadRow> found;
    ledger_->find(id, std::nullopt, [&](Outcome<UploadRow> row) { found = std::move(*row); });
    EXPECT_TRUE(loop_.wait_for([&] { return found.has_value(); }));
    return found.value_or(UploadRow{});
  }

  test::TempDirectory directory_;
  test::VirtualLoop loop_;
  std::unique_ptr<cache::Database> database_;
  std::unique_ptr<SqliteLedger> ledger_;
  PlayedApplication application_;
  DelivererSettings settings_;
  std::unique_ptr<Deliverer> deliverer_;
};

TEST_F(DelivererTest, WhatIsAcceptedIsToldOnceAndWrittenDown) {
  accept("a");
  start();
  EXPECT_THAT(application_.told, ElementsAre("a/1"));
  EXPECT_EQ(row("a").state, UploadState::delivering);
  application_.answer("a", Kind::took);
  settle();
  EXPECT_EQ(row("a").state, UploadState::delivered);
  EXPECT_EQ(row("a").delivery->result, "said");
  deliverer_->wake();
  pass(24h);
  EXPECT_THAT(application_.told, ElementsAre("a/1"));
}

TEST_F(DelivererTest, AReplyIsDurableBeforeTheAcknowledgement) {
  std::vector<std::string> kept;
  std::optional<UniqueFunction<void(Status)>> keeping;
  std::vector<UploadState> settled;
  settings_.keep_reply = [&](const std::string& id, const std::string& body, UniqueFunction<void(Status)> done) {
    kept.push_back(id + ":" + body);
    keeping.emplace(std::move(done));
  };
  settings_.on_settled = [&](const UploadRow& row) { settled.push_back(row.state); };
  accept("a");
  start();
  application_.end("a", {Kind::took, "said", "reply"});
  settle();
  EXPECT_THAT(kept, ElementsAre("a:reply"));
  EXPECT_EQ(row("a").state, UploadState::delivering);
  (*keeping)(fail(ErrorCode::disk_full, "keep it", "no room"));
  settle();
  EXPECT_EQ(row("a").state, UploadState::delivering) << "it is kept later";
  pass(5s);
  EXPECT_THAT(kept, ElementsAre("a:reply", "a:reply"));
  EXPECT_THAT(settled, IsEmpty());
  (*keeping)({});
  settle();
  EXPECT_EQ(row("a").state, UploadState::delivered);
  EXPECT_EQ(row("a").delivery->reply, kReplyInStore);
  EXPECT_THAT(settled, ElementsAre(UploadState::delivered));
  EXPECT_THAT(application_.told, ElementsAre("a/1")) << "it was called once";
}

TEST_F(DelivererTest, AReplyElsewhereIsItsUrl) {
  accept("a");
  start();
  AttemptEnd end{Kind::took, "said"};
  end.reply_url = "https://app.example/r";
  application_.end("a", std::move(end));
  settle();
  EXPECT_EQ(row("a").delivery->reply, "https://app.example/r");
}

TEST_F(DelivererTest, ARefusalHasTheApplicationsStatusAndAWishToWaitIsHeard) {
  std::vector<UploadState> settled;
  settings_.on_settled = [&](const UploadRow& row) { settled.push_back(row.state); };
  accept("a");
  start();
  AttemptEnd later{Kind::again, "busy"};
  later.retry_after = 60s;
  application_.end("a", std::move(later));
  settle();
  EXPECT_THAT(settled, IsEmpty());
  pass(59s);
  EXPECT_THAT(application_.told, ElementsAre("a/1"));
  pass(1s);
  EXPECT_THAT(application_.told, ElementsAre("a/1", "a/2"));
  AttemptEnd no{Kind::refused, "no"};
  no.status = 410;
  application_.end("a", std::move(no));
  settle();
  EXPECT_EQ(row("a").answer->status, 410);
  EXPECT_THAT(settled, ElementsAre(UploadState::rejected));
}

TEST_F(DelivererTest, WhatComesLaterIsToldWhenItIsWoken) {
  start();
  accept("a");
  EXPECT_THAT(application_.told, IsEmpty());
  deliverer_->wake();
  settle();
  EXPECT_THAT(application_.told, ElementsAre("a/1"));
}

TEST_F(DelivererTest, AnotherInboxIsAnothersBusiness) {
  accept("a", "other");
  start();
  EXPECT_THAT(application_.told, IsEmpty());
}

TEST_F(DelivererTest, ARefusalIsForGood) {
  accept("a");
  start();
  application_.answer("a", Kind::refused, "no room for it");
  settle();
  EXPECT_EQ(row("a").state, UploadState::rejected);
  EXPECT_EQ(row("a").answer->text, "no room for it");
  pass(24h);
  EXPECT_THAT(application_.told, ElementsAre("a/1"));
}

TEST_F(DelivererTest, WhoDoesNotSayIsToldAgainLaterAndLater) {
  accept("a");
  start();
  application_.answer("a", Kind::again);
  settle();
  EXPECT_EQ(row("a").state, UploadState::accepted);
  EXPECT_THAT(application_.told, ElementsAre("a/1"));
  pass(1s);
  EXPECT_THAT(application_.told, ElementsAre("a/1", "a/2"));
  application_.answer("a", Kind::again);
  settle();
  pass(1s);
  EXPECT_THAT(application_.told, ElementsAre("a/1", "a/2")) << "two seconds now";
  pass(1s);
  EXPECT_THAT(application_.told, ElementsAre("a/1", "a/2", "a/3"));
}

TEST_F(DelivererTest, AttemptsEndInARejection) {
  settings_.retry.attempts = 2;
  accept("a");
  start();
  application_.answer("a", Kind::again);
  settle();
  pass(1s);
  application_.answer("a", Kind::again, "still no answer");
  settle();
  EXPECT_EQ(row("a").state, UploadState::rejected);
}

TEST_F(DelivererTest, SoManyAtOnceAndTheNextWhenOneHasEnded) {
  for (const char* id : {"a", "b", "c"}) accept(id);
  start();
  EXPECT_EQ(application_.told.size(), 2U);
  const std::string first = application_.waiting.begin()->first;
  application_.answer(first, Kind::took);
  settle();
  EXPECT_EQ(application_.told.size(), 3U);
}

TEST_F(DelivererTest, ACrashTellsItAgainWithTheSameIdAndNothingElse) {
  accept("a");
  accept("b");
  start();
  application_.answer("a", Kind::took);
  settle();
  die();
  start();
  EXPECT_THAT(application_.told, ElementsAre("b/1 resumed"));
  application_.answer("b", Kind::again, "the process ended");
  settle();
  pass(1s);
  EXPECT_THAT(application_.told, ElementsAre("b/1 resumed", "b/2"));
}

// The application had its effect, and its answer was lost.
TEST_F(DelivererTest, ACrashBetweenItsAnswerAndTheLedgerTellsItAgain) {
  accept("a");
  start();
  application_.waiting.at("a")({Kind::took, "said"});
  die();  // before the ledger was asked, as far as this process knows
  settle();
  start();
  if (row("a").state == UploadState::delivered) return;  // the write was under way and lasted
  EXPECT_THAT(application_.told, ElementsAre("a/1 resumed"));
}

TEST_F(DelivererTest, ALeaseLastsAsLongAsTheAttempt) {
  settings_.lease = 30s;
  accept("a");
  start();
  for (int i = 0; i < 10; ++i) pass(10s);
  std::optional<std::size_t> ended;
  ledger_->end_overdue(loop_.wall(), settings_.retry, [&](Outcome<std::size_t> count) { ended = *count; });
  ASSERT_TRUE(loop_.wait_for([&] { return ended.has_value(); }));
  EXPECT_EQ(*ended, 0U);
  die();
  pass(31s);
  ended.reset();
  ledger_->end_overdue(loop_.wall(), settings_.retry, [&](Outcome<std::size_t> count) { ended = *count; });
  ASSERT_TRUE(loop_.wait_for([&] { return ended.has_value(); }));
  EXPECT_EQ(*ended, 1U);
}

TEST_F(DelivererTest, AStopWaitsForWhatEndsByItself) {
  accept("a");
  accept("b");
  accept("c");
  start();
  bool stopped = false;
  deliverer_->stop([&] { stopped = true; });
  application_.answer("a", Kind::took);
  settle();
  EXPECT_FALSE(stopped);
  EXPECT_EQ(application_.told.size(), 2U) << "nothing more is claimed";
  application_.answer("b", Kind::took);
  settle();
  EXPECT_TRUE(stopped);
}

TEST_F(DelivererTest, AStopDoesNotWaitForAPerson) {
  application_.ends = false;
  accept("a");
  start();
  bool stopped = false;
  deliverer_->stop([&] { stopped = true; });
  EXPECT_TRUE(stopped);
}

}  // namespace
}  // namespace larder::inbox
