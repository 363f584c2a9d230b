// The routes over the real ledger and real files, in virtual time.
#include "inbox/admin/admin_handlers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "inbox/ledger/sqlite_ledger.h"
#include "tests/support/temp_directory.h"
#include "tests/support/virtual_loop.h"

namespace larder::inbox {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using testing::HasSubstr;

class AdminHandlersTest : public testing::Test {
 protected:
  AdminHandlersTest() {
    auto opened = cache::Database::open(directory_ / "inbox.db", SqliteLedger::schema(), loop_);
    EXPECT_TRUE(opened);
    database_ = std::move(*opened);
    ledger_ = std::make_unique<SqliteLedger>(*database_);
    for (const auto& [name, way] : {std::pair("builds", HandOverWay::take), std::pair("other", HandOverWay::take),
                                    std::pair("files", HandOverWay::directory)}) {
      inboxes_.emplace_back();
      inboxes_.back().name = name;
      inboxes_.back().hand_over = way;
      inboxes_.back().max_reply = 1000;
    }
    handlers_ = std::make_unique<AdminHandlers>(AdminParts{
        *ledger_, *files_, *pool_, loop_.runtime(), [this](const std::string& id) { return directory_ / id; },
        [this](const std::string& name) -> const InboxConfig* {
          for (const InboxConfig& inbox : inboxes_)
            if (inbox.name == name) return &inbox;
          return nullptr;
        },
        [] { return AdminFigures{}; }, RetryRules{},
        [this](const std::string& id, const std::string& body, UniqueFunction<void(Status)> done) {
          keep(id, body, std::move(done));
        },
        [this](const UploadRow& row) { settled_.push_back(row.id); }});
  }
  ~AdminHandlersTest() override {
    pool_.reset();
    handlers_.reset();
  }

  http::Response ask(const char* method, const std::string& target, const std::string& body = {}, uid_t user = 7) {
    const auto match = match_admin_route(method, target);
    EXPECT_TRUE(match) << target;
    std::optional<http::Response> answer;
    if (match)
      handlers_->run({*match, body, user}, [&](http::Response response) { answer.emplace(std::move(response)); });
    EXPECT_TRUE(loop_.wait_for([&] { return answer.has_value(); })) << target;
    return answer ? std::move(*answer) : http::Response{};
  }
  json ask_json(const char* method, const std::string& target, const std::string& body = {}) {
    const http::Response response = ask(method, target, body);
    EXPECT_EQ(response.status, 200) << target << ": " << response.body;
    return json::parse(response.body, nullptr, false);
  }
  std::string error_of(const http::Response& response) {
    const json body = json::parse(response.body, nullptr, false);
    return std::to_string(response.status) + " " + body["error"]["code"].get<std::string>() + " " +
           body["error"]["text"].get<std::string>();
  }
  json take() { return ask_json("POST", "/v1/inboxes/builds/take?lease=60"); }

  void receive(const std::string& id, const std::string& inbox = "builds") {
    NewUpload upload;
    upload.id = id;
    upload.principal = "anna";
    upload.holder = "node";
    upload.request.inbox = inbox;
    upload.request.size = 3;
    upload.now = loop_.wall();
    upload.expires_at = loop_.wall() + 24h;
    bool made = false;
    ledger_->create(upload, [&](const Outcome<FoundOrMade>& row) { made = row.has_value(); });
    ASSERT_TRUE(loop_.wait_for([&] { return made; }));
  }
  void accept(const std::string& id, const std::string& inbox = "builds") {
    receive(id, inbox);
    bool sealed = false;
    ledger_->seal({id, 1}, {0, 3, sha256(as_bytes("abc")), loop_.wall(), StoredAnswer{204, ""}},
                  [&](const Outcome<UploadRow>& row) { sealed = row.has_value(); });
    ASSERT_TRUE(loop_.wait_for([&] { return sealed; }));
    std::ofstream(directory_ / id) << "abc";
    pass(1ms);  // the next one is younger
  }
  void pass(Duration time) { loop_.advance(time); }

