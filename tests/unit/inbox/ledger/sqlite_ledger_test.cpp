#include "inbox/ledger/sqlite_ledger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/temp_directory.h"
#include "tests/support/virtual_loop.h"

namespace larder::inbox {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr WallTime kNow = WallTime(1'000'000s);

class SqliteLedgerTest : public testing::Test {
 protected:
  SqliteLedgerTest() { open(); }

  void open() {
    ledger_.reset();
    database_.reset();
    auto opened = cache::Database::open(directory_ / "inbox.db", SqliteLedger::schema(), loop_);
    ASSERT_TRUE(opened) << opened.error().text();
    database_ = std::move(*opened);
    ledger_ = std::make_unique<SqliteLedger>(*database_);
  }

  // Makes one call, and waits for its answer.
  template <class T, class Call>
  Outcome<T> ask(Call call) {
    std::optional<Outcome<T>> answer;
    call([&](Outcome<T> outcome) { answer = std::move(outcome); });
    EXPECT_TRUE(loop_.wait_for([&] { return answer.has_value(); }));
    return answer ? std::move(*answer) : Outcome<T>(tl::unexpected<Refused>(Refused{}));
  }
  template <class Call>
  Outcome<UploadRow> ask_row(Call call) {
    return ask<UploadRow>(call);
  }

  static NewUpload wanted(std::string id, std::string key = "", std::string principal = "anna") {
    NewUpload upload;
    upload.id = std::move(id);
    upload.principal = std::move(principal);
    upload.holder = "node";
    upload.request.inbox = "in";
    upload.request.key = std::move(key);
    upload.request.size = 100;
    upload.now = kNow;
    upload.expires_at = kNow + 24h;
    return upload;
  }
  Outcome<FoundOrMade> create(NewUpload upload) {
    return ask<FoundOrMade>([&](auto done) { ledger_->create(std::move(upload), std::move(done)); });
  }
  Outcome<UploadRow> find(const std::string& id) {
    return ask_row([&](auto done) { ledger_->find(id, std::nullopt, std::move(done)); });
  }
  Outcome<UploadRow> advance(Writer writer, std::uint64_t from, std::uint64_t to) {
    return ask_row([&](auto done) { ledger_->advance(writer, {from, to, kNow, kNow + 24h}, std::move(done)); });
  }
  // An upload that is accepted.
  void accept(const std::string& id) {
    ASSERT_TRUE(create(wanted(id)));
    ASSERT_TRUE(ask_row([&](auto done) {
      ledger_->seal({id, 1}, {0, 100, sha256(as_bytes(id)), kNow, StoredAnswer{204, ""}}, std::move(done));
    }));
  }
  Outcome<std::optional<UploadRow>> claim(WallTime now, std::string inbox = "in") {
    return ask<std::optional<UploadRow>>([&](auto done) {
      ledger_->claim({inbox, "worker", now, 30s}, std::move(done));
    });
  }
  std::vector<std::string> ids(ListQuery query) {
    const auto rows = ask<std::vector<UploadRow>>([&](auto done) { ledger_->list(query, std::move(done)); });
    std::vector<std::string> found;
    if (!rows) ADD_FAILURE() << rows.error().detail;
    if (rows) {
      for (const UploadRow& row : *rows) found.push_back(row.id);
    }
    return found;
  }
  std::vector<std::string> removable(RemovalTimes times) {
    return ask<std::vector<std::string>>([&](auto done) { ledger_->removable(times, std::move(done)); }).value();
  }

