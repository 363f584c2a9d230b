#include "client/sse_parser.h"

#include <gtest/gtest.h>

#include <vector>

namespace larder::agent {
namespace {

// In pieces of every size, since a network cuts where it likes.
std::vector<ServerEvent> parsed(const std::string& text, std::size_t piece) {
  SseParser parser;
  std::vector<ServerEvent> events;
  for (std::size_t i = 0; i < text.size(); i += piece)
    parser.feed(std::string_view(text).substr(i, piece), [&](const ServerEvent& event) { events.push_back(event); });
  return events;
}

class SseInPieces : public testing::TestWithParam<std::size_t> {};
INSTANTIATE_TEST_SUITE_P(Sizes, SseInPieces, testing::Values(1, 2, 3, 5, 7, 64, 100000));

TEST_P(SseInPieces, ReadsIdKindAndData) {
  const auto events =
      parsed("id: 7\nevent: job.state\ndata: {\"a\":1}\n\n: still here\n\nid: 8\ndata: x\n\n", GetParam());
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].id, "7");
  EXPECT_EQ(events[0].kind, "job.state");
  EXPECT_EQ(events[0].data, "{\"a\":1}");
  EXPECT_EQ(events[1].id, "8");
  EXPECT_EQ(events[1].kind, "message");
}

TEST_P(SseInPieces, TakesAllLineEnds) {
  const auto events = parsed("data: a\r\ndata: b\r\n\r\ndata: c\r\rdata: d\n\n", GetParam());
  ASSERT_EQ(events.size(), 3u);
  EXPECT_EQ(events[0].data, "a\nb");
  EXPECT_EQ(events[1].data, "c");
  EXPECT_EQ(events[2].data, "d");
}

TEST_P(SseInPieces, KeepsTheIdForLaterEvents) {
  const auto events = parsed("id: 1\ndata: a\n\ndata: b\n\n", GetParam());
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[1].id, "1");
}

TEST_P(SseInPieces, TellsNothingWithoutData) {
  EXPECT_TRUE(parsed("event: x\n\nid: 1\n\n:comment\n\n", GetParam()).empty());
  EXPECT_TRUE(parsed("data: cut off", GetParam()).empty());
  EXPECT_TRUE(parsed("data: cut off\n", GetParam()).empty());
}

TEST(SseParser, TakesOneBlankOffAndIgnoresUnknownFields) {
  const auto events = parsed("data:  two\nretry: 5\nnonsense\ndata\n\n", 3);
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].data, " two\n");
}

TEST(SseParser, SkipsAByteOrderMark) {
  EXPECT_EQ(parsed("\xEF\xBB\xBF"
                   "data: a\n\n",
                   1)
                .size(),
            1u);
}

TEST(SseParser, DropsWhatIsTooLongAndGoesOn) {
  SseParser parser;
  std::vector<ServerEvent> events;
  const auto sink = [&](const ServerEvent& event) { events.push_back(event); };
  parser.feed("data: " + std::string(SseParser::kMaxEvent + 10, 'x') + "\n\n", sink);
  EXPECT_TRUE(events.empty());
  EXPECT_EQ(parser.dropped(), 1u);
  // Many short lines of one event are bounded as well.
  for (std::size_t i = 0; i < SseParser::kMaxEvent / 1000 + 2; ++i)
    parser.feed("data: " + std::string(1000, 'y') + "\n", sink);
  parser.feed("\n", sink);
  EXPECT_TRUE(events.empty());
  EXPECT_EQ(parser.dropped(), 2u);
  parser.feed("data: good\n\n", sink);
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].data, "good");
}

}  // namespace
}  // namespace larder::agent
