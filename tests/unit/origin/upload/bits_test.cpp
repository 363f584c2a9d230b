#include "origin/upload/bits.h"

#include <gmock/gmock.h>

#include "base/error_table.h"
#include "upload_bench.h"

namespace larder::origin {
namespace {

using test::answer_of;
using test::field_of;
using test::no_answer;
using test::UploadBench;
using test::words_of;

constexpr std::uint64_t kSize = 30'000;
constexpr std::uint64_t kPart = 10'000;
constexpr const char* kSession = "{A0FF5911-D2C9-4C5F-9A6D-0F0F1D2E3C4B}";

UploadBench fresh(std::uint64_t size = kSize) {
  UploadBench bench(test::plan_for(UploadDialect::bits, size));
  bench.plan.target = *parse_url("http://127.0.0.1:8080/up/f.bin");
  bench.progress.part_size = bench.progress.part_limit = kPart;
  return bench;
}

UploadAnswer created(std::vector<Header> more = {}) {
  more.emplace_back("BITS-Packet-Type", "Ack");
  more.emplace_back("BITS-Protocol", "{7df0354d-249b-430f-820d-3d2a9bef4931}");
  more.emplace_back("BITS-Session-Id", kSession);
  return answer_of(200, std::move(more));
}

UploadAnswer next(std::uint64_t offset, int status = 200) {
  return answer_of(status, {{"BITS-Received-Content-Range", std::to_string(offset)}});
}

UploadAnswer error_of(int status, const char* code, const char* context = "0x5") {
  return answer_of(status, {{"BITS-Error-Code", code}, {"BITS-Error-Context", context}});
}

UploadAnswer no_session() {
  return error_of(500, "0x8020001F");
}

UploadBench lead(const std::string& phase) {
  UploadBench bench = fresh();
  bench.plan.key_in_url = phase == "settle";
  bench.start();
  if (phase == "create") return bench;
  bench.hear(created());
  if (phase == "append") return bench;
  if (phase == "ping") {
    bench.hear(no_answer(), false);
    return bench;
  }
  bench.hear(next(kPart));
  bench.hear(next(2 * kPart));
  if (phase == "cancel") bench.cancel();
  if (phase == "append the last" || phase == "cancel") return bench;
  if (phase == "settle") {
    bench.hear(no_answer());
    bench.hear(answer_of(200));
    bench.hear(no_session());
    return bench;
  }
  bench.hear(next(kSize));
  if (phase == "ping at the end") return bench;
  bench.hear(answer_of(200));
  return bench;  // "close"
}

TEST(bits, answers_to_sessions_pings_and_fragments) {
  expect_table(R"(
answer          | create                    | ping                      | ping at the end           | append
lost            | wait Create-Session       | wait Ping                 | wait Ping                 | wait Ping
away            | wait Create-Session       | wait Ping                 | wait Ping                 | wait Ping
nonsense        | fail bad_response         | fail bad_response         | fail outcome_unknown      | wait Ping
broken          | fail certificate_rejected | fail certificate_rejected | fail certificate_rejected | fail certificate_rejected
303             | fail bad_response         | fail bad_response         | fail outcome_unknown      | fail bad_response
307             | Create-Session            | Ping                      | Ping                      | Fragment 0+10000
400             | fail http_fatal           | fail http_fatal           | fail outcome_unknown      | fail http_fatal
401             | fail unauthorized         | fail unauthorized         | fail unauthorized         | fail unauthorized
403             | fail http_fatal           | fail http_fatal           | fail outcome_unknown      | fail http_fatal
404             | forget http_fatal         | fail http_fatal           | fail outcome_unknown      | fail http_fatal
405             | forget http_fatal         | fail http_fatal           | fail outcome_unknown      | fail http_fatal
407             | fail proxy_unauthorized   | fail proxy_unauthorized   | fail proxy_unauthorized   | fail proxy_unauthorized
408             | wait Create-Session       | wait Ping                 | wait Ping                 | wait Ping
409             | wait Create-Session       | wait Ping                 | wait Ping                 | wait Ping
410             | forget http_fatal         | fail http_fatal           | fail outcome_unknown      | fail http_fatal
412             | fail http_fatal           | fail http_fatal           | fail outcome_unknown      | fail http_fatal
413             | fail too_large            | fail http_fatal           | fail outcome_unknown      | Fragment 0+5120
415             | forget http_fatal         | fail http_fatal           | fail outcome_unknown      | fail http_fatal
416             | fail http_fatal           | fail http_fatal           | fail outcome_unknown      | fail bad_response
422             | fail http_fatal           | fail http_fatal           | fail outcome_unknown      | fail http_fatal
423             | fail http_fatal           | fail http_fatal           | fail outcome_unknown      | fail http_fatal
425             | wait Create-Session       | wait Ping                 | wait Ping                 | wait Ping
429             | wait Create-Session       | wait Ping                 | wait Ping                 | wait Ping
460             | fail http_fatal           | fail http_fatal           | fail outcome_unknown      | fail http_fatal
500             | wait Create-Session       | wait Ping                 | wait Ping                 | wait Ping
501             | forget http_fatal         | fail http_fatal           | fail outcome_unknown      | fail http_fatal
502             | wait Create-Session       | wait Ping                 | wait Ping                 | wait Ping
503             | wait Create-Session       | wait Ping                 | wait Ping                 | wait Ping
504             | wait Create-Session       | wait Ping                 | wait Ping                 | wait Ping
505             | fail http_fatal           | fail http_fatal           | fail outcome_unknown      | fail http_fatal
507             | wait Create-Session       | wait Ping                 | wait Ping                 | wait Ping
unknown session | fail http_fatal           | Create-Session            | fail outcome_unknown      | Create-Session
never fits      | fail too_large            | fail http_fatal           | fail outcome_unknown      | fail too_large
application     | fail http_fatal           | fail http_fatal           | fail outcome_unknown      | fail rejected_by_application
)",
               lead);
}

TEST(bits, answers_to_the_end) {
  expect_table(R"(
answer          | append the last              | close                        | settle                       | cancel
lost            | wait Ping                    | wait Ping                    | wait Create-Session          | wait Cancel-Session
away            | wait Ping                    | wait Ping                    | wait Create-Session          | wait Cancel-Session
nonsense        | wait Ping                    | wait Ping                    | fail outcome_unknown         | wait Cancel-Session
broken          | fail certificate_rejected    | fail certificate_rejected    | fail certificate_rejected    | fail certificate_rejected
303             | fail bad_response            | fail outcome_unknown         | fail outcome_unknown         | done
307             | Fragment 20000+10000         | Close-Session                | Create-Session               | Cancel-Session
400             | fail http_fatal              | fail outcome_unknown         | fail outcome_unknown         | done
401             | fail unauthorized            | fail unauthorized            | fail unauthorized            | fail unauthorized
403             | fail http_fatal              | fail outcome_unknown         | done                         | done
404             | fail outcome_unknown         | fail outcome_unknown         | fail outcome_unknown         | done
405             | fail http_fatal              | fail outcome_unknown         | fail outcome_unknown         | done
407             | fail proxy_unauthorized      | fail proxy_unauthorized      | fail proxy_unauthorized      | fail proxy_unauthorized
408             | wait Ping                    | wait Ping                    | wait Create-Session          | wait Cancel-Session
409             | wait Ping                    | wait Ping                    | done                         | wait Cancel-Session
410             | fail outcome_unknown         | fail outcome_unknown         | fail outcome_unknown         | done
412             | fail http_fatal              | fail outcome_unknown         | fail outcome_unknown         | done
413             | Fragment 20000+5120          | fail outcome_unknown         | fail outcome_unknown         | done
415             | fail http_fatal              | fail outcome_unknown         | fail outcome_unknown         | done
416             | fail outcome_unknown         | fail outcome_unknown         | fail outcome_unknown         | done
422             | fail http_fatal              | fail outcome_unknown         | fail outcome_unknown         | done
423             | fail http_fatal              | fail outcome_unknown         | fail outcome_unknown         | done
425             | wait Ping                    | wait Ping                    | wait Create-Session          | wait Cancel-Session
429             | wait Ping                    | wait Ping                    | wait Create-Session          | wait Cancel-Session
460             | fail http_fatal              | fail outcome_unknown         | fail outcome_unknown         | done
500             | wait Ping                    | wait Ping                    | wait Create-Session          | wait Cancel-Session
501             | fail http_fatal              | fail outcome_unknown         | fail outcome_unknown         | done
502             | wait Ping                    | wait Ping                    | wait Create-Session          | wait Cancel-Session
503             | wait Ping                    | wait Ping                    | wait Create-Session          | wait Cancel-Session
504             | wait Ping                    | wait Ping                    | wait Create-Session          | wait Cancel-Session
505             | fail http_fatal              | fail outcome_unknown         | fail outcome_unknown         | done
507             | wait Ping                    | wait Ping                    | wait Create-Session          | wait Cancel-Session
unknown session | Create-Session               | fail outcome_unknown         | fail outcome_unknown         | done
never fits      | fail too_large               | fail outcome_unknown         | fail outcome_unknown         | done
application     | fail rejected_by_application | fail rejected_by_application | fail rejected_by_application | done
)",
               lead);
}

