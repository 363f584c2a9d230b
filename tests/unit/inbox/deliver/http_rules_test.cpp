#include "inbox/deliver/http_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace larder::inbox {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::Each;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;
using Kind = AttemptEnd::Kind;

const WallTime kNow{784111777s};  // Sun, 06 Nov 1994 08:49:37 GMT

UploadRow called_row() {
  UploadRow row;
  row.id = "abc";
  row.inbox = "in";
  row.principal = "anna";
  row.key = "t-1";
  row.name = "Bericht \"\xc3\xa4\".pdf";
  row.url = "http://inbox.example/in/in/t-1/x?y=z";
  row.size = 5;
  row.computed = sha256(as_bytes("bytes"));
  row.delivery = DeliveryRow{};
  row.delivery->attempt = 3;
  return row;
}

TEST(HttpRules, TheApplicationIsToldWhichUploadItIs) {
  const auto fields = call_fields(called_row(), std::nullopt);
  EXPECT_THAT(fields, Contains("Idempotency-Key: \"abc\""));
  EXPECT_THAT(fields, Contains("BITS-Original-Request-URL: http://inbox.example/in/in/t-1/x?y=z"));
  EXPECT_THAT(fields, Contains("Larder-Attempt: 3"));
  EXPECT_THAT(fields, Contains("Larder-Inbox: in"));
  EXPECT_THAT(fields, Contains("Larder-Principal: anna"));
  EXPECT_THAT(fields, Contains("Larder-Transaction: t-1"));
  EXPECT_THAT(fields, Contains("Larder-Upload-Size: 5"));
  const std::string digest = "sha-256=:" + to_base64(Bytes(sha256(as_bytes("bytes")))) + ":";
  EXPECT_THAT(fields, Contains("Larder-Upload-Digest: " + digest));
  EXPECT_THAT(fields, Contains("Repr-Digest: " + digest));
  EXPECT_THAT(fields, Contains("Content-Disposition: attachment; filename*=UTF-8''Bericht%20%22%C3%A4%22.pdf"));
  EXPECT_THAT(fields, Each(Not(HasSubstr("DataFile"))));
}

TEST(HttpRules, ByReferenceTheFileIsNamedAndNotDescribedAsTheContent) {
  const auto fields = call_fields(called_row(), NamedFile{"/app/ready/abc.x", "/app/reply/abc.x"});
  EXPECT_THAT(fields, Contains("BITS-Request-DataFile-Name: /app/ready/abc.x"));
  EXPECT_THAT(fields, Contains("BITS-Response-DataFile-Name: /app/reply/abc.x"));
  EXPECT_THAT(fields, Each(Not(StartsWith("Repr-Digest"))));
}

TEST(HttpRules, NoFieldCarriesAnother) {
  UploadRow row = called_row();
  row.url = "http://h/\r\nX-Evil: 1";
  row.key = "a\nb";
  row.name = "a\r\nX-Evil: 1";
  for (const std::string& field : call_fields(row, NamedFile{"/a\nb", "/c"})) {
    EXPECT_EQ(field.find_first_of("\r\n"), std::string::npos) << field;
    EXPECT_THAT(field, Not(StartsWith("Larder-Transaction")));
  }
}

CallAnswer answered(int status, std::string body = "") {
  CallAnswer answer;
  answer.status = status;
  answer.body = std::move(body);
  return answer;
}

TEST(HttpRules, WhatAStatusMeans) {
  for (int status = 100; status < 600; ++status) {
    const AttemptEnd end = end_of_call(answered(status, "why\nmore"), kNow);
    const bool again = status < 200 || (status >= 300 && status < 400) || status >= 500 || status == 408 ||
                       status == 409 || status == 425 || status == 429;
    EXPECT_EQ(end.kind, status >= 200 && status < 300 ? Kind::took : again ? Kind::again : Kind::refused) << status;
    EXPECT_THAT(end.result, StartsWith("the application answered " + std::to_string(status)));
    if (end.kind == Kind::refused) {
      EXPECT_EQ(end.status, status);
      EXPECT_EQ(end.result, "the application answered " + std::to_string(status) + ": why");
    }
  }
  EXPECT_THAT(end_of_call(answered(302), kNow).result, HasSubstr("redirects are not followed"));
  CallAnswer none;
  none.problem = "cannot call the application: nobody listens";
  EXPECT_EQ(end_of_call(none, kNow).kind, Kind::again);
  EXPECT_EQ(end_of_call(none, kNow).result, none.problem);
}

TEST(HttpRules, ALongAnswerOfControlCharactersIsShortForPeople) {
  const AttemptEnd end = end_of_call(answered(400, "\x1b[31m" + std::string(100'000, 'a')), kNow);
  EXPECT_LT(end.result.size(), 1100U);
  EXPECT_EQ(end.result.find('\x1b'), std::string::npos);
}

TEST(HttpRules, TheWishToBeCalledLaterIsHeard) {
  struct Case {
    const char* value;
    std::chrono::seconds wait;
  };
  for (const Case& each : std::vector<Case>{{"7", 7s},
                                            {" 120 ", 120s},
                                            {"99999", 3600s},
                                            {"99999999999999999999", 3600s},
                                            {"Sun, 06 Nov 1994 08:50:07 GMT", 30s},
                                            {"Sun, 06 Nov 1994 08:00:00 GMT", 0s},
                                            {"-7", 0s},
                                            {"soon", 0s},
                                            {"", 0s}}) {
    CallAnswer answer = answered(503);
    answer.retry_after = each.value;
    EXPECT_EQ(end_of_call(answer, kNow).retry_after, each.wait) << each.value;
  }
}

TEST(HttpRules, TheReplyIsTheStaticUrlElseTheBody) {
  const AttemptEnd body = end_of_call(answered(200, "a reply\nin lines"), kNow);
  EXPECT_EQ(body.reply, "a reply\nin lines");
  EXPECT_EQ(end_of_call(answered(204), kNow).reply, std::nullopt);

  CallAnswer named = answered(200, "a body");
  named.static_url = "https://app.example/r/1";
  EXPECT_EQ(end_of_call(named, kNow).reply_url, "https://app.example/r/1");
  EXPECT_EQ(end_of_call(named, kNow).reply, std::nullopt);
  for (const std::string& wrong : {std::string("/relative"), std::string("ftp://h/"), std::string("http:///x"),
                                   std::string("http://h/a b"), "http://" + std::string(2200, 'h')}) {
    named.static_url = wrong;
    EXPECT_EQ(end_of_call(named, kNow).reply_url, "") << wrong;
    EXPECT_EQ(end_of_call(named, kNow).reply, "a body");
    EXPECT_THAT(end_of_call(named, kNow).result, HasSubstr("BITS-Static-Response-URL"));
  }

  CallAnswer large = answered(200, "cut");
  large.body_too_large = true;
  EXPECT_EQ(end_of_call(large, kNow).kind, Kind::took) << "it has the file";
  EXPECT_EQ(end_of_call(large, kNow).reply, std::nullopt);
  EXPECT_THAT(end_of_call(large, kNow).result, HasSubstr("max_reply"));
}

}  // namespace
}  // namespace larder::inbox
