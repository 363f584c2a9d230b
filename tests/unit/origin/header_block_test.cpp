#include "origin/header_block.h"

#include <gtest/gtest.h>

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
  EXPECT_EQ(*head->find("etag"), "\"x\"");
  EXPECT_EQ(*head->find("x-a"), "b:c");
  EXPECT_EQ(*head->find("x-empty"), "");
  EXPECT_EQ(head->find("x-b"), nullptr);
}

TEST(HeaderBlock, KnowsVersions) {
  EXPECT_EQ(read({"HTTP/1.0 200 OK\n", "\n"})->version, 10);
  EXPECT_EQ(read({"HTTP/2 200 \r\n", "\r\n"})->version, 20);
  EXPECT_EQ(read({"HTTP/1.1 200\r\n", "\r\n"})->status, 200);
}

TEST(HeaderBlock, PassesOverInterimAnswers) {
  const auto head = read({"HTTP/1.1 100 Continue\r\n", "X: 1\r\n", "\r\n", "HTTP/1.1 200 OK\r\n", "Y: 2\r\n", "\r\n"});
  ASSERT_TRUE(head);
  EXPECT_EQ(head->find("x"), nullptr);
  EXPECT_EQ(*head->find("y"), "2");
}

TEST(HeaderBlock, JoinsContinuedLines) {
  EXPECT_EQ(*read({"HTTP/1.1 200 OK\r\n", "A: b\r\n", "  c\r\n", "\r\n"})->find("a"), "b c");
}

TEST(HeaderBlock, RefusesGames) {
  const std::vector<std::vector<std::string>> rows = {
      {"HTTP/1.1 200 OK\r\n", "A: b\rContent-Length: 5\r\n", "\r\n"},
      {"HTTP/1.1 200 OK\r\n", std::string("A: b\0c\r\n", 8), "\r\n"},
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

TEST(HeaderBlock, BoundsInterimAnswersToo) {
  HeaderBlock block;
  std::size_t accepted = 0;
  while (accepted < 10000 && block.add_line("HTTP/1.1 103 Early Hints\r\n") && block.add_line("\r\n")) ++accepted;
  EXPECT_LT(accepted, 3000U);
}

}  // namespace
}  // namespace larder::origin