// -- what is sent
// ------------------------------------------------------------------------------------------------------
TEST(bits, packets_carry_what_the_protocol_asks_for) {
  UploadBench bench = fresh();
  UploadRequest request = bench.start().request;
  EXPECT_EQ(request.method, "BITS_POST");
  EXPECT_EQ(request.url.canonical(), "http://127.0.0.1:8080/up/f.bin");
  EXPECT_EQ(field_of(request, "BITS-Supported-Protocols"), "{7df0354d-249b-430f-820d-3d2a9bef4931}");
  EXPECT_EQ(field_of(request, "BITS-Session-Id"), std::nullopt);
  EXPECT_EQ(request.length, 0U);
  request = bench.hear(created()).request;
  EXPECT_EQ(field_of(request, "BITS-Session-Id"), kSession);
  EXPECT_EQ(field_of(request, "Content-Range"), "bytes 0-9999/30000");
  EXPECT_EQ(field_of(request, "Content-Name"), "report.bin");
  EXPECT_EQ(request.hash_to, kPart);
  bench.hear(next(kPart));
  bench.hear(next(2 * kPart));
  request = bench.hear(next(kSize)).request;
  EXPECT_EQ(field_of(request, "BITS-Packet-Type"), "Ping");
  EXPECT_EQ(field_of(request, "BITS-Session-Id"), std::nullopt) << "a Ping has none";
  request = bench.hear(answer_of(200)).request;
  EXPECT_EQ(field_of(request, "BITS-Packet-Type"), "Close-Session");
  EXPECT_EQ(field_of(request, "BITS-Session-Id"), kSession);
  const UploadStep end = bench.hear(answer_of(200));
  EXPECT_EQ(words_of(end), "done");
  EXPECT_EQ(bench.progress.sent, kSize);
}

