#include "inbox/admin/admin_json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace larder::inbox {
namespace {

using nlohmann::json;

UploadRow whole_row() {
  UploadRow row;
  row.id = "abc";
  row.inbox = "builds";
  row.principal = "token:anna";
  row.key = "tx 1";
  row.dialect = Dialect::bits;
  row.name = "a.txt";
  row.metadata = "filename YQ==";
  row.url = "http://in/x";
  row.size = 6;
  row.offset = 6;
  row.computed = sha256(as_bytes("hello\n"));
  row.state = UploadState::delivering;
  row.created_at = row.progressed_at = WallTime{std::chrono::seconds(1)};
  row.answer = StoredAnswer{204, "done"};
  row.delivery.emplace();
  row.delivery->attempt = 2;
  row.delivery->accepted_at = WallTime{std::chrono::seconds(2)};
  row.delivery->lease_until = WallTime{std::chrono::seconds(3)};
  row.delivery->holder = "user 7";
  row.delivery->result = "busy";
  return row;
}

TEST(AdminJson, AnUploadIsShownWhole) {
  const json shown = json::parse(upload_json(whole_row()));
  EXPECT_EQ(shown["id"], "abc");
  EXPECT_EQ(shown["state"], "delivering");
  EXPECT_EQ(shown["dialect"], "bits");
  EXPECT_EQ(shown["sha256"], to_hex(sha256(as_bytes("hello\n"))));
  EXPECT_EQ(shown["attempt"], 2);
  EXPECT_EQ(shown["holder"], "user 7");
  EXPECT_EQ(shown["accepted_at"], "1970-01-01T00:00:02.000Z");
  EXPECT_EQ(shown["lease_until"], "1970-01-01T00:00:03.000Z");
  EXPECT_EQ(shown["result"], "busy");
  EXPECT_EQ(shown["url"], "http://in/x");
  EXPECT_EQ(shown["answer"]["status"], 204);
  EXPECT_TRUE(shown["expires_at"].is_null()) << "what is whole does not expire";
  EXPECT_TRUE(shown["settled_at"].is_null());
}

TEST(AdminJson, WhatIsNotKnownIsNull) {
  UploadRow row;
  row.expires_at = WallTime{std::chrono::seconds(9)};
  const json shown = json::parse(upload_json(row));
  for (const char* name : {"size", "sha256", "accepted_at", "settled_at", "next_at", "lease_until", "answer"})
    EXPECT_TRUE(shown.at(name).is_null()) << name;
  EXPECT_EQ(shown["expires_at"], "1970-01-01T00:00:09.000Z");
  EXPECT_EQ(shown["attempt"], 0);
}

TEST(AdminJson, AListLeavesOutWhatMayBeLong) {
  const json shown = json::parse(uploads_json({whole_row(), whole_row()}, "abc"));
  ASSERT_EQ(shown["uploads"].size(), 2U);
  for (const char* name : {"metadata", "url", "result", "answer"})
    EXPECT_FALSE(shown["uploads"][0].contains(name)) << name;
  EXPECT_EQ(shown["next"], "abc");
  EXPECT_TRUE(json::parse(uploads_json({}, ""))["next"].is_null());
}

TEST(AdminJson, TextThatIsNoUtf8IsRepaired) {
  UploadRow row = whole_row();
  row.delivery->result = "a\xff";
  EXPECT_EQ(json::parse(upload_json(row))["result"], "a\xef\xbf\xbd");
}

TEST(AdminJson, WhatIsSaidIsBounded) {
  EXPECT_EQ(parse_said(R"({"reason":"no"})", "reason", true).value(), "no");
  EXPECT_EQ(parse_said("  ", "result", false).value(), "");
  EXPECT_EQ(parse_said(R"({"reason":")" + std::string(kMaxReason, 'x') + R"("})", "reason", true)->size(), kMaxReason);
  for (const std::string& bad :
       {std::string(), std::string("no"), std::string("[]"), std::string("{}"), std::string(R"({"reason":""})"),
        std::string(R"({"reason":1})"), std::string(R"({"result":"no"})"), std::string(R"({"reason":"no","x":1})"),
        R"({"reason":")" + std::string(kMaxReason + 1, 'x') + R"("})", std::string(R"({"reason":"no"} {})")}) {
    const auto said = parse_said(bad, "reason", true);
    ASSERT_FALSE(said) << bad;
    EXPECT_EQ(said.error().code, ErrorCode::invalid_argument);
  }
}

TEST(AdminJson, ErrorsHaveTheStatusOfTheirCode) {
  const http::Response response = error_answer({ErrorCode::busy, "x", "later", std::chrono::seconds(3)});
  EXPECT_EQ(response.status, 503);
  const json body = json::parse(response.body);
  EXPECT_EQ(body["error"]["code"], "busy");
  EXPECT_EQ(body["error"]["text"], "cannot x: later");
  EXPECT_EQ(response.fields.back().name + response.fields.back().value, "Retry-After3");
}

TEST(AdminJson, WhatTheLedgerRefusesHasItsCode) {
  struct Case {
    Problem problem;
    int status;
    const char* code;
  };
  for (const Case& each :
       {Case{Problem::unknown_upload, 404, "not_found"}, Case{Problem::busy, 503, "busy"},
        Case{Problem::failed, 500, "database_error"}, Case{Problem::no_space, 507, "disk_full"},
        Case{Problem::superseded, 409, "invalid_state"}, Case{Problem::already_settled, 409, "invalid_state"}}) {
    const http::Response response = refused_answer({each.problem, "cannot do it", std::nullopt, std::nullopt});
    EXPECT_EQ(response.status, each.status);
    EXPECT_EQ(json::parse(response.body)["error"]["code"], each.code);
    EXPECT_EQ(json::parse(response.body)["error"]["text"], "cannot do it");
  }
}

}  // namespace
}  // namespace larder::inbox