  test::TempDirectory directory_;
  test::VirtualLoop loop_;
  std::unique_ptr<FileSystem> files_ = make_posix_file_system();
  std::unique_ptr<WorkerPool> pool_ = std::make_unique<WorkerPool>("disk", 1, 8);
  std::unique_ptr<cache::Database> database_;
  std::unique_ptr<SqliteLedger> ledger_;
  void keep(const std::string& id, const std::string& body, UniqueFunction<void(Status)> done) {
    if (!keeps_) return done(fail(ErrorCode::disk_full, "keep the reply", "no room"));
    kept_[id] = body;
    done({});
  }
  bool keeps_ = true;
  std::map<std::string, std::string> kept_;
  std::vector<std::string> settled_;
  std::vector<InboxConfig> inboxes_;
  std::unique_ptr<AdminHandlers> handlers_;
};

TEST_F(AdminHandlersTest, WhatWaitsLongestIsTakenAndIsTheTakersUntilItsLeaseEnds) {
  accept("b");
  accept("a");
  accept("c", "other");
  const json taken = take();
  EXPECT_EQ(taken["id"], "b");
  EXPECT_EQ(taken["attempt"], 1);
  EXPECT_EQ(taken["state"], "delivering");
  EXPECT_EQ(taken["holder"], "user 7");
  EXPECT_EQ(taken["sha256"], to_hex(sha256(as_bytes("abc"))));
  EXPECT_EQ(taken["lease_until"], format_time(loop_.wall() + 60s));
  EXPECT_EQ(take()["id"], "a") << "two takers never get the same one";
  const http::Response none = ask("POST", "/v1/inboxes/builds/take");
  EXPECT_EQ(none.status, 204) << "the one that waits is another inbox's";
  EXPECT_EQ(none.body, "");
}

TEST_F(AdminHandlersTest, ALeaseThatEndedIsSeenByTheNextTakeWithoutHousekeeping) {
  accept("a");
  EXPECT_EQ(take()["attempt"], 1);
  pass(60s);
  EXPECT_EQ(ask("POST", "/v1/inboxes/builds/take").status, 204) << "it waits a second before its second attempt";
  EXPECT_EQ(ask_json("GET", "/v1/uploads/a")["state"], "accepted");
  pass(1s);
  const json again = take();
  EXPECT_EQ(again["id"], "a");
  EXPECT_EQ(again["attempt"], 2);
}

TEST_F(AdminHandlersTest, AnAcknowledgementCountsOnceAndAlsoAfterTheLease) {
  accept("a");
  (void)take();
  pass(61s);
  (void)ask("POST", "/v1/inboxes/builds/take");
  const json acknowledged = ask_json("POST", "/v1/uploads/a/ack", R"({"result":"row 17"})");
  EXPECT_EQ(acknowledged["state"], "delivered");
  EXPECT_EQ(acknowledged["result"], "row 17");
  EXPECT_EQ(ask_json("POST", "/v1/uploads/a/ack")["result"], "row 17") << "a repetition changes nothing";
  pass(10min);
  EXPECT_EQ(ask("POST", "/v1/inboxes/builds/take").status, 204);
  EXPECT_THAT(error_of(ask("POST", "/v1/uploads/a/reject", R"({"reason":"late"})")), HasSubstr("409 invalid_state"));
}

TEST_F(AdminHandlersTest, ARejectionIsForGoodAndItsReasonIsKept) {
  accept("a");
  (void)take();
  const json rejected = ask_json("POST", "/v1/uploads/a/reject", R"({"reason":"no invoice"})");
  EXPECT_EQ(rejected["state"], "rejected");
  EXPECT_EQ(rejected["result"], "no invoice");
  EXPECT_EQ(rejected["answer"]["status"], 422);
  EXPECT_EQ(ask_json("POST", "/v1/uploads/a/reject", R"({"reason":"other"})")["result"], "no invoice");
  EXPECT_THAT(error_of(ask("POST", "/v1/uploads/a/ack")), HasSubstr("409 invalid_state"));
  EXPECT_THAT(error_of(ask("POST", "/v1/uploads/a/reject")), HasSubstr("400 invalid_argument"));
}

TEST_F(AdminHandlersTest, NobodySettlesWhatWasNotTaken) {
  accept("a");
  receive("r");
  for (const char* id : {"a", "r"}) {
    const std::string at = std::string("/v1/uploads/") + id;
    EXPECT_THAT(error_of(ask("POST", at + "/ack")), HasSubstr("409 invalid_state"));
    EXPECT_THAT(error_of(ask("POST", at + "/reject", R"({"reason":"no"})")), HasSubstr("409 invalid_state"));
    EXPECT_THAT(error_of(ask("POST", at + "/renew")), HasSubstr("409 invalid_state"));
  }
  EXPECT_EQ(take()["id"], "a") << "it was not settled by that";
}

TEST_F(AdminHandlersTest, ALeaseIsExtendedByWhoHasTheAttempt) {
  accept("a");
  (void)take();
  pass(50s);
  EXPECT_EQ(ask_json("POST", "/v1/uploads/a/renew?lease=120&attempt=1")["lease_until"],
            format_time(loop_.wall() + 120s));
  pass(119s);
  EXPECT_EQ(ask("POST", "/v1/inboxes/builds/take").status, 204);
  EXPECT_EQ(ask_json("GET", "/v1/uploads/a")["state"], "delivering");
  pass(1s);
  EXPECT_EQ(ask("POST", "/v1/inboxes/builds/take").status, 204);
  pass(1s);
  EXPECT_EQ(take()["attempt"], 2);
  EXPECT_THAT(error_of(ask("POST", "/v1/uploads/a/renew?attempt=1")), HasSubstr("409 invalid_state"))
      << "the first taker's attempt is over";
  EXPECT_EQ(ask_json("POST", "/v1/uploads/a/renew")["lease_until"], format_time(loop_.wall() + 600s))
      << "without a number it is the attempt under way";
}

TEST_F(AdminHandlersTest, AnotherWayToTheApplicationHasItsOwnWitness) {
  accept("a", "files");
  EXPECT_THAT(error_of(ask("POST", "/v1/inboxes/files/take")), HasSubstr("409 invalid_state"));
  EXPECT_THAT(error_of(ask("POST", "/v1/uploads/a/ack")), HasSubstr("handed over by a directory"));
  EXPECT_THAT(error_of(ask("POST", "/v1/uploads/a/reject", R"({"reason":"x"})")), HasSubstr("409"));
  EXPECT_THAT(error_of(ask("POST", "/v1/uploads/a/renew")), HasSubstr("409"));
  EXPECT_EQ(ask_json("GET", "/v1/uploads/a")["attempt"], 0);
}

TEST_F(AdminHandlersTest, WhatAnInboxLeftThatIsNotConfiguredAnyMoreCanBeSettled) {
  accept("a");
  (void)take();
  inboxes_.clear();
  EXPECT_EQ(ask_json("POST", "/v1/uploads/a/reject", R"({"reason":"gone"})")["state"], "rejected");
  EXPECT_THAT(error_of(ask("POST", "/v1/inboxes/builds/take")), HasSubstr("404 not_found"));
}

TEST_F(AdminHandlersTest, ListsArePagesOfTheirFilter) {
  accept("a");
  accept("b");
  accept("c", "other");
  receive("d");
  const json first = ask_json("GET", "/v1/uploads?limit=3");
  ASSERT_EQ(first["uploads"].size(), 3U);
  EXPECT_EQ(first["next"], "c");
  const json second = ask_json("GET", "/v1/uploads?limit=3&after=c");
  ASSERT_EQ(second["uploads"].size(), 1U);
  EXPECT_EQ(second["uploads"][0]["id"], "d");
  EXPECT_TRUE(second["next"].is_null());
  EXPECT_EQ(ask_json("GET", "/v1/uploads?inbox=other")["uploads"].size(), 1U);
  EXPECT_EQ(ask_json("GET", "/v1/uploads?state=receiving")["uploads"][0]["id"], "d");
}

TEST_F(AdminHandlersTest, WrongParametersAreSaid) {
  for (const char* target : {"/v1/uploads?limit=0", "/v1/uploads?limit=257", "/v1/uploads?limit=-1",
                             "/v1/uploads?limit=1x", "/v1/uploads?state=lost"})
    EXPECT_THAT(error_of(ask("GET", target)), HasSubstr("400 invalid_argument")) << target;
  for (const char* target : {"/v1/inboxes/builds/take?lease=0", "/v1/inboxes/builds/take?lease=604801",
                             "/v1/inboxes/builds/take?lease=", "/v1/uploads/a/renew?attempt=0"})
    EXPECT_THAT(error_of(ask("POST", target)), HasSubstr("400 invalid_argument")) << target;
  EXPECT_THAT(error_of(ask("GET", "/v1/uploads/nothing")), HasSubstr("404 not_found"));
}

TEST_F(AdminHandlersTest, TheContentStreamsOnceTheUploadIsAccepted) {
  accept("a");
  const http::Response response = ask("GET", "/v1/uploads/a/content");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.length, 3U);
  ASSERT_TRUE(response.stream);
  std::string got;
  bool ended = false;
  while (!ended) {
    bool came = false;
    response.stream->next([&](const Result<Buffer>& piece) {
      came = true;
      ASSERT_TRUE(piece);
      ended = piece->empty();
      got += http::as_text(piece->bytes());
    });
    ASSERT_TRUE(loop_.wait_for([&] { return came; }));
  }
  EXPECT_EQ(got, "abc");
}