TEST(bits, a_name_that_windows_refuses_is_left_out) {
  for (const char* name : {"a:b", "a\\b", "a/b", "\xc3\xa4", ""}) {
    UploadBench bench = fresh();
    bench.plan.name = name;
    bench.start();
    EXPECT_EQ(field_of(bench.hear(created()).request, "Content-Name"), std::nullopt) << name;
  }
}

TEST(bits, fragments_are_8_mib_at_first_and_never_less_than_5_kib) {
  UploadBench bench(test::plan_for(UploadDialect::bits, 1ULL << 30));
  bench.start();
  EXPECT_EQ(bench.hear(created()).request.length, 8ULL << 20);
  while (bench.last.kind == UploadStep::Kind::send) {
    EXPECT_GE(bench.last.request.length, 5U * 1024);
    bench.hear(answer_of(413));
  }
  EXPECT_EQ(words_of(bench.last), "fail too_large");
}

TEST(bits, an_empty_file_is_refused_with_its_reason) {
  const UploadStep step = fresh(0).start();
  EXPECT_EQ(words_of(step), "fail invalid_argument");
  EXPECT_THAT(step.error->text(), testing::HasSubstr("it is empty, and BITS sends nothing but ranges"));
}

// -- what answers may say
// ----------------------------------------------------------------------------------------------
TEST(bits, sessions_that_a_server_names) {
  const std::pair<std::vector<Header>, const char*> cases[] = {
      {{{"BITS-Session-Id", kSession}}, "Fragment 0+10000"},
      {{{"BITS-Session-Id", "1234567"}}, "Fragment 0+10000"},  // neither a GUID nor braces
      {{{"BITS-Session-Id", kSession}, {"BITS-Protocol", "7DF0354D-249B-430F-820D-3D2A9BEF4931"}}, "Fragment 0+10000"},
      {{{"BITS-Session-Id", kSession}, {"BITS-Protocol", "{7df0354d-249b-430f-820d-3d2a9bef4932}"}},
       "fail bad_response"},
      {{}, "fail bad_response"},
      {{{"BITS-Session-Id", ""}}, "fail bad_response"},
      {{{"BITS-Session-Id", std::string(101, 'x')}}, "fail bad_response"},
      {{{"BITS-Session-Id", "a\tb"}}, "fail bad_response"},
  };
  for (const auto& [headers, words] : cases) {
    UploadBench bench = fresh();
    bench.start();
    EXPECT_EQ(bench.hear_words(answer_of(201, headers)), words) << (headers.empty() ? "" : headers[0].second);
  }
}

