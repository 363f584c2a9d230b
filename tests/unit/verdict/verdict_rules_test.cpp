#include "agent/verdict/verdict_rules.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace larder::agent {
namespace {

TEST(JudgeDigest, Table) {
  const Digest a = sha256(as_bytes("a"));
  const Digest b = sha256(as_bytes("b"));
  struct Row {
    const char* what;
    std::optional<Digest> computed, wanted, origin;
    bool not_valid;
  };
  const Row rows[] = {
      {"nothing to compare", {}, {}, {}, false},
      {"nothing to compare with", a, {}, {}, false},
      {"the caller's, equal", a, a, {}, false},
      {"the caller's, different", a, b, {}, true},
      {"the origin's, equal", a, {}, a, false},
      {"the origin's, different", a, {}, b, true},
      {"the caller's decides over the origin's", a, a, b, false},
      {"the caller's decides also against", a, b, a, true},
  };
  for (const Row& row : rows) {
    Facts facts;
    facts.url = "http://h/x";
    facts.sha256 = row.computed;
    facts.wanted_sha256 = row.wanted;
    facts.origin_sha256 = row.origin;
    const auto judgement = judge_digest(facts);
    ASSERT_TRUE(judgement) << row.what;
    EXPECT_EQ(judgement->has_value(), row.not_valid) << row.what;
    if (!judgement->has_value()) continue;
    EXPECT_EQ((*judgement)->verdict, Verdict::not_valid);
    EXPECT_EQ((*judgement)->reason.code, ErrorCode::digest_mismatch);
    EXPECT_NE((*judgement)->reason.detail.find(to_hex(*row.computed)), std::string::npos);
  }
  Facts unknown;
  unknown.wanted_sha256 = a;
  const auto judgement = judge_digest(unknown);
  ASSERT_FALSE(judgement) << "a wanted digest that was not computed is no verdict";
  EXPECT_EQ(judgement.error().code, ErrorCode::internal);
}

TEST(JudgeDigest, SaysWhoWantsAnother) {
  const Digest a = sha256(as_bytes("a")), b = sha256(as_bytes("b"));
  Facts facts;
  facts.url = "http://h/x";
  facts.sha256 = a;
  facts.origin_sha256 = b;
  const auto detail = [&facts] { return judge_digest(facts)->value().reason.detail; };
  EXPECT_EQ(detail(), "its SHA-256 is " + to_hex(a) + ", the one that the origin promises is " + to_hex(b));
  facts.wanted_sha256 = b;
  EXPECT_EQ(detail(), "its SHA-256 is " + to_hex(a) + ", the one asked for is " + to_hex(b));
}

TEST(JudgeHook, Table) {
  using How = HookOutcome::How;
  struct Row {
    HookOutcome outcome;
    std::optional<Verdict> verdict;  // none: an error of the hook
    const char* says;
  };
  const Row rows[] = {
      {{How::exited, 0, "fine"}, Verdict::valid, ""},
      {{How::exited, 1, "\n  \nvirus found\nmore"}, Verdict::not_valid, "virus found"},
      {{How::exited, 1, ""}, Verdict::not_valid, "not valid"},
      {{How::exited, 2, "usage"}, std::nullopt, "status 2"},
      {{How::exited, 127, ""}, std::nullopt, "status 127"},
      {{How::signalled, 11, ""}, std::nullopt, "signal 11"},
      {{How::timed_out, 9, "scanning"}, std::nullopt, "longer than"},
  };
  for (const Row& row : rows) {
    const auto judgement = judge_hook("scan", std::chrono::seconds(5), row.outcome);
    EXPECT_EQ(judgement.has_value(), row.verdict.has_value()) << row.says;
    const std::string text = judgement ? judgement->reason.text() : judgement.error().text();
    EXPECT_TRUE(!judgement || judgement->verdict == *row.verdict);
    EXPECT_TRUE(judgement || judgement.error().code == ErrorCode::hook_failed);
    EXPECT_NE(text.find(row.says), std::string::npos) << text;
  }
}

TEST(JudgeHook, ItsReasonIsGivenWhereItHasOne) {
  const auto reason = [](const std::string& output) {
    const auto judgement = judge_hook("scan", std::chrono::seconds(5), {HookOutcome::How::exited, 1, output});
    EXPECT_EQ(judgement->reason.code, ErrorCode::validation_failed);
    return judgement->reason.detail;
  };
  EXPECT_EQ(reason("virus\n"), "the hook scan says that it is not valid: virus");
  EXPECT_EQ(reason(" \n"), "the hook scan says that it is not valid");
  const auto broken = judge_hook("scan", std::chrono::seconds(5), {HookOutcome::How::exited, 2, ""});
  EXPECT_EQ(broken.error().detail, "it ended with status 2, which is neither 0 (valid) nor 1 (not valid)");
  const auto late = judge_hook("scan", std::chrono::seconds(5), {HookOutcome::How::timed_out, 9, "page 7"});
  EXPECT_EQ(late.error().detail, "it took longer than 5s and was ended: page 7");
}

TEST(FirstLine, SaysSomethingPrintableAndBounded) {
  EXPECT_EQ(first_line("\n\n \n\x1b[31mred\r\nnext"), "[31mred");
  EXPECT_EQ(first_line(""), "");
  EXPECT_EQ(first_line("\n\n"), "");
  EXPECT_EQ(first_line(std::string(4096, 'x')).size(), 512U);
  EXPECT_EQ(first_line("\x01 a\x1f!\x7f~\n"), " a!~");
  EXPECT_EQ(first_line("one"), "one");
  EXPECT_EQ(first_line("\r\ntwo"), "two");
}

TEST(HookEnvironment, IsTheFactsAndLittleElse) {
  Facts facts;
  facts.url = "http://h/x y";
  facts.size = 7;
  facts.source = "mixed";
  facts.job_id = "j";
  facts.file_id = "j.0";
  const auto all = hook_environment(facts);
  for (const char* one : {"LARDER_URL=http://h/x y", "LARDER_SIZE=7", "LARDER_SOURCE=mixed", "LARDER_JOB=j",
                          "LARDER_FILE=j.0", "LARDER_CONTENT_FD=3", "LANG=C.UTF-8"}) {
    EXPECT_NE(std::find(all.begin(), all.end(), one), all.end()) << one;
  }
  EXPECT_EQ(all.size(), 8U);
  facts.sha256 = sha256(as_bytes("a"));
  EXPECT_EQ(hook_environment(facts).back(), "LARDER_SHA256=" + to_hex(*facts.sha256));
}

}  // namespace
}  // namespace larder::agent