TEST_F(AdminHandlersTest, ContentThatIsNotWholeIsNobodys) {
  receive("r");
  EXPECT_THAT(error_of(ask("GET", "/v1/uploads/r/content")), HasSubstr("409 invalid_state"));
  accept("short");
  std::ofstream(directory_ / "short") << "ab";
  EXPECT_THAT(error_of(ask("GET", "/v1/uploads/short/content")), HasSubstr("500 content_damaged"));
  accept("a");
  EXPECT_TRUE(files_->remove(directory_ / "a"));
  EXPECT_EQ(ask("GET", "/v1/uploads/a/content").status, 404);
  accept("old");
  (void)ask_json("POST", "/v1/inboxes/builds/take");  // "short"
  (void)ask_json("POST", "/v1/inboxes/builds/take");  // "a"
  (void)ask_json("POST", "/v1/inboxes/builds/take");
  (void)ask_json("POST", "/v1/uploads/old/ack");
  bool noted = false;
  ledger_->note_removed({"old"}, [&](const Outcome<std::size_t>& count) { noted = count == 1U; });
  ASSERT_TRUE(loop_.wait_for([&] { return noted; }));
  EXPECT_THAT(error_of(ask("GET", "/v1/uploads/old/content")), HasSubstr("404 not_found"));
}