  test::TempDirectory directory_;
  test::VirtualLoop loop_;
  std::unique_ptr<cache::Database> database_;
  std::unique_ptr<SqliteLedger> ledger_;
};

TEST_F(SqliteLedgerTest, ARowComesBackAsItWasWritten) {
  NewUpload upload = wanted("a", "key");
  upload.request.sha256 = sha256(as_bytes("a"));
  upload.request.name = "na'me";
  upload.request.metadata = "filename bmFtZQ==";
  upload.request.url = "http://inbox/in/x";
  upload.request.dialect = Dialect::bits;
  ASSERT_TRUE(create(upload)->created);
  open();
  const UploadRow row = find("a").value();
  EXPECT_EQ(row.inbox, "in");
  EXPECT_EQ(row.principal, "anna");
  EXPECT_EQ(row.key, "key");
  EXPECT_EQ(row.name, "na'me");
  EXPECT_EQ(row.metadata, "filename bmFtZQ==");
  EXPECT_EQ(row.url, "http://inbox/in/x");
  EXPECT_EQ(row.dialect, Dialect::bits);
  EXPECT_EQ(row.size, 100U);
  EXPECT_EQ(row.declared, upload.request.sha256);
  EXPECT_EQ(row.created_at, kNow);
  EXPECT_EQ(row.expires_at, kNow + 24h);
  EXPECT_EQ(row.state, UploadState::receiving);
  EXPECT_TRUE(row.has_content);
  EXPECT_FALSE(row.delivery);
  EXPECT_FALSE(row.computed);
}

TEST_F(SqliteLedgerTest, CreatingIsRepeatable) {
  ASSERT_TRUE(create(wanted("a", "key"))->created);
  const auto again = create(wanted("b", "key"));
  ASSERT_TRUE(again);
  EXPECT_FALSE(again->created);
  EXPECT_EQ(again->row.id, "a");
  NewUpload other = wanted("c", "key");
  other.request.size = 101;
  const auto conflict = create(other);
  ASSERT_FALSE(conflict);
  EXPECT_EQ(conflict.error().problem, Problem::key_conflict);
  EXPECT_EQ(conflict.error().upload->id, "a");
  // The key belongs to the principal and the inbox.
  EXPECT_TRUE(create(wanted("d", "key", "bert"))->created);
  NewUpload elsewhere = wanted("e", "key");
  elsewhere.request.inbox = "other";
  EXPECT_TRUE(create(elsewhere)->created);
  // Without a key every creation is a new one.
  EXPECT_TRUE(create(wanted("f"))->created);
  EXPECT_TRUE(create(wanted("g"))->created);
}

TEST_F(SqliteLedgerTest, ManyCreationsOfOneKeyAtOnceMakeOneUpload) {
  int created = 0, found = 0;
  for (int i = 0; i < 50; ++i) {
    ledger_->create(wanted("u" + std::to_string(i), "key"), [&](Outcome<FoundOrMade> made) {
      ASSERT_TRUE(made);
      EXPECT_EQ(made->row.id, "u0");
      ++(made->created ? created : found);
    });
  }
  ASSERT_TRUE(loop_.wait_for([&] { return created + found == 50; }));
  EXPECT_EQ(created, 1);
}

TEST_F(SqliteLedgerTest, WhatIsOverFreesItsKeyOrKeepsIt) {
  ASSERT_TRUE(create(wanted("a", "key")));
  ASSERT_TRUE(ask_row([&](auto done) { ledger_->cancel("a", "anna", kNow, std::move(done)); }));
  ASSERT_TRUE(create(wanted("b", "key"))->created);
  ASSERT_EQ(ask<std::vector<UploadRow>>([&](auto done) { ledger_->expire_due(kNow + 24h, std::move(done)); })->size(),
            1U);
  ASSERT_TRUE(create(wanted("c", "key"))->created);
  ASSERT_TRUE(ask_row([&](auto done) {
    ledger_->refuse({"c", 1}, UploadEvent::wrong_content, {422, "wrong"}, kNow, std::move(done));
  }));
  const auto failed = create(wanted("d", "key"));
  ASSERT_TRUE(failed);
  EXPECT_EQ(failed->row.id, "c");
  EXPECT_EQ(failed->row.answer->text, "wrong");
}

TEST_F(SqliteLedgerTest, QuotaAndRoomAreKeptWithinTheTransaction) {
  NewUpload one = wanted("a");
  one.max_open = 1;
  ASSERT_TRUE(create(one));
  one.id = "b";
  EXPECT_EQ(create(one).error().problem, Problem::quota);
  one.principal = "bert";
  one.room = 199;
  EXPECT_EQ(create(one).error().problem, Problem::no_space) << "100 are reserved";
  one.room = 200;
  EXPECT_TRUE(create(one));
  // What has come needs no room any more; what is sealed neither.
  ASSERT_TRUE(advance({"a", 1}, 0, 60));
  const auto anna = ask<PrincipalUsage>([&](auto done) { ledger_->usage("anna", std::move(done)); });
  EXPECT_EQ(anna->open, 1U);
  EXPECT_EQ(anna->reserved, 40U);
  const auto totals = ask<LedgerTotals>([&](auto done) { ledger_->totals(std::move(done)); });
  EXPECT_EQ(totals->reserved, 140U);
  EXPECT_EQ(totals->by_state[0], 2U);
}

TEST_F(SqliteLedgerTest, ALaterSizeNeedsRoomToo) {
  NewUpload open_end = wanted("a");
  open_end.request.size.reset();
  ASSERT_TRUE(create(open_end));
  ASSERT_TRUE(advance({"a", 1}, 0, 60));
  const auto declare = [&](std::uint64_t room) {
    return ask_row([&](auto done) { ledger_->declare({"a", 1}, {100, sha256(as_bytes("x")), room}, std::move(done)); });
  };
  const auto full = declare(39);
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().problem, Problem::no_space);
  EXPECT_FALSE(find("a")->size);
  ASSERT_TRUE(declare(40));
  open();
  EXPECT_EQ(find("a")->size, 100U);
  EXPECT_EQ(find("a")->declared, sha256(as_bytes("x")));
}