TEST(bits, offsets_that_a_fragment_is_answered_with) {
  const std::tuple<int, const char*, const char*> cases[] = {
      {200, "10000", "Fragment 10000+10000"}, {200, "", "Fragment 10000+10000"},  // the field is left out
      {200, "7000", "Fragment 7000+5120"},    {200, "0", "wait Ping"},
      {200, "10001", "fail bad_response"},    {416, "0", "wait Ping"},
      {416, "20000", "Fragment 20000+10000"}, {416, "30000", "Ping"},
      {416, "30001", "fail bad_response"},    {416, "", "fail bad_response"},
  };
  for (const auto& [status, offset, words] : cases) {
    UploadAnswer answer = answer_of(status);
    if (*offset != '\0') answer.head.headers.emplace_back("bits-received-content-range", offset);
    EXPECT_EQ(lead("append").hear_words(answer), words) << status << " " << offset;
  }
}

TEST(bits, offsets_that_go_back_are_borne_three_times) {
  UploadBench bench = lead("append the last");
  EXPECT_EQ(bench.hear_words(next(0, 416)), "Fragment 0+10000");
  bench.hear(next(kPart));
  EXPECT_EQ(bench.hear_words(next(1, 416)), "Fragment 1+10000");
  EXPECT_EQ(bench.hear_words(next(0, 416)), "Fragment 0+10000");
  bench.hear(next(kPart));
  EXPECT_EQ(bench.hear_words(next(0, 416)), "fail bad_response");
}

TEST(bits, errors_are_named_in_several_ways) {
  const std::pair<std::vector<Header>, const char*> cases[] = {
      {{{"BITS-Error-Code", "0x8020001f"}}, "Create-Session"}, {{{"BITS-Error-Code", "8020001F"}}, "Create-Session"},
      {{{"BITS-Error", "0X8020001F"}}, "Create-Session"},      {{{"BITS-Error-Code", "0x80070070"}}, "wait Ping"},
      {{{"BITS-Error-Code", "0x80070112"}}, "wait Ping"},      {{{"BITS-Error-Code", "x"}}, "wait Ping"},
      {{{"BITS-Error-Code", "0x18020001F"}}, "wait Ping"},     {{{"BITS-Error-Code", ""}}, "wait Ping"},
  };
  for (const auto& [headers, words] : cases)
    EXPECT_EQ(lead("append").hear_words(answer_of(500, headers)), words) << headers[0].second;
}

TEST(bits, an_error_code_with_a_200_says_nothing) {
  EXPECT_EQ(lead("append").hear_words(error_of(400, "0x8020001F")), "Create-Session") << "with a 400 it does";
  UploadBench bench = lead("ping");
  EXPECT_EQ(bench.hear_words(error_of(200, "1")), "Fragment 0+10000");
}

