#include "inbox/deliver/program_hand_over.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/temp_directory.h"
#include "tests/support/virtual_loop.h"

namespace larder::inbox {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::HasSubstr;
using Kind = AttemptEnd::Kind;

UploadRow sample() {
  UploadRow row;
  row.id = "abc";
  row.inbox = "in";
  row.principal = "anna";
  row.name = "a name\nof two lines";
  row.size = 5;
  row.computed = sha256(as_bytes("bytes"));
  row.delivery = DeliveryRow{};
  row.delivery->attempt = 3;
  return row;
}

TEST(ProgramHandOver, TheProgramIsToldWhatItIs) {
  const auto environment =
      program_environment({"abc", "in", "anna", "a name\nof two lines", 5, sha256(as_bytes("bytes")), 3});
  EXPECT_THAT(environment, Contains("LARDER_UPLOAD_ID=abc"));
  EXPECT_THAT(environment, Contains("LARDER_ATTEMPT=3"));
  EXPECT_THAT(environment, Contains("LARDER_INBOX=in"));
  EXPECT_THAT(environment, Contains("LARDER_PRINCIPAL=anna"));
  EXPECT_THAT(environment, Contains("LARDER_NAME=a name\nof two lines"));
  EXPECT_THAT(environment, Contains("LARDER_SIZE=5"));
  EXPECT_THAT(environment, Contains("LARDER_SHA256=" + to_hex(sha256(as_bytes("bytes")))));
}

TEST(ProgramHandOver, WhatItsEndMeans) {
  using How = HookOutcome::How;
  struct Case {
    Result<HookOutcome> outcome;
    Kind kind;
    const char* says;
  };
  const std::vector<Case> cases = {
      {HookOutcome{How::exited, 0, "thanks\nmore"}, Kind::took, "thanks"},
      {HookOutcome{How::exited, 1, "a virus\n"}, Kind::refused, "a virus"},
      {HookOutcome{How::exited, 1, ""}, Kind::refused, "refused"},
      {HookOutcome{How::exited, 2, "database away"}, Kind::again, "status 2: database away"},
      {HookOutcome{How::exited, 127, ""}, Kind::again, "status 127"},
      {HookOutcome{How::signalled, 11, ""}, Kind::again, "signal 11"},
      {HookOutcome{How::timed_out, 0, "half"}, Kind::again, "ended after 2 s"},
      {fail(ErrorCode::hook_failed, "run it", "no such program"), Kind::again, "no such program"},
  };
  for (const Case& each : cases) {
    const AttemptEnd end = end_of_program(each.outcome, 1500ms);
    EXPECT_EQ(end.kind, each.kind) << each.says;
    EXPECT_THAT(end.result, HasSubstr(each.says));
  }
}

class ProgramHandOverTest : public testing::Test {
 protected:
  AttemptEnd run(const std::string& script, bool resumed = false) {
    ProgramHandOver hand_over(
        {"in", {"/bin/sh", "-c", script}, 20s, 0}, [this](const std::string&) { return content_; }, loop_.runtime(),
        runner_);
    std::optional<AttemptEnd> ended;
    hand_over.begin(sample(), resumed, [&](AttemptEnd what) { ended = std::move(what); });
    EXPECT_FALSE(ended) << "never within the call";
    EXPECT_TRUE(loop_.wait_for([&] { return ended.has_value(); }));
    return ended.value_or(AttemptEnd{});
  }
  test::TempDirectory directory_;
  const std::string content_ = directory_ / "content";
  test::VirtualLoop loop_;
  HookRunner runner_{loop_};
};

TEST_F(ProgramHandOverTest, ItReadsTheFileAndAnswers) {
  std::ofstream(content_) << "bytes";
  const AttemptEnd took = run("test \"$(cat <&3)\" = bytes && echo got $LARDER_UPLOAD_ID of $LARDER_PRINCIPAL");
  EXPECT_EQ(took.kind, Kind::took) << took.result;
  EXPECT_EQ(took.result, "got abc of anna");
  EXPECT_EQ(run("cat > /dev/null; exit 1").kind, Kind::refused);
  EXPECT_EQ(run("exit 3").kind, Kind::again);
}

TEST_F(ProgramHandOverTest, WhatItLeavesInTheFileIsTheReply) {
  std::ofstream(content_) << "bytes";
  const std::string said = directory_ / "said";
  WorkerPool pool("test", 1, 4);
  const auto run_with_reply = [&](const std::string& script) {
    ProgramHandOver hand_over(
        {"in", {"/bin/sh", "-c", script}, 20s, 10}, [this](const std::string&) { return content_; }, loop_.runtime(),
        runner_, [&](const std::string&) { return said; }, &pool);
    std::optional<AttemptEnd> ended;
    hand_over.begin(sample(), false, [&](AttemptEnd what) { ended = std::move(what); });
    EXPECT_TRUE(loop_.wait_for([&] { return ended.has_value(); }));
    EXPECT_FALSE(std::ifstream(said)) << script;
    return ended.value_or(AttemptEnd{});
  };
  EXPECT_EQ(run_with_reply("printf reply > \"$LARDER_REPLY_FILE\"; echo done").reply, "reply");
  EXPECT_EQ(run_with_reply("exit 0").reply, std::nullopt);
  const AttemptEnd large = run_with_reply("printf 'more than ten bytes' > \"$LARDER_REPLY_FILE\"");
  EXPECT_EQ(large.kind, Kind::took);
  EXPECT_EQ(large.reply, std::nullopt);
  EXPECT_THAT(large.result, HasSubstr("reply is lost"));
  std::ofstream(said) << "of an attempt that was broken off";
  EXPECT_EQ(run_with_reply("exit 0").reply, std::nullopt);
}

TEST_F(ProgramHandOverTest, AContentThatIsMissingIsTriedAgain) {
  const AttemptEnd end = run("exit 0");
  EXPECT_EQ(end.kind, Kind::again);
  EXPECT_THAT(end.result, HasSubstr("No such file"));
}

TEST_F(ProgramHandOverTest, AnAttemptOfAProcessThatEndedIsAnotherAttempt) {
  std::ofstream(content_) << "bytes";
  const AttemptEnd end = run("touch " + directory_ / "ran", true);
  EXPECT_EQ(end.kind, Kind::again);
  EXPECT_FALSE(std::ifstream(directory_ / "ran")) << "the ledger counts the attempt first";
}

}  // namespace
}  // namespace larder::inbox
