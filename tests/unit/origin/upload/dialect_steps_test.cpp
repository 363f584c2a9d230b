#include "origin/upload/dialect_steps.h"

#include <gmock/gmock.h>

#include "upload_bench.h"

namespace larder::origin {
namespace {

using test::answer_of;
using test::no_answer;
using test::UploadBench;
using test::words_of;
using testing::HasSubstr;

TEST(dialect_steps, statuses_at_the_edges_of_their_classes) {
  const std::pair<int, Heard> cases[] = {{199, Heard::refused},   {200, Heard::success}, {299, Heard::success},
                                         {300, Heard::refused},   {499, Heard::refused}, {500, Heard::transient},
                                         {599, Heard::transient}, {600, Heard::refused}};
  for (const auto& [status, heard] : cases) EXPECT_EQ(hear_answer(answer_of(status)), heard) << status;
}

TEST(dialect_steps, a_redirect_needs_a_place_and_keeps_the_method) {
  for (const int status : {300, 301, 302, 303, 304, 305, 307, 308}) {
    const bool followed = status == 301 || status == 302 || status == 307 || status == 308;
    EXPECT_EQ(hear_answer(answer_of(status, {{"Location", "/x"}})), followed ? Heard::redirect : Heard::refused);
    EXPECT_EQ(hear_answer(answer_of(status)), Heard::refused) << status;
  }
}

TEST(dialect_steps, the_dialects_own_words_go_first) {
  constexpr StatusWord kWords[] = {{404, Heard::damaged}};
  EXPECT_EQ(hear_answer(answer_of(404), kWords), Heard::damaged);
  EXPECT_EQ(hear_answer(answer_of(410), kWords), Heard::gone);
}

// An empty file is sent with the head of its request.
TEST(dialect_steps, errors_before_the_request_leave_no_doubt) {
  const std::pair<ErrorCode, bool> cases[] = {{ErrorCode::network_unreachable, false},
                                              {ErrorCode::name_not_resolved, false},
                                              {ErrorCode::connect_failed, false},
                                              {ErrorCode::tls_failed, false},
                                              {ErrorCode::certificate_rejected, false},
                                              {ErrorCode::connection_lost, true},
                                              {ErrorCode::timed_out, true},
                                              {ErrorCode::bad_response, true}};
  for (const auto& [code, sent] : cases) {
    UploadBench bench(test::plan_for(UploadDialect::put, 0));
    bench.start();
    note_sent(bench.progress, bench.plan, no_answer(code));
    EXPECT_EQ(bench.progress.last_byte_sent, sent) << error_info(code).name;
  }
}

TEST(dialect_steps, what_is_waited_out_is_retryable_and_what_fails_is_not) {
  UploadBench bench(test::plan_for(UploadDialect::tus, 10));
  for (const ErrorInfo& row : error_table()) {
    const Error error{row.code, "", "", std::nullopt};
    EXPECT_TRUE(error_info(send_later(bench.turn(), {}, error).error->code).retryable) << row.name;
    EXPECT_FALSE(error_info(failed_step(error).error->code).retryable) << row.name;
    const ErrorCode kept =
        row.retryable ? send_later(bench.turn(), {}, error).error->code : failed_step(error).error->code;
    EXPECT_EQ(kept, row.code);
  }
  EXPECT_EQ(send_later(bench.turn(), {}, {ErrorCode::bad_response, "", "", std::nullopt}).error->code,
            ErrorCode::http_transient);
}

TEST(dialect_steps, the_servers_text_is_told_in_one_line_and_bounded) {
  const UploadPlan plan = test::plan_for(UploadDialect::tus, 10);
  const auto detail = [&plan](std::string text) { return answer_error(plan, answer_of(403, {}, text), {}).detail; };
  EXPECT_EQ(detail(""), "the origin forbids it (403)");
  EXPECT_EQ(detail(" a\r\nb\x1b[31m "), "the origin forbids it (403); it says: a  b [31m");
  EXPECT_EQ(detail("\xff\xfe"), "the origin forbids it (403)") << "not text";
  EXPECT_LT(detail(std::string(10'000, 'x')).size(), kMaxAnswerText + 100);
}

TEST(dialect_steps, how_often_the_server_lost_it_is_told) {
  UploadBench bench(test::plan_for(UploadDialect::bits, 10));
  const Error cause{ErrorCode::http_fatal, "", "no session", std::nullopt};
  for (unsigned i = 0; i < kMaxRestarts; ++i) EXPECT_FALSE(begin_anew(bench.turn(), cause));
  const auto end = begin_anew(bench.turn(), cause);
  ASSERT_TRUE(end);
  EXPECT_THAT(end->error->text(), HasSubstr("the server lost what it had of it 4 times (no session)"));
}

TEST(dialect_steps, parts_shrink_grow_and_keep_their_limits) {
  constexpr PartRule kRule{64, 5};
  UploadPlan plan = test::plan_for(UploadDialect::tus, 1000);
  UploadProgress p;
  EXPECT_EQ(next_part(kRule, plan, p), 64U);
  p.part_length = 64;
  shrink_part(kRule, p);
  EXPECT_EQ(next_part(kRule, plan, p), 32U);
  p.part_length = 8;
  shrink_part(kRule, p);
  EXPECT_EQ(p.part_size, 5U) << "never below the least";
  p.part_length = 5;
  p.part_size = 20;
  shrink_part(kRule, p);
  EXPECT_EQ(p.part_size, 20U) << "a small rest that was lost says nothing of sizes";
  note_part_taken(kRule, p, 5);
  EXPECT_EQ(p.part_size, 40U);
  note_part_taken(kRule, p, 5);
  EXPECT_EQ(p.part_size, 64U) << "never above the largest";
  p.part_length = 60;
  note_part_taken(kRule, p, 59);
  EXPECT_EQ(p.part_size, 30U) << "not all of it was taken";
  EXPECT_TRUE(limit_part(kRule, p));
  EXPECT_EQ(p.part_limit, 30U);
  note_part_taken(kRule, p, 60);
  EXPECT_EQ(p.part_size, 30U);
  p.part_length = 6;
  EXPECT_TRUE(limit_part(kRule, p));
  EXPECT_EQ(p.part_size, 5U);
  p.part_length = 5;
  EXPECT_FALSE(limit_part(kRule, p));
  p.offset = 997;
  EXPECT_EQ(next_part(kRule, plan, p), 3U);
}

TEST(dialect_steps, what_the_server_names_is_checked_against_each_place) {
  UploadPlan plan = test::plan_for(UploadDialect::tus, 10);
  const auto code_of = [&plan](const char* from, const char* reference, std::optional<bool> outside) {
    const auto url = url_led_to(plan, *parse_url(from), reference, outside);
    return url ? url->canonical() : std::string(error_info(url.error().code).name);
  };
  plan.target = *parse_url("https://u:p@203.0.113.5/in/");
  EXPECT_EQ(code_of("https://203.0.113.5/in/", "/up/1", std::nullopt), "https://203.0.113.5/up/1");
  EXPECT_EQ(code_of("https://203.0.113.5/in/", "http://203.0.113.5/up/1", std::nullopt), "redirect_forbidden");
  // The chain went to plain HTTP already: it may not begin with HTTPS.
  EXPECT_EQ(code_of("http://203.0.113.5/in/", "/up/1", std::nullopt), "redirect_forbidden");
  EXPECT_EQ(code_of("https://203.0.113.5/in/", "https://10.0.0.1/", true), "redirect_forbidden");
  const auto url = url_led_to(plan, plan.target, "/up/1", std::nullopt);
  EXPECT_FALSE(url->has_credentials()) << "only the caller gives them";
}

}  // namespace
}  // namespace larder::origin