TEST(bits, the_application_is_waited_for_and_its_refusal_ends_it) {
  UploadBench bench = lead("append the last");
  EXPECT_EQ(bench.hear_words(error_of(503, "0x80070005", "0x7")), "wait Ping");
  EXPECT_EQ(bench.hear_words(answer_of(200)), "Fragment 20000+10000");
  EXPECT_EQ(bench.hear_words(error_of(409, "0x80070005", "0x7")), "wait Ping") << "409 is transient";
  bench.hear(answer_of(200));
  EXPECT_EQ(bench.hear_words(error_of(422, "0x80070005", "0x7")), "fail rejected_by_application");
}

TEST(bits, the_servers_digest_is_compared_where_it_names_one) {
  UploadBench bench = lead("close");
  EXPECT_EQ(bench.last.request.hash_to, kSize);
  UploadAnswer answer = answer_of(200, {{"Repr-Digest", "sha-256=:LXEWQrcmsEQBYnyp+6wy9chTD7GQPMTbAiWHF5IaSIE=:"}});
  answer.sha256 = sha256(as_bytes("x"));
  EXPECT_EQ(bench.hear_words(answer), "done confirmed");
  bench = lead("close");
  answer.sha256 = sha256(as_bytes("y"));
  EXPECT_EQ(bench.hear_words(answer), "fail digest_mismatch");
}

// -- the session and its end
// ---------------------------------------------------------------------------------------------
TEST(bits, a_session_that_is_lost_before_the_last_byte_begins_at_zero_three_times) {
  UploadBench bench = lead("append");
  for (unsigned i = 0; i < kMaxRestarts; ++i) {
    ASSERT_EQ(bench.hear_words(no_session()), "Create-Session");
    ASSERT_EQ(bench.hear_words(created()), "Fragment 0+10000");
  }
  EXPECT_EQ(bench.hear_words(no_session()), "fail http_fatal");
}

TEST(bits, a_session_that_is_lost_after_the_last_byte_leaves_a_doubt) {
  for (const char* phase : {"ping at the end", "close"})
    EXPECT_EQ(lead(phase).hear_words(no_session()), "fail outcome_unknown") << phase;
  UploadBench bench = lead("append the last");
  bench.hear(no_answer());
  bench.hear(answer_of(200));
  EXPECT_EQ(bench.hear_words(no_session()), "fail outcome_unknown") << "the first try may have been taken";
  bench = lead("append the last");
  bench.hear(no_answer(), false);
  bench.hear(answer_of(200));
  EXPECT_EQ(bench.hear_words(no_session()), "Create-Session") << "it was cut off";
}

TEST(bits, a_second_session_settles_whose_url_has_the_key) {
  EXPECT_EQ(lead("settle").hear_words(answer_of(403)), "done");
  UploadBench bench = lead("settle");
  EXPECT_EQ(bench.hear_words(created()), "Fragment 0+5120") << "it would take the file, so it has not got it";
  EXPECT_FALSE(bench.progress.last_byte_sent);
  EXPECT_EQ(bench.progress.restarts, 1U);
  bench = lead("settle");
  EXPECT_EQ(words_of(bench.start()), "Create-Session") << "after a restart of the agent too";
  EXPECT_EQ(bench.progress.phase, UploadPhase::settle);
}

TEST(bits, each_resumption_begins_with_a_ping) {
  UploadBench bench = lead("append");
  bench.hear(next(kPart));
  EXPECT_EQ(words_of(bench.start()), "Ping");
  EXPECT_EQ(bench.hear_words(answer_of(200)), "Fragment 10000+10000");
  EXPECT_EQ(words_of(fresh().start()), "Create-Session");
}

TEST(bits, a_cancellation_ends_the_session) {
  EXPECT_EQ(words_of(fresh().cancel()), "done") << "there is none";
  UploadBench bench = lead("cancel");
  EXPECT_EQ(field_of(bench.last.request, "BITS-Session-Id"), kSession);
  EXPECT_EQ(bench.hear_words(no_session()), "done");
  EXPECT_EQ(lead("cancel").hear_words(answer_of(200)), "done");
}