TEST_F(AdminHandlersTest, ADiskThatTakesNothingMoreIsSaid) {
  accept("a");
  pool_ = std::make_unique<WorkerPool>("disk", 1, 0);
  handlers_ = std::make_unique<AdminHandlers>(AdminParts{
      *ledger_, *files_, *pool_, loop_.runtime(), [this](const std::string& id) { return directory_ / id; },
      [](const std::string&) -> const InboxConfig* { return nullptr; }, [] { return AdminFigures{}; }, RetryRules{}});
  EXPECT_THAT(error_of(ask("GET", "/v1/uploads/a/content")), HasSubstr("503 busy"));
}

TEST_F(AdminHandlersTest, FiguresAndHealth) {
  accept("a");
  const http::Response metrics = ask("GET", "/metrics");
  EXPECT_THAT(metrics.body, HasSubstr("larder_inbox_uploads{state=\"accepted\"} 1\n"));
  EXPECT_EQ(metrics.fields.back().value, "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_EQ(ask_json("GET", "/v1/healthz")["status"], "well");
}

TEST_F(AdminHandlersTest, AnAnswerThatComesAfterTheHandlersReachesNothing) {
  accept("a");
  bool came = false;
  handlers_->run({*match_admin_route("GET", "/v1/uploads/a"), "", 7}, [&](const http::Response&) { came = true; });
  handlers_.reset();
  bool asked = false;
  ledger_->totals([&](const Outcome<LedgerTotals>&) { asked = true; });
  ASSERT_TRUE(loop_.wait_for([&] { return asked; }));
  EXPECT_FALSE(came);
}

TEST_F(AdminHandlersTest, AReplyIsKeptBeforeTheAcknowledgementAndNotReplaced) {
  accept("a");
  EXPECT_THAT(error_of(ask("POST", "/v1/uploads/a/reply", "early")), HasSubstr("409 invalid_state"));
  EXPECT_TRUE(kept_.empty()) << "nobody has taken it";
  (void)take();
  EXPECT_THAT(error_of(ask("POST", "/v1/uploads/a/reply", std::string(2000, 'x'))),
              HasSubstr("max_reply of inbox builds"));
  const json delivered = ask_json("POST", "/v1/uploads/a/reply", std::string("bytes\0of it", 11));
  EXPECT_EQ(delivered["state"], "delivered");
  EXPECT_EQ(kept_["a"], std::string("bytes\0of it", 11));
  EXPECT_EQ(settled_, std::vector<std::string>{"a"});
  EXPECT_EQ(ask_json("POST", "/v1/uploads/a/reply", "another")["state"], "delivered") << "a repetition";
  EXPECT_EQ(kept_["a"], std::string("bytes\0of it", 11)) << "the client may have it already";
}

TEST_F(AdminHandlersTest, AReplyThatCannotBeKeptAcknowledgesNothing) {
  accept("a");
  (void)take();
  keeps_ = false;
  EXPECT_THAT(error_of(ask("POST", "/v1/uploads/a/reply", "reply")), HasSubstr("disk_full"));
  EXPECT_EQ(ask_json("GET", "/v1/uploads/a")["state"], "delivering");
  keeps_ = true;
  EXPECT_EQ(ask_json("POST", "/v1/uploads/a/reply", "reply")["state"], "delivered");
}

}  // namespace
}  // namespace larder::inbox
