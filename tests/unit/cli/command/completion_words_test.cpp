#include "agent/cli/command/completion_words.h"

#include <gtest/gtest.h>

namespace larder::agent {
namespace {

std::string words(std::string_view kind, const std::string& answer) {
  const auto lines = completion_words(kind, answer);
  return lines ? *lines : "error " + lines.error().text();
}

TEST(CompletionWords, OfEachKind) {
  EXPECT_EQ(words("jobs",
                  R"({"jobs":[{"id":"a1","state":"queued","name":"nightly"},{"id":"b2","state":"error","name":""}]})"),
            "a1\tqueued nightly\nb2\terror\n");
  EXPECT_EQ(
      words(
          "records",
          R"({"records":[{"id":"c3","versions":[{"url":"https://e/x"}]},{"id":"d4","state":"partial","versions":[]}],"next":null})"),
      "c3\thttps://e/x\nd4\tpartial\n");
  EXPECT_EQ(words("agents", R"({"peers":[{"id":"e5","name":"desk-12"},{"id":"f6","name":null}]})"),
            "e5\tdesk-12\nf6\n");
  EXPECT_EQ(words("hooks", R"({"hooks":["scan","virus-check"],"notify_commands":["mail"]})"), "scan\nvirus-check\n");
  EXPECT_EQ(words("notify", R"({"hooks":["scan"],"notify_commands":["mail"]})"), "mail\n");
}

TEST(CompletionWords, NothingIsMadeUp) {
  EXPECT_EQ(words("hooks", "{}"), "");
  EXPECT_EQ(words("hooks", R"({"hooks":[1,null,{},""]})"), "");
  EXPECT_EQ(words("jobs", R"({"jobs":["text",{"name":"without id"}]})"), "");
  EXPECT_TRUE(words("jobs", "no JSON").starts_with("error "));
  EXPECT_TRUE(words("jobs", "[]").starts_with("error "));
  EXPECT_TRUE(words("secrets", "{}").starts_with("error "));
}

// A job's name is its owner's, a URL the origin's: neither may add a line or drive the terminal that shows it.
TEST(CompletionWords, AreOfOneLineEach) {
  const std::string lines = words("jobs", R"({"jobs":[{"id":"a1","state":"queued","name":"x\ny\t\u001b[2J"}]})");
  EXPECT_EQ(lines.find('\n'), lines.size() - 1) << lines;
  EXPECT_EQ(lines.find('\x1b'), std::string::npos) << lines;
  EXPECT_EQ(lines.find('\t'), lines.rfind('\t')) << lines;
}

TEST(CompletionWords, EachKindHasARequest) {
  for (const char* kind : {"jobs", "records", "agents", "hooks", "notify"})
    EXPECT_NE(completion_target(kind), "") << kind;
  EXPECT_EQ(completion_target("x"), "");
}

}  // namespace
}  // namespace larder::agent
