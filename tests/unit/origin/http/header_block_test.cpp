#include "origin/http/header_block.h"

#include <gtest/gtest.h>

#include "origin/http/http_fields.h"

namespace larder::origin {
namespace {

Result<HttpHead> read(const std::vector<std::string>& lines) {
  HeaderBlock block;
  for (const std::string& line : lines) {
    const auto event = block.add_line(line);
    if (!event) return tl::unexpected(event.error());
    if (*event == HeaderBlock::Event::complete && block.head().status >= 200) return block.take();
  }
  return fail(ErrorCode::internal, "read", "not complete");
}

TEST(HeaderBlock, ReadsAHead) {
  const auto head =
      read({"HTTP/1.1 206 Partial Content\r\n", "ETag:  \"x\" \r\n", "X-A: b:c\r\n", "x-empty:\r\n", "\r\n"});
  ASSERT_TRUE(head) << head.error().text();
  EXPECT_EQ(head->status, 206);
  EXPECT_EQ(head->version, 11);
  EXPECT_EQ(*head->find_field("etag"), "\"x\"");
  EXPECT_EQ(*head->find_field("x-a"), "b:c");
  EXPECT_EQ(*head->find_field("x-empty"), "");
  EXPECT_EQ(head->find_field("x-b"), nullptr);
}

TEST(HeaderBlock, KnowsVersions) {
  EXPECT_EQ(read({"HTTP/1.0 200 OK\n", "\n"})->version, 10);
  EXPECT_EQ(read({"HTTP/2 200 \r\n", "\r\n"})->version, 20);
  EXPECT_EQ(read({"HTTP/1.1 200\r\n", "\r\n"})->status, 200);
}

TEST(HeaderBlock, PassesOverInterimAnswers) {
  const auto head = read({"HTTP/1.1 100 Continue\r\n", "X: 1\r\n", "\r\n", "HTTP/1.1 200 OK\r\n", "Y: 2\r\n", "\r\n"});
  ASSERT_TRUE(head);
  EXPECT_EQ(head->find_field("x"), nullptr);
  EXPECT_EQ(*head->find_field("y"), "2");
}

TEST(HeaderBlock, JoinsContinuedLines) {
  EXPECT_EQ(*read({"HTTP/1.1 200 OK\r\n", "A: b\r\n", "  c\r\n", "\r\n"})->find_field("a"), "b c");
}

TEST(HeaderBlock, RefusesGames) {
  const std::vector<std::vector<std::string>> rows = {
      {"HTTP/1.1 200 OK\r\n", "A: b\rContent-Length: 5\r\n", "\r\n"},
      {"HTTP/1.1 200 OK\r\n", "Content-Length : 5\r\n", "\r\n"},
      {"HTTP/1.1 200 OK\r\n", " folded first\r\n", "\r\n"},
      // libcurl would not see the second line, and take the chunks' sizes for bytes of the file.
      {"HTTP/1.1 200 OK\r\n", "Transfer-Encoding:\r\n", " chunked\r\n", "\r\n"},
      {"HTTP/1.1 200 OK\r\n", "Transfer-Encoding: identity,\r\n", "\tchunked\r\n", "\r\n"},
      {"HTTP/1.1 200 OK\r\n", "Content-Length: 1\r\n", " 0\r\n", "\r\n"},
      {"HTTP/1.1 20x OK\r\n", "\r\n"},
      {"HTTP/1.1 2000 OK\r\n", "\r\n"},
      {"HTTP/1.1\r\n", "\r\n"},
      {"ICY 200 OK\r\n", "\r\n"},
      {"HTTP/1.1 200 OK\r\n", "A: " + std::string(70000, 'x') + "\r\n", "\r\n"},
  };
  for (const auto& lines : rows) {
    const auto head = read(lines);
    ASSERT_FALSE(head) << lines.front();
    EXPECT_EQ(head.error().code, ErrorCode::bad_response) << lines.front();
  }
}

// A line that is no field says nothing, wherever nothing hangs on it.
TEST(HeaderBlock, PassesOverWhatIsNoField) {
  for (const char* line :
       {"X Robots Tag: none", "X-Frame-Options : DENY",
        "X-A: a\x01"
        "b",
        "X-A: a\x7f", "X\x02-A: b", "<br />", "PHP Warning:  x in /y on line 5", "X-A: b\rX-B: c", ": no name",
        "Content Length: 7", "Content-Length", "\xc3\xa4: b", "Warning : Content-Length: 7", "(X): y", "X-A\t: b"}) {
    const auto head =
        read({"HTTP/1.1 200 OK\r\n", "Content-Length: 5\r\n", std::string(line) + "\r\n", "ETag: \"a\"\r\n", "\r\n"});
    ASSERT_TRUE(head) << line << ": " << head.error().text();
    EXPECT_EQ(*head->find_field("content-length"), "5") << line;
    EXPECT_EQ(*head->find_field("etag"), "\"a\"") << line;
    EXPECT_LE(head->headers.size(), 3U) << line;
  }
  EXPECT_TRUE(read({"HTTP/1.1 200 O\x01K\r\n", "\r\n"})) << "words for people";
}

TEST(HeaderBlock, RefusesWhatFramesOrIdentifiesUnlessItIsWellFormed) {
  for (const char* name : {"Content-Length", "transfer-encoding", "CONTENT-RANGE", "ETag", "Last-Modified", "Location",
                           "Content-Encoding", "Repr-Digest", "Digest", "IM"}) {
    const std::string field = name;
    for (const std::string& line :
         {field + " : 5", field + "\t: 5", " " + field + " : 5", field.substr(0, 2) + " " + field.substr(2) + ": 5",
          field + "\x01: 5", field + ": 5\x01", field + ": \x7f", "X-A: b\r" + field + ": 5",
          "X-A: b\x0b" + field + " : 5", "nothing\x0c" + field + ": 5", "\xc2\xa0" + field + ": 5"}) {
      if (line.front() == ' ') continue;  // a continued line
      const auto head = read({"HTTP/1.1 200 OK\r\n", line + "\r\n", "\r\n"});
      ASSERT_FALSE(head) << line;
      EXPECT_EQ(head.error().code, ErrorCode::bad_response) << line;
    }
  }
  for (const char* line : {"X-A: b\r\rbody", "X-A: b\r", "X-A: b\rHTTP/1.1 200 OK"}) {
    EXPECT_FALSE(read({"HTTP/1.1 200 OK\r\n", std::string(line) + "\r\n", "\r\n"})) << line;
  }
  EXPECT_FALSE(read({"HTTP/1.1 200 OK\rContent-Length: 5\r\n", "\r\n"}));
}

// What forbids something counts however it is written.
TEST(HeaderBlock, TakesForGivenWhatRestricts) {
  const auto head = read({"HTTP/1.1 200 OK\r\n", "Cache-Control : no-store\r\n", "Set-Cookie\t: a=b\r\n",
                          "Vary : *\r\n", "Cache-Control: priv\x01 private\r\n", "\r\n"});
  ASSERT_TRUE(head);
  EXPECT_EQ(find_all(head->headers, "cache-control").size(), 2U);
  EXPECT_EQ(*find_all(head->headers, "cache-control")[0], "no-store");
  EXPECT_EQ(*find_all(head->headers, "cache-control")[1], "priv  private");
  EXPECT_EQ(*head->find_field("set-cookie"), "a=b");
  EXPECT_EQ(*head->find_field("vary"), "*");
}

TEST(HeaderBlock, WhatContinuesALineThatIsNoneIsNone) {
  const auto head = read({"HTTP/1.1 200 OK\r\n", "Content-Length: 5\r\n", "X Y: z\r\n", " 6\r\n", "ETag: \"a\"\r\n",
                          "no colon\r\n", "\t\"b\"\r\n", "\r\n"});
  ASSERT_TRUE(head) << head.error().text();
  EXPECT_EQ(*head->find_field("content-length"), "5");
  EXPECT_EQ(*head->find_field("etag"), "\"a\"");
  EXPECT_FALSE(read({"HTTP/1.1 200 OK\r\n", "ETag: \"a\"\r\n", " \x01\r\n", "\r\n"}));
}

TEST(HeaderBlock, BoundsInterimAnswersToo) {
  HeaderBlock block;
  std::size_t accepted = 0;
  while (accepted < 10000 && block.add_line("HTTP/1.1 103 Early Hints\r\n") && block.add_line("\r\n")) ++accepted;
  EXPECT_LT(accepted, 3000U);
}

}  // namespace
}  // namespace larder::origin
