#include "client/response_reader.h"

#include <gtest/gtest.h>

namespace larder::agent {
namespace {

struct Outcome {
  bool good = true;
  bool done = false;
  bool keep_alive = false;
  int status = 0;
  std::string body;
  std::size_t used = 0;
  ErrorCode code = ErrorCode::internal;
};

Outcome read(const std::string& text, std::size_t piece, bool ends = false) {
  ResponseReader reader;
  Outcome outcome;
  const auto sink = [&](std::string_view bytes) { outcome.body.append(bytes); };
  for (std::size_t i = 0; i < text.size() && !reader.done(); i += piece) {
    const auto used = reader.feed(std::string_view(text).substr(i, piece), sink);
    if (!used) return {false, false, false, 0, outcome.body, outcome.used, used.error().code};
    outcome.used += *used;
  }
  if (ends)
    if (const auto ended = reader.end_input(); !ended)
      return {false, false, false, 0, outcome.body, 0, ended.error().code};
  outcome.done = reader.done();
  outcome.status = reader.head().status;
  outcome.keep_alive = reader.keep_alive();
  return outcome;
}

class ResponseInPieces : public testing::TestWithParam<std::size_t> {};
INSTANTIATE_TEST_SUITE_P(Sizes, ResponseInPieces, testing::Values(1, 2, 3, 7, 19, 4096));

TEST_P(ResponseInPieces, ReadsABodyOfKnownLength) {
  const auto outcome = read("HTTP/1.1 201 Created\r\nContent-Length: 5\r\nX: y\r\n\r\nhello", GetParam());
  EXPECT_TRUE(outcome.good && outcome.done && outcome.keep_alive);
  EXPECT_EQ(outcome.status, 201);
  EXPECT_EQ(outcome.body, "hello");
}

TEST_P(ResponseInPieces, ABodyMayBeginWithBlankAndOddLines) {
  for (const std::string body : {"\r\n\r\n", "\r\n x", "\nx\n", "\r\nx\n"}) {
    const auto outcome =
        read("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body, GetParam());
    EXPECT_TRUE(outcome.good && outcome.done);
    EXPECT_EQ(outcome.body, body);
  }
}

TEST_P(ResponseInPieces, ReadsChunks) {
  const auto outcome = read(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nTrailer: t\r\n\r\n",
      GetParam());
  EXPECT_TRUE(outcome.good && outcome.done);
  EXPECT_EQ(outcome.body, "hello world");
}

TEST_P(ResponseInPieces, ReadsToTheEndOfTheConnection) {
  const std::string text = "HTTP/1.1 200 OK\r\n\r\nall of it";
  EXPECT_FALSE(read(text, GetParam()).done);
  const auto outcome = read(text, GetParam(), true);
  EXPECT_TRUE(outcome.done);
  EXPECT_FALSE(outcome.keep_alive);
  EXPECT_EQ(outcome.body, "all of it");
}

TEST_P(ResponseInPieces, SkipsInterimAnswers) {
  const auto outcome =
      read("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n", GetParam());
  EXPECT_TRUE(outcome.done);
  EXPECT_EQ(outcome.status, 204);
  EXPECT_FALSE(outcome.keep_alive);
}

TEST_P(ResponseInPieces, NoticesAnEndMidway) {
  for (const char* text : {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", "HTTP/1.1 200 O",
                           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"}) {
    const auto outcome = read(text, GetParam(), true);
    EXPECT_FALSE(outcome.good) << text;
    EXPECT_EQ(outcome.code, ErrorCode::agent_unreachable) << text;
  }
}

TEST_P(ResponseInPieces, RefusesWhatIsNotAnHttpAnswer) {
  const std::string many_headers = [] {
    std::string text = "HTTP/1.1 200 OK\r\n";
    for (std::size_t i = 0; i <= ResponseReader::kMaxHeaders; ++i) text += "a: b\r\n";
    return text + "\r\n";
  }();
  const std::string cases[] = {
      "SSH-2.0-OpenSSH\r\n\r\n",
      "HTTP/2 200 OK\r\n\r\n",
      "HTTP/1.1 99 x\r\n\r\n",
      "HTTP/1.1 600 x\r\n\r\n",
      "HTTP/1.1 2000\r\n\r\n",
      "HTTP/1.1 200 OK\n\n",
      "\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551616\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
      "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
      "HTTP/1.1 200 OK\r\n folded: x\r\n\r\n",
      "HTTP/1.1 200 OK\r\na: x\r\n y\r\n\r\n",
      "HTTP/1.1 200 OK\r\na: x\n\r\n",
      "HTTP/1.1 200 OK\r\na b: x\r\n\r\n",
      "HTTP/1.1 200 OK\r\na: x\ry\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloworld\r\n",
      "HTTP/1.1 200 OK\r\nX: " + std::string(ResponseReader::kMaxHead, 'x') + "\r\n\r\n",
      many_headers,
  };
  for (const std::string& text : cases) {
    const auto outcome = read(text, GetParam());
    EXPECT_FALSE(outcome.good) << text.substr(0, 80);
    EXPECT_EQ(outcome.code, ErrorCode::agent_answer_invalid) << text.substr(0, 80);
  }
}

// The parser has a limit of 8 MiB of its own, where it is told none.
TEST(ResponseReader, ReadsALargeBody) {
  const std::string body(9 * 1024 * 1024, 'x');
  const auto outcome = read("HTTP/1.1 200 OK\r\nContent-Length: 9437184\r\n\r\n" + body, 64 * 1024);
  EXPECT_TRUE(outcome.good && outcome.done);
  EXPECT_EQ(outcome.body.size(), body.size());
}

TEST(ResponseReader, LeavesWhatComesAfterIt) {
  ResponseReader reader;
  const std::string text = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200";
  const auto used = reader.feed(text, {});
  ASSERT_TRUE(used);
  EXPECT_EQ(text.substr(*used), "HTTP/1.1 200");
}

TEST(ResponseReader, FindsHeadersInLowerCase) {
  ResponseReader reader;
  ASSERT_TRUE(reader.feed("HTTP/1.1 200 OK\r\nContent-TYPE:  a/b \r\nContent-Length: 0\r\n\r\n", {}));
  ASSERT_NE(reader.head().find_field("content-type"), nullptr);
  EXPECT_EQ(*reader.head().find_field("content-type"), "a/b");
  EXPECT_EQ(reader.head().find_field("etag"), nullptr);
}

}  // namespace
}  // namespace larder::agent