TEST_F(SqliteLedgerTest, AnothersUploadIsUnknown) {
  ASSERT_TRUE(create(wanted("a")));
  const auto finding = [&](const char* principal) {
    return ask_row([&](auto done) { ledger_->find("a", principal, std::move(done)); });
  };
  EXPECT_TRUE(finding("anna"));
  EXPECT_EQ(finding("bert").error().problem, Problem::unknown_upload);
  EXPECT_FALSE(finding("bert").error().upload);
  EXPECT_EQ(find("b").error().problem, Problem::unknown_upload);
  const auto cancelling = ask_row([&](auto done) { ledger_->cancel("a", "bert", kNow, std::move(done)); });
  EXPECT_EQ(cancelling.error().problem, Problem::unknown_upload);
  const auto taking = ask_row([&](auto done) { ledger_->take("a", "bert", "node", std::move(done)); });
  EXPECT_EQ(taking.error().problem, Problem::unknown_upload);
  EXPECT_EQ(find("a")->state, UploadState::receiving);
}

TEST_F(SqliteLedgerTest, TheNewestTakerWrites) {
  ASSERT_TRUE(create(wanted("a")));
  const auto take = [&](const char* holder) {
    return ask_row([&](auto done) { ledger_->take("a", "anna", holder, std::move(done)); })->epoch;
  };
  EXPECT_EQ(take("node"), 1U);
  EXPECT_EQ(take("other"), 2U);
  const auto late = advance({"a", 1}, 0, 50);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().problem, Problem::superseded);
  EXPECT_EQ(find("a")->offset, 0U);
  EXPECT_TRUE(advance({"a", 2}, 0, 50));
  open();
  EXPECT_EQ(find("a")->offset, 50U);
  EXPECT_EQ(find("a")->epoch, 2U);
}

TEST_F(SqliteLedgerTest, AnAcceptanceIsWholeOrNot) {
  accept("a");
  open();
  const UploadRow row = find("a").value();
  EXPECT_EQ(row.state, UploadState::accepted);
  EXPECT_EQ(row.computed, sha256(as_bytes("a")));
  EXPECT_EQ(row.answer->status, 204);
  ASSERT_TRUE(row.delivery);
  EXPECT_EQ(row.delivery->accepted_at, kNow);
}

TEST_F(SqliteLedgerTest, SealedIsAcceptedOnce) {
  ASSERT_TRUE(create(wanted("a")));
  ASSERT_TRUE(ask_row([&](auto done) { ledger_->seal({"a", 1}, {0, 100, {}, kNow, std::nullopt}, std::move(done)); }));
  int accepted = 0, refused = 0;
  for (int i = 0; i < 2; ++i) {
    ledger_->accept({"a", 1}, StoredAnswer{204, ""}, kNow,
                    [&](Outcome<UploadRow> row) { ++(row ? accepted : refused); });
  }
  ASSERT_TRUE(loop_.wait_for([&] { return accepted + refused == 2; }));
  EXPECT_EQ(accepted, 1);
  EXPECT_EQ(find("a")->state, UploadState::accepted);
}