// -- the reply
// ---------------------------------------------------------------------------------------------------------
TEST(bits, the_reply_is_fetched_before_the_session_is_closed) {
  const std::pair<const char*, const char*> cases[] = {
      {"http://127.0.0.1:8080/replies/1", "http://127.0.0.1:8080/replies/1"},
      {"/replies/1", "http://127.0.0.1:8080/replies/1"},
      {"BITS-Sessions\\Replies\\{5C59EFE1}\\response.bin",
       "http://127.0.0.1:8080/up/BITS-Sessions/Replies/%7B5C59EFE1%7D/response.bin"},
  };
  for (const auto& [value, url] : cases) {
    UploadBench bench = lead("append the last");
    bench.plan.wants_reply = true;
    UploadAnswer answer = next(kSize);
    answer.head.headers.emplace_back("bits-reply-url", value);
    EXPECT_EQ(bench.hear_words(answer), "Ping");
    EXPECT_EQ(bench.hear_words(answer_of(200)), "reply " + std::string(url));
    EXPECT_EQ(words_of(bench.start()), "Ping") << "a restart of the agent";
    EXPECT_EQ(bench.hear_words(answer_of(200)), "reply " + std::string(url));
    EXPECT_EQ(words_of(bench.reply()), "Ping");
    EXPECT_EQ(bench.hear_words(answer_of(200)), "Close-Session");
    EXPECT_EQ(bench.hear_words(answer_of(200)), "done");
  }
}

TEST(bits, a_reply_that_is_nowhere_is_an_error) {
  UploadBench bench = lead("ping at the end");
  bench.plan.wants_reply = true;
  EXPECT_EQ(bench.hear_words(answer_of(200)), "fail bad_response");
  bench = lead("append the last");
  UploadAnswer answer = next(kSize);
  answer.head.headers.emplace_back("bits-reply-url", "http://169.254.169.254/");
  EXPECT_EQ(bench.hear_words(answer), "fail redirect_forbidden");
}

// -- the host id
// -------------------------------------------------------------------------------------------------------
UploadBench pinned(const std::string& host, const char* fall_back_s) {
  UploadBench bench = fresh();
  bench.start();
  std::vector<Header> more = {{"BITS-Host-Id", host}};
  if (*fall_back_s != '\0') more.emplace_back("BITS-Host-Id-Fallback-Timeout", fall_back_s);
  bench.hear(created(std::move(more)));
  return bench;
}

TEST(bits, requests_go_to_the_host_id) {
  const std::pair<const char*, const char*> cases[] = {
      {"127.0.0.9", "http://127.0.0.9:8080/up/f.bin"},
      {"127.0.0.9:81", "http://127.0.0.9:81/up/f.bin"},
      {"node-7.localhost", "http://node-7.localhost:8080/up/f.bin"},
  };
  for (const auto& [host, url] : cases) {
    UploadBench bench = pinned(host, "60");
    EXPECT_EQ(words_of(bench.last), "Ping") << "it is tested first";
    EXPECT_EQ(bench.last.request.url.canonical(), url);
    EXPECT_TRUE(bench.last.request.redirected);
    bench.hear(answer_of(200));
    EXPECT_EQ(bench.last.request.url.canonical(), url);
  }
}

TEST(bits, host_ids_that_cannot_be_used) {
  for (const char* host : {"a b", "a/b", "u@127.0.0.9", "x?y", "127.0.0.9:0"})
    EXPECT_EQ(words_of(pinned(host, "60").last), "fail bad_response") << host;
  EXPECT_EQ(words_of(pinned("169.254.169.254", "60").last), "fail redirect_forbidden");
  EXPECT_EQ(words_of(pinned("", "60").last), "Fragment 0+10000") << "none";
}

