#include "origin/upload/put.h"

#include <gmock/gmock.h>

#include "upload_bench.h"

namespace larder::origin {
namespace {

using test::answer_of;
using test::field_of;
using test::no_answer;
using test::UploadBench;
using test::words_of;

constexpr std::uint64_t kSize = 300;
constexpr const char* kOfX = "sha-256=:LXEWQrcmsEQBYnyp+6wy9chTD7GQPMTbAiWHF5IaSIE=:";

UploadBench fresh(std::uint64_t size = kSize) {
  return UploadBench(test::plan_for(UploadDialect::put, size));
}

UploadBench lead(const std::string& phase) {
  UploadBench bench = fresh();
  bench.start();
  if (phase == "first") return bench;
  bench.hear(no_answer());
  if (phase == "again") return bench;
  bench.hear(answer_of(412));
  return bench;  // "settle"
}

TEST(put, answers) {
  expect_table(R"(
answer   | first                        | again                        | settle
lost     | wait PUT 0+300               | wait PUT 0+300               | wait HEAD
away     | wait PUT 0+300               | wait PUT 0+300               | wait HEAD
nonsense | wait PUT 0+300               | wait PUT 0+300               | fail outcome_unknown
broken   | fail certificate_rejected    | fail certificate_rejected    | fail certificate_rejected
303      | fail outcome_unknown         | fail outcome_unknown         | fail outcome_unknown
307      | PUT 0+300                    | PUT 0+300                    | HEAD
400      | fail http_fatal              | fail outcome_unknown         | fail outcome_unknown
401      | fail unauthorized            | fail unauthorized            | fail unauthorized
403      | fail http_fatal              | fail outcome_unknown         | fail outcome_unknown
404      | forget http_fatal            | forget outcome_unknown       | wait PUT 0+300
405      | forget http_fatal            | forget outcome_unknown       | fail outcome_unknown
407      | fail proxy_unauthorized      | fail proxy_unauthorized      | fail proxy_unauthorized
408      | wait PUT 0+300               | wait PUT 0+300               | wait HEAD
409      | fail http_fatal              | fail outcome_unknown         | fail outcome_unknown
410      | forget http_fatal            | forget outcome_unknown       | wait PUT 0+300
412      | fail already_exists          | HEAD                         | fail outcome_unknown
413      | fail too_large               | fail too_large               | fail outcome_unknown
415      | forget http_fatal            | forget outcome_unknown       | fail outcome_unknown
416      | fail http_fatal              | fail outcome_unknown         | fail outcome_unknown
422      | fail rejected_by_application | fail rejected_by_application | fail outcome_unknown
423      | fail http_fatal              | fail outcome_unknown         | fail outcome_unknown
425      | wait PUT 0+300               | wait PUT 0+300               | wait HEAD
429      | wait PUT 0+300               | wait PUT 0+300               | wait HEAD
460      | fail http_fatal              | fail outcome_unknown         | fail outcome_unknown
500      | wait PUT 0+300               | wait PUT 0+300               | wait HEAD
501      | forget http_fatal            | forget outcome_unknown       | fail outcome_unknown
502      | wait PUT 0+300               | wait PUT 0+300               | wait HEAD
503      | wait PUT 0+300               | wait PUT 0+300               | wait HEAD
504      | wait PUT 0+300               | wait PUT 0+300               | wait HEAD
505      | fail http_fatal              | fail outcome_unknown         | fail outcome_unknown
507      | wait PUT 0+300               | wait PUT 0+300               | wait HEAD
)",
               lead);
}

TEST(put, a_file_is_sent_whole_with_its_digest_and_replaces_nothing) {
  UploadBench bench = fresh();
  const UploadRequest request = bench.start().request;
  EXPECT_EQ(words_of(bench.last), "PUT 0+300");
  EXPECT_EQ(field_of(request, "If-None-Match"), "*");
  EXPECT_EQ(field_of(request, "Content-Range"), std::nullopt);
  ASSERT_EQ(request.digests.size(), 1U);
  EXPECT_EQ(request.digests[0].name, "Repr-Digest");
  EXPECT_TRUE(request.digests[0].whole);
  EXPECT_EQ(request.hash_to, kSize);
  bench = fresh();
  bench.plan.overwrite = true;
  bench.plan.sha256 = sha256(as_bytes("x"));
  const UploadRequest other = bench.start().request;
  EXPECT_EQ(field_of(other, "If-None-Match"), std::nullopt);
  EXPECT_EQ(field_of(other, "Repr-Digest"), kOfX);
  EXPECT_TRUE(other.digests.empty());
}

TEST(put, the_url_is_the_transaction_unless_the_caller_named_one) {
  UploadBench bench = fresh();
  EXPECT_EQ(field_of(bench.start().request, "Idempotency-Key"), std::nullopt);
  bench = fresh();
  bench.plan.key_repeated = true;
  EXPECT_EQ(field_of(bench.start().request, "Idempotency-Key"), "\"8d1e2c\"");
}

TEST(put, a_large_file_is_sent_only_when_asked_for_and_is_not_hashed_first) {
  EXPECT_EQ(words_of(fresh(kMaxUnaskedPut).start()), "PUT 0+16777216");
  EXPECT_EQ(fresh(kMaxUnaskedPut).start().request.digests.size(), 1U);
  UploadBench bench = fresh(kMaxUnaskedPut + 1);
  const UploadStep step = bench.start();
  EXPECT_EQ(words_of(step), "fail too_large");
  EXPECT_THAT(step.error->text(), testing::HasSubstr("begins again at zero whenever the line breaks"));
  bench.plan.large_put = true;
  EXPECT_TRUE(bench.start().request.digests.empty());
}

// The server may have it already, and then says so by its digest before it has read the body.
TEST(put, a_large_file_that_may_be_there_is_hashed_first) {
  UploadBench repeated = fresh(kMaxUnaskedPut + 1);
  repeated.plan.large_put = true;
  repeated.plan.key_repeated = true;
  EXPECT_EQ(repeated.start().request.digests.size(), 1U);
  UploadBench again = fresh(kMaxUnaskedPut + 1);
  again.plan.large_put = true;
  EXPECT_TRUE(again.start().request.digests.empty());
  EXPECT_EQ(again.hear_words(no_answer()), "wait PUT 0+16777217");
  EXPECT_EQ(again.last.request.digests.size(), 1U);
}

TEST(put, any_2xx_is_success_and_the_digest_is_compared) {
  for (const int status : {200, 201, 202, 204}) EXPECT_EQ(lead("first").hear_words(answer_of(status)), "done");
  for (const char* ours : {"x", "y"}) {
    UploadAnswer answer = answer_of(201, {{"Repr-Digest", kOfX}});
    answer.sha256 = sha256(as_bytes(ours));
    EXPECT_EQ(lead("first").hear_words(answer), *ours == 'x' ? "done confirmed" : "fail digest_mismatch");
  }
}

TEST(put, what_is_there_after_a_lost_answer_settles_it) {
  const std::tuple<const char*, const char*, const char*> cases[] = {
      {kOfX, "300", "done confirmed"},
      {kOfX, "", "done confirmed"},
      {"", "300", "fail outcome_unknown"},
      {"", "", "fail outcome_unknown"},
      {"", "299", "fail already_exists"},
      {"sha-256=:x:", "300", "fail outcome_unknown"},
      {"sha-256=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:", "300", "fail already_exists"},
  };
  for (const auto& [digest, length, words] : cases) {
    UploadBench bench = lead("settle");
    EXPECT_EQ(field_of(bench.last.request, "Want-Repr-Digest"), "sha-256=1");
    UploadAnswer answer = answer_of(200);
    if (*digest != '\0') answer.head.headers.emplace_back("repr-digest", digest);
    if (*length != '\0') answer.head.headers.emplace_back("content-length", length);
    answer.sha256 = sha256(as_bytes("x"));
    EXPECT_EQ(bench.hear_words(answer), words) << digest << " " << length;
  }
}

TEST(put, a_body_is_sent_again_three_times) {
  UploadBench bench = lead("first");
  for (unsigned i = 0; i < kMaxResends; ++i) ASSERT_EQ(bench.hear_words(answer_of(503)), "wait PUT 0+300");
  EXPECT_EQ(bench.hear_words(answer_of(503)), "fail outcome_unknown");
  bench = lead("first");
  for (unsigned i = 0; i < kMaxResends; ++i) {
    UploadAnswer cut = no_answer();
    cut.sent = 10;
    ASSERT_EQ(bench.hear_words(cut, false), "wait PUT 0+300");
  }
  UploadAnswer cut = no_answer();
  cut.sent = 10;
  const UploadStep step = bench.hear(cut, false);
  EXPECT_EQ(words_of(step), "fail http_fatal") << "never all of it, so it is not there; and not for the job to retry";
  EXPECT_THAT(step.error->text(), testing::HasSubstr("it was sent 4 times"));
}

TEST(put, a_server_that_cannot_be_reached_is_tried_on) {
  UploadBench bench = lead("first");
  for (int i = 0; i < 50; ++i) ASSERT_EQ(bench.hear_words(test::answer_named("away"), false), "wait PUT 0+300");
  EXPECT_FALSE(bench.progress.last_byte_sent_before);
}

TEST(put, a_restart_of_the_agent_sends_again_and_settles) {
  UploadBench bench = lead("first");
  EXPECT_EQ(words_of(bench.start()), "PUT 0+300");
  EXPECT_EQ(bench.hear_words(answer_of(412)), "HEAD") << "the first one may have been taken";
  EXPECT_EQ(words_of(bench.start()), "HEAD");
}

TEST(put, a_conflict_says_what_it_may_be) {
  const auto text = [](int status) { return lead("first").hear(answer_of(status)).error->text(); };
  EXPECT_THAT(text(409), testing::HasSubstr("the folder may be missing there"));
  EXPECT_THAT(text(403), testing::Not(testing::HasSubstr("folder")));
}

TEST(put, a_cancellation_has_nothing_to_ask) {
  EXPECT_EQ(words_of(lead("first").cancel()), "done");
}

// -- faults that other clients and servers have, by their symptom
// ------------------------------------------------------
TEST(put_fault, a_torn_file_is_kept_by_the_server_and_taken_for_ours) {
  UploadBench bench = lead("first");
  UploadAnswer cut = no_answer();
  cut.sent = 10;
  bench.hear(cut, false);
  EXPECT_EQ(bench.hear_words(answer_of(412), false), "HEAD");
  UploadAnswer torn = answer_of(200, {{"Content-Length", "10"}});
  EXPECT_EQ(bench.hear_words(torn), "fail already_exists");
}

TEST(put_fault, an_empty_file_is_sent_and_compared) {
  UploadBench bench = fresh(0);
  EXPECT_EQ(words_of(bench.start()), "PUT");
  EXPECT_EQ(bench.hear_words(no_answer()), "wait PUT");
  EXPECT_EQ(bench.hear_words(answer_of(412)), "HEAD");
}

TEST(put_fault, a_wrong_digest_is_told_from_a_refusal) {
  UploadBench bench = lead("first");
  UploadAnswer answer = answer_of(422, {{"Repr-Digest", kOfX}});
  answer.sha256 = sha256(as_bytes("y"));
  EXPECT_EQ(bench.hear_words(answer), "fail digest_mismatch");
}

TEST(put_fault, a_file_with_another_digest_than_was_said_is_no_refusal) {
  for (const int status : {422, 201}) {
    UploadBench bench = lead("first");
    bench.plan.sha256 = sha256(as_bytes("x"));
    UploadAnswer answer = answer_of(status);
    answer.sha256 = bench.plan.sha256;
    EXPECT_EQ(bench.hear_words(answer), status == 422 ? "fail rejected_by_application" : "done");
    bench = lead("first");
    bench.plan.sha256 = sha256(as_bytes("x"));
    answer.sha256 = sha256(as_bytes("y"));
    EXPECT_EQ(bench.hear_words(answer), "fail digest_mismatch");
  }
}

}  // namespace
}  // namespace larder::origin