TEST_F(SqliteLedgerTest, EachIsClaimedOnceAtATime) {
  accept("a");
  accept("b");
  EXPECT_FALSE(claim(kNow - 1s)->has_value());
  EXPECT_FALSE(claim(kNow, "elsewhere")->has_value());
  EXPECT_EQ((*claim(kNow))->id, "a");
  EXPECT_EQ((*claim(kNow))->id, "b");
  EXPECT_FALSE(claim(kNow)->has_value());
  const auto due = [&] {
    return ask<std::optional<WallTime>>([&](auto done) { ledger_->next_due("in", std::move(done)); }).value();
  };
  EXPECT_EQ(due(), kNow + 30s);
  const auto overdue = [&](WallTime now) {
    return ask<std::size_t>([&](auto done) { ledger_->end_overdue(now, {}, std::move(done)); }).value();
  };
  EXPECT_EQ(overdue(kNow + 29s), 0U);
  ASSERT_TRUE(ask_row([&](auto done) { ledger_->renew("b", 1, kNow + 90s, std::move(done)); }));
  EXPECT_EQ(overdue(kNow + 30s), 1U);
  EXPECT_EQ(due(), kNow + 31s);
  const auto again = claim(kNow + 31s).value();
  EXPECT_EQ(again->id, "a");
  EXPECT_EQ(again->delivery->attempt, 2U);
  ASSERT_TRUE(ask_row([&](auto done) { ledger_->acknowledge("a", "ok", "", kNow + 32s, std::move(done)); }));
  ASSERT_TRUE(ask_row([&](auto done) { ledger_->acknowledge("a", "again", "", kNow + 33s, std::move(done)); }));
  EXPECT_EQ(find("a")->delivery->result, "ok") << "the first word counts";
  ASSERT_TRUE(ask_row([&](auto done) { ledger_->end_attempt("b", 1, "away", kNow + 40s, {}, std::move(done)); }));
  EXPECT_EQ(find("b")->delivery->next_at, kNow + 41s);
  ASSERT_TRUE(ask_row([&](auto done) {
    ledger_->reject("b", "no", {403, "not wanted"}, kNow + 50s, std::move(done));
  }));
  EXPECT_EQ(find("b")->answer->status, 403);
  EXPECT_FALSE(due());
}

TEST_F(SqliteLedgerTest, WhatIsOverIsRemovedAndForgotten) {
  accept("taken");
  accept("refused");
  ASSERT_TRUE(claim(kNow));
  ASSERT_TRUE(claim(kNow));
  ASSERT_TRUE(ask_row([&](auto done) { ledger_->acknowledge("taken", "", "", kNow, std::move(done)); }));
  ASSERT_TRUE(ask_row([&](auto done) { ledger_->reject("refused", "", {403, ""}, kNow, std::move(done)); }));
  ASSERT_TRUE(create(wanted("dropped")));
  ASSERT_TRUE(ask_row([&](auto done) { ledger_->cancel("dropped", "anna", kNow, std::move(done)); }));
  ASSERT_TRUE(create(wanted("open")));
  EXPECT_THAT(removable({kNow, kNow}), ElementsAre("dropped"));
  EXPECT_THAT(removable({kNow + 1s, kNow}), ElementsAre("dropped", "taken"));
  EXPECT_THAT(removable({kNow, kNow + 1s}), ElementsAre("dropped", "refused"));
  const auto forget = [&](WallTime before) {
    return ask<std::size_t>([&](auto done) { ledger_->forget(before, std::move(done)); }).value();
  };
  EXPECT_EQ(forget(kNow + 1s), 0U) << "their content is there yet";
  const auto noted = ask<std::size_t>([&](auto done) {
    ledger_->note_removed({"dropped", "taken", "open", "nobody"}, std::move(done));
  });
  EXPECT_EQ(noted.value(), 2U) << "an open upload keeps its content";
  EXPECT_THAT(removable({kNow + 1s, kNow}), IsEmpty());
  ListQuery with_content;
  with_content.with_content_only = true;
  EXPECT_THAT(ids(with_content), ElementsAre("open", "refused"));
  EXPECT_EQ(forget(kNow), 0U);
  EXPECT_EQ(forget(kNow + 1s), 2U);
  EXPECT_EQ(find("taken").error().problem, Problem::unknown_upload);
  EXPECT_TRUE(find("refused"));
}

TEST_F(SqliteLedgerTest, ListsArePages) {
  for (const char* id : {"a", "b", "c"}) ASSERT_TRUE(create(wanted(id)));
  accept("d");
  ListQuery query;
  query.limit = 2;
  EXPECT_THAT(ids(query), ElementsAre("a", "b"));
  query.after = "b";
  EXPECT_THAT(ids(query), ElementsAre("c", "d"));
  query = {};
  query.state = UploadState::accepted;
  EXPECT_THAT(ids(query), ElementsAre("d"));
  query = {};
  query.inbox = "elsewhere";
  EXPECT_THAT(ids(query), IsEmpty());
}

}  // namespace
}  // namespace larder::inbox