TEST(bits, the_fall_back_time_runs_while_the_host_cannot_be_reached) {
  UploadBench bench = pinned("127.0.0.9", "10");
  bench.hear(answer_of(200));
  bench.hear(next(kPart));
  bench.hear(no_answer());
  EXPECT_EQ(bench.progress.fall_back_at, bench.now + std::chrono::seconds(10));
  bench.now += std::chrono::seconds(9);
  UploadStep step = bench.hear(test::answer_named("away"));
  EXPECT_EQ(step.wait, std::chrono::seconds(1)) << "no longer than the time that is left";
  EXPECT_EQ(step.request.url.host, "127.0.0.9");
  bench.now += std::chrono::seconds(1);
  step = bench.hear(test::answer_named("away"));
  EXPECT_EQ(words_of(step), "Ping");
  EXPECT_EQ(step.request.url.host, "127.0.0.1") << "the shared name, with the same session";
  step = bench.hear(answer_of(200));
  EXPECT_EQ(words_of(step), "Fragment 10000+5120") << "smaller after one that did not come through";
  EXPECT_EQ(field_of(step.request, "BITS-Session-Id"), kSession);
  EXPECT_EQ(bench.hear_words(no_session()), "Create-Session") << "from zero, where it is not known";
}

TEST(bits, contact_ends_the_fall_back_time_and_without_one_the_host_is_kept) {
  UploadBench bench = pinned("127.0.0.9", "10");
  bench.hear(no_answer());
  bench.hear(answer_of(503));
  EXPECT_FALSE(bench.progress.fall_back_at);
  bench = pinned("127.0.0.9", "");
  for (int i = 0; i < 50; ++i) {
    bench.hear(test::answer_named("away"));
    bench.now += std::chrono::hours(24);
  }
  EXPECT_EQ(bench.last.request.url.host, "127.0.0.9");
}

// -- faults that other clients and servers have, by their symptom
// ------------------------------------------------------
TEST(bits_fault, a_lost_close_uploads_and_delivers_the_file_again) {
  UploadBench bench = lead("close");
  EXPECT_EQ(bench.hear_words(no_answer()), "wait Ping");
  EXPECT_EQ(bench.hear_words(answer_of(200)), "Close-Session");
  EXPECT_EQ(bench.hear_words(no_session()), "fail outcome_unknown");
}

TEST(bits_fault, a_new_session_is_sent_a_fragment_at_the_old_offset) {
  UploadBench bench = lead("append");
  bench.hear(next(kPart));
  bench.hear(no_session());
  EXPECT_EQ(bench.hear_words(created()), "Fragment 0+10000");
}

TEST(bits_fault, a_416_without_an_error_is_taken_for_a_failure) {
  EXPECT_EQ(lead("append").hear_words(next(5'000, 416)), "Fragment 5000+10000");
}

TEST(bits_fault, a_repeated_last_fragment_is_acknowledged_and_closed) {
  UploadBench bench = lead("append the last");
  bench.hear(no_answer());
  bench.hear(answer_of(200));
  EXPECT_EQ(bench.hear_words(next(kSize, 416)), "Ping");
  EXPECT_EQ(bench.hear_words(answer_of(200)), "Close-Session");
}

// The part that follows a broken line is shorter, and the server may have taken the whole of the one before.
TEST(bits_fault, a_fragment_whose_answer_was_lost_was_taken_beyond_the_next_ones_end) {
  for (const auto& [offset, words] : {std::pair{kPart, "Fragment 10000+10000"},
                                      std::pair{kPart + 5121, "fail bad_response"}}) {  // more than was sent in all
    UploadBench bench = lead("append");
    bench.hear(no_answer());
    EXPECT_EQ(bench.hear_words(answer_of(200)), "Fragment 0+5120");
    EXPECT_EQ(bench.hear_words(next(offset)), words);
  }
}

TEST(bits, an_error_is_told_with_its_number) {
  UploadBench bench = lead("append");
  const UploadStep step = bench.hear(answer_of(500, {{"BITS-Error-Code", "0x80070070"}}));
  ASSERT_TRUE(step.error);
  EXPECT_THAT(step.error->text(), testing::HasSubstr("BITS-Error-Code 0x80070070, its disk is full"));
}

TEST(bits_fault, a_reply_is_wanted_of_a_protocol_that_has_none) {
  UploadBench bench = fresh();
  bench.plan.dialect = UploadDialect::tus;
  bench.plan.wants_reply = true;
  EXPECT_EQ(words_of(bench.start()), "fail invalid_argument");
}

}  // namespace
}  // namespace larder::origin
