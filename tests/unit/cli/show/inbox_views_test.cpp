#include "agent/cli/show/inbox_views.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace larder::agent {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kUpload = R"({"id":"abc","inbox":"builds","state":"delivering","name":"a.txt","size":3,
  "offset":3,"sha256":"00","principal":"token:anna","key":"tx","dialect":"tus","created_at":"T1","progressed_at":"T1",
  "expires_at":null,"accepted_at":"T2","settled_at":null,"attempt":2,"holder":"user 7","next_at":null,
  "lease_until":"T3","has_content":true,"metadata":"","url":"http://in/","result":"busy","answer":null,"newer":[1]})";

TEST(InboxViews, AnUploadIsRead) {
  const auto view = parse_upload(kUpload);
  ASSERT_TRUE(view) << view.error().text();
  EXPECT_EQ(view->id + " " + view->state + " " + view->name, "abc delivering a.txt");
  EXPECT_EQ(view->size, 3U);
  EXPECT_EQ(view->attempt, 2U);
  EXPECT_EQ(view->lease_until, "T3");
  EXPECT_EQ(view->settled_at, "");
}

TEST(InboxViews, WhatIsNoUploadIsAnError) {
  for (const char* bad :
       {"", "[]", "{}", R"({"id":1,"inbox":"b","state":"s"})", R"({"id":"a","inbox":"b","state":"s","size":"3"})"}) {
    const auto view = parse_upload(bad);
    ASSERT_FALSE(view) << bad;
    EXPECT_EQ(view.error().code, ErrorCode::agent_answer_invalid);
  }
  EXPECT_FALSE(parse_uploads(R"({"uploads":{}})"));
  EXPECT_FALSE(taken_report("[]", "x"));
}

TEST(InboxViews, APageOfUploadsSaysWhereItGoesOn) {
  const auto view = parse_uploads(R"({"uploads":[)" + std::string(kUpload) + R"(],"next":"abc"})");
  ASSERT_TRUE(view) << view.error().text();
  EXPECT_THAT(uploads_table(*view), HasSubstr("more: --after abc"));
  EXPECT_THAT(uploads_table(*view), HasSubstr("a.txt"));
  EXPECT_EQ(uploads_table(UploadsView{}), "no uploads");
}

TEST(InboxViews, AnUploadThatIsReceivedShowsHowFarItIs) {
  UploadView view;
  view.state = "receiving";
  view.offset = 1024;
  EXPECT_THAT(upload_page(view), HasSubstr("1.00 KiB of ?"));
  view.size = 2048;
  EXPECT_THAT(upload_page(view), HasSubstr("1.00 KiB of 2.00 KiB"));
}

TEST(InboxViews, WordsOfOthersCannotSteerTheTerminal) {
  UploadView view;
  view.id = "a\x1b[2J";
  view.name = "b\x1b]0;x\x07";
  view.result = "c\r\nfake";
  UploadsView page;
  page.uploads.push_back(view);
  for (const std::string& text : {upload_page(view), upload_line(view), uploads_table(page)}) {
    EXPECT_THAT(text, Not(HasSubstr("\x1b")));
    EXPECT_THAT(text, Not(HasSubstr("\r")));
  }
}

TEST(InboxViews, BodiesAndTheReport) {
  EXPECT_EQ(reject_body("a \"b\""), R"({"reason":"a \"b\""})");
  EXPECT_EQ(ack_body(""), "");
  EXPECT_EQ(ack_body("x"), R"({"result":"x"})");
  EXPECT_EQ(taken_report(R"({"id":"a"})", "/x/a").value(), R"({"id":"a","file":"/x/a"})");
}

}  // namespace
}  // namespace larder::agent
