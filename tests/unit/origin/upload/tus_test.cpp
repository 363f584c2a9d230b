#include "origin/upload/tus.h"

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

constexpr std::uint64_t kSize = 300'000;
constexpr std::uint64_t kPart = 100'000;

UploadBench fresh(std::uint64_t size = kSize) {
  UploadBench bench(test::plan_for(UploadDialect::tus, size));
  bench.plan.tus.termination = true;
  bench.progress.part_size = bench.progress.part_limit = kPart;
  return bench;
}

UploadAnswer created() {
  return answer_of(201, {{"Location", "/up/1"}});
}

UploadAnswer taken(std::uint64_t offset, int status = 204) {
  return answer_of(status, {{"Upload-Offset", std::to_string(offset)}});
}

// Leads an upload into a phase, so that its request is under way.
UploadBench lead(const std::string& phase) {
  UploadBench bench = fresh(phase == "create empty" ? 0 : kSize);
  bench.start();
  if (phase.starts_with("create")) return bench;
  bench.hear(created());
  if (phase == "append") return bench;
  if (phase == "look") {
    bench.hear(no_answer());
    return bench;
  }
  bench.hear(taken(kPart));
  bench.hear(taken(2 * kPart));
  if (phase == "cancel") bench.cancel();
  if (phase == "look at the end") bench.hear(no_answer());
  return bench;  // "append the last"
}

TEST(tus, answers_to_creations_and_looks) {
  expect_table(R"(
answer   | create                    | create empty              | look                      | look at the end
lost     | wait POST                 | fail outcome_unknown      | wait HEAD                 | wait HEAD
away     | wait POST                 | wait POST                 | wait HEAD                 | wait HEAD
nonsense | fail bad_response         | fail outcome_unknown      | fail bad_response         | fail outcome_unknown
broken   | fail certificate_rejected | fail certificate_rejected | fail certificate_rejected | fail certificate_rejected
303      | fail bad_response         | fail outcome_unknown      | fail bad_response         | fail outcome_unknown
307      | POST                      | POST                      | HEAD                      | HEAD
400      | fail http_fatal           | fail http_fatal           | fail http_fatal           | fail outcome_unknown
401      | fail unauthorized         | fail unauthorized         | fail unauthorized         | fail unauthorized
403      | fail http_fatal           | fail http_fatal           | POST                      | fail outcome_unknown
404      | forget http_fatal         | forget http_fatal         | POST                      | fail outcome_unknown
405      | forget http_fatal         | forget http_fatal         | fail http_fatal           | fail outcome_unknown
407      | fail proxy_unauthorized   | fail proxy_unauthorized   | fail proxy_unauthorized   | fail proxy_unauthorized
408      | wait POST                 | wait POST                 | wait HEAD                 | wait HEAD
409      | wait POST                 | wait POST                 | wait HEAD                 | wait HEAD
410      | forget http_fatal         | forget http_fatal         | POST                      | fail outcome_unknown
412      | fail http_fatal           | fail http_fatal           | fail http_fatal           | fail http_fatal
413      | fail too_large            | fail too_large            | fail http_fatal           | fail outcome_unknown
415      | forget http_fatal         | forget http_fatal         | fail http_fatal           | fail outcome_unknown
416      | fail http_fatal           | fail http_fatal           | fail http_fatal           | fail outcome_unknown
422      | fail http_fatal           | fail http_fatal           | fail http_fatal           | fail outcome_unknown
423      | wait POST                 | wait POST                 | wait HEAD                 | wait HEAD
425      | wait POST                 | wait POST                 | wait HEAD                 | wait HEAD
429      | wait POST                 | wait POST                 | wait HEAD                 | wait HEAD
460      | fail http_fatal           | fail http_fatal           | fail http_fatal           | fail outcome_unknown
500      | wait POST                 | fail outcome_unknown      | wait HEAD                 | wait HEAD
501      | forget http_fatal         | forget http_fatal         | fail http_fatal           | fail outcome_unknown
502      | wait POST                 | fail outcome_unknown      | wait HEAD                 | wait HEAD
503      | wait POST                 | wait POST                 | wait HEAD                 | wait HEAD
504      | wait POST                 | fail outcome_unknown      | wait HEAD                 | wait HEAD
505      | fail http_fatal           | fail outcome_unknown      | fail http_fatal           | fail outcome_unknown
507      | wait POST                 | wait POST                 | wait HEAD                 | wait HEAD
)",
               lead);
}

TEST(tus, answers_to_parts_and_cancellations) {
  expect_table(R"(
answer   | append                    | append the last              | cancel
lost     | wait HEAD                 | wait HEAD                    | wait DELETE
away     | wait HEAD                 | wait HEAD                    | wait DELETE
nonsense | wait HEAD                 | wait HEAD                    | wait DELETE
broken   | fail certificate_rejected | fail certificate_rejected    | fail certificate_rejected
303      | fail bad_response         | fail outcome_unknown         | done
307      | PATCH 0+100000            | PATCH 200000+100000          | DELETE
400      | fail http_fatal           | fail rejected_by_application | done
401      | fail unauthorized         | fail unauthorized            | fail unauthorized
403      | fail http_fatal           | fail rejected_by_application | done
404      | POST                      | fail outcome_unknown         | done
405      | forget http_fatal         | forget http_fatal            | done
407      | fail proxy_unauthorized   | fail proxy_unauthorized      | fail proxy_unauthorized
408      | wait HEAD                 | wait HEAD                    | wait DELETE
409      | HEAD                      | HEAD                         | wait DELETE
410      | POST                      | fail outcome_unknown         | done
412      | fail http_fatal           | fail http_fatal              | done
413      | PATCH 0+65536             | PATCH 200000+65536           | done
415      | forget http_fatal         | forget http_fatal            | done
416      | fail http_fatal           | fail rejected_by_application | done
422      | fail http_fatal           | fail rejected_by_application | done
423      | wait HEAD                 | wait HEAD                    | wait DELETE
425      | wait HEAD                 | wait HEAD                    | wait DELETE
429      | wait HEAD                 | wait HEAD                    | wait DELETE
460      | wait PATCH 0+100000       | wait PATCH 200000+100000     | done
500      | wait HEAD                 | wait HEAD                    | wait DELETE
501      | forget http_fatal         | forget http_fatal            | done
502      | wait HEAD                 | wait HEAD                    | wait DELETE
503      | wait HEAD                 | wait HEAD                    | wait DELETE
504      | wait HEAD                 | wait HEAD                    | wait DELETE
505      | fail http_fatal           | fail outcome_unknown         | done
507      | wait HEAD                 | wait HEAD                    | wait DELETE
)",
               lead);
}

// -- what is sent
// ------------------------------------------------------------------------------------------------------
TEST(tus, a_creation_carries_length_name_and_key) {
  UploadBench bench = fresh();
  const UploadRequest request = bench.start().request;
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.url.canonical(), "http://127.0.0.1:8080/in/box/");
  EXPECT_FALSE(request.redirected);
  EXPECT_EQ(field_of(request, "Tus-Resumable"), "1.0.0");
  EXPECT_EQ(field_of(request, "Upload-Length"), "300000");
  EXPECT_EQ(field_of(request, "Upload-Metadata"), "filename cmVwb3J0LmJpbg==,larder-key OGQxZTJj");
  EXPECT_EQ(field_of(request, "Idempotency-Key"), "\"8d1e2c\"");
  EXPECT_EQ(field_of(request, "Repr-Digest"), std::nullopt) << "not known yet";
  EXPECT_EQ(request.length, 0U);
}

TEST(tus, a_part_carries_its_offset_its_digest_and_at_the_end_the_wholes) {
  UploadBench bench = fresh();
  bench.plan.tus.checksum = PartAlgorithm::sha1;
  bench.start();
  UploadRequest request = bench.hear(created()).request;
  EXPECT_EQ(request.url.path, "/up/1");
  EXPECT_TRUE(request.redirected) << "the server named this URL";
  EXPECT_EQ(field_of(request, "Upload-Offset"), "0");
  EXPECT_EQ(field_of(request, "Content-Type"), "application/offset+octet-stream");
  EXPECT_EQ(field_of(request, "Repr-Digest"), std::nullopt) << "on a PATCH it would be of the part";
  const DigestField checksum{"Upload-Checksum", PartAlgorithm::sha1, DigestField::Form::upload_checksum, false};
  const DigestField content{"Content-Digest", PartAlgorithm::sha256, DigestField::Form::digest, false};
  const DigestField whole{"Larder-Upload-Digest", PartAlgorithm::sha256, DigestField::Form::digest, true};
  EXPECT_EQ(request.digests, (std::vector{checksum, content}));
  bench.hear(taken(kPart));
  request = bench.hear(taken(2 * kPart)).request;
  EXPECT_EQ(request.digests, (std::vector{checksum, content, whole}));
  EXPECT_EQ(request.hash_from, 2 * kPart);
  EXPECT_EQ(request.hash_to, kSize);
}

TEST(tus, a_digest_that_is_known_goes_with_the_creation_and_the_last_part) {
  UploadBench bench = fresh(kPart);
  bench.plan.sha256 = sha256(as_bytes("x"));
  const std::string value = "sha-256=:LXEWQrcmsEQBYnyp+6wy9chTD7GQPMTbAiWHF5IaSIE=:";
  EXPECT_EQ(field_of(bench.start().request, "Repr-Digest"), value);
  EXPECT_EQ(field_of(bench.hear(created()).request, "Larder-Upload-Digest"), value);
}

TEST(tus, parts_are_64_mib_at_first) {
  UploadBench bench(test::plan_for(UploadDialect::tus, 1ULL << 32));
  bench.start();
  EXPECT_EQ(words_of(bench.hear(created())), "PATCH 0+67108864");
}

TEST(tus, an_upload_ends_with_its_last_part) {
  UploadBench bench = lead("append the last");
  const UploadStep step = bench.hear(taken(kSize));
  EXPECT_EQ(words_of(step), "done");
  EXPECT_EQ(step.result.status, 204);
  EXPECT_EQ(bench.progress.sent, kSize);
  EXPECT_EQ(words_of(lead("append the last").hear(taken(kSize, 200))), "done");
}

TEST(tus, the_servers_digest_is_compared) {
  for (const bool same : {true, false}) {
    UploadBench bench = lead("append the last");
    UploadAnswer answer = taken(kSize);
    answer.sha256 = sha256(as_bytes("ours"));
    const DigestField field{"", PartAlgorithm::sha256, DigestField::Form::digest, true};
    answer.head.headers.emplace_back("repr-digest",
                                     digest_field_value(field, sha256(as_bytes(same ? "ours" : "theirs"))));
    EXPECT_EQ(bench.hear_words(answer), same ? "done confirmed" : "fail digest_mismatch");
  }
}

TEST(tus, two_digests_that_contradict_each_other_confirm_nothing) {
  UploadBench bench = lead("append the last");
  UploadAnswer answer = taken(kSize);
  answer.sha256 = sha256(as_bytes("ours"));
  const DigestField field{"", PartAlgorithm::sha256, DigestField::Form::digest, true};
  answer.head.headers.emplace_back("repr-digest", digest_field_value(field, sha256(as_bytes("ours"))));
  answer.head.headers.emplace_back("repr-digest", digest_field_value(field, sha256(as_bytes("theirs"))));
  EXPECT_EQ(bench.hear_words(answer), "fail digest_mismatch");
}

// -- what answers may say
// ----------------------------------------------------------------------------------------------
TEST(tus, creations_that_name_no_usable_place) {
  const std::pair<std::vector<Header>, const char*> cases[] = {
      {{}, "fail bad_response"},
      {{{"Location", ""}}, "fail bad_response"},
      {{{"Location", "ftp://127.0.0.1/x"}}, "fail redirect_forbidden"},
      {{{"Location", "http://169.254.169.254/x"}}, "fail redirect_forbidden"},
      {{{"Location", "http://127.0.0.1:8080/up/2"}}, "PATCH 0+100000"},
      {{{"Location", "../up/3"}}, "PATCH 0+100000"},
      {{{"Location", "/up/3"}, {"Upload-Offset", "100000"}}, "PATCH 100000+100000"},
      {{{"Location", "/up/3"}, {"Upload-Offset", "300000"}}, "HEAD"},
      {{{"Location", "/up/3"}, {"Upload-Offset", "300001"}}, "fail bad_response"},
  };
  for (const auto& [headers, words] : cases) {
    UploadBench bench = fresh();
    bench.start();
    EXPECT_EQ(bench.hear_words(answer_of(201, headers)), words) << (headers.empty() ? "" : headers[0].second);
  }
}

TEST(tus, offsets_that_a_look_finds) {
  const std::pair<std::vector<Header>, const char*> cases[] = {
      {{}, "fail bad_response"},
      {{{"Upload-Offset", "-1"}}, "fail bad_response"},
      {{{"Upload-Offset", "0"}}, "PATCH 0+65536"},
      {{{"Upload-Offset", "12"}}, "PATCH 12+100000"},
      {{{"Upload-Offset", "300000"}}, "done"},
      {{{"Upload-Offset", "300001"}}, "fail bad_response"},
      {{{"Upload-Offset", "12"}, {"Upload-Length", "300000"}}, "PATCH 12+100000"},
      {{{"Upload-Offset", "12"}, {"Upload-Length", "300001"}}, "fail bad_response"},
  };
  for (const auto& [headers, words] : cases)
    EXPECT_EQ(lead("look").hear_words(answer_of(200, headers)), words) << (headers.empty() ? "" : headers[0].second);
}

TEST(tus, offsets_that_a_part_is_answered_with) {
  const std::pair<std::vector<Header>, const char*> cases[] = {
      {{}, "wait HEAD"},
      {{{"Upload-Offset", "0"}}, "wait HEAD"},
      {{{"Upload-Offset", "70000"}}, "PATCH 70000+65536"},
      {{{"Upload-Offset", "100000"}}, "PATCH 100000+100000"},
      {{{"Upload-Offset", "100001"}}, "fail bad_response"},
  };
  for (const auto& [headers, words] : cases)
    EXPECT_EQ(lead("append").hear_words(answer_of(204, headers)), words) << (headers.empty() ? "" : headers[0].second);
}

TEST(tus, expiry_is_noted) {
  UploadBench bench = fresh();
  bench.start();
  UploadAnswer answer = created();
  answer.head.headers.emplace_back("upload-expires", "Sun, 06 Nov 1994 08:49:37 GMT");
  bench.hear(answer);
  ASSERT_TRUE(bench.progress.expires_at);
  EXPECT_EQ(bench.progress.expires_at->time_since_epoch(), std::chrono::seconds(784111777));
}

// -- how it goes on
// ----------------------------------------------------------------------------------------------------
TEST(tus, a_lost_creation_is_repeated_with_the_same_key_and_then_looks_first) {
  UploadBench bench = fresh();
  const auto key = field_of(bench.start().request, "Idempotency-Key");
  EXPECT_EQ(field_of(bench.hear(no_answer()).request, "Idempotency-Key"), key);
  EXPECT_EQ(bench.hear_words(created()), "HEAD") << "the first creation may have been used";
}

TEST(tus, a_creation_that_was_only_redirected_is_the_first) {
  UploadBench bench = fresh();
  bench.start();
  EXPECT_EQ(bench.hear(test::answer_named("307")).request.url.path, "/elsewhere/");
  EXPECT_EQ(bench.hear_words(created()), "PATCH 0+100000");
  bench.hear(answer_of(404));
  EXPECT_EQ(bench.last.request.url.path, "/in/box/") << "from zero, at the target";
}

TEST(tus, a_key_that_the_caller_names_looks_first) {
  UploadBench bench = fresh();
  bench.plan.key_repeated = true;
  bench.start();
  EXPECT_EQ(bench.hear_words(created()), "HEAD");
  EXPECT_EQ(bench.hear_words(taken(kSize, 200)), "done") << "known, done: nothing is sent";
  EXPECT_EQ(bench.progress.sent, 0U);
}

TEST(tus, an_upload_that_is_there_already_is_hashed_before_its_digest_is_compared) {
  UploadBench bench = fresh();
  bench.plan.key_repeated = true;
  bench.start();
  bench.hear(created());
  UploadAnswer answer = taken(kSize, 200);
  answer.head.headers.emplace_back("repr-digest", "sha-256=:LXEWQrcmsEQBYnyp+6wy9chTD7GQPMTbAiWHF5IaSIE=:");
  const UploadStep step = bench.hear(answer);
  EXPECT_EQ(words_of(step), "HEAD");
  EXPECT_EQ(step.request.hash_to, kSize);
  answer.sha256 = sha256(as_bytes("x"));
  EXPECT_EQ(bench.hear_words(answer), "done confirmed");
}

TEST(tus, waits_grow_and_an_offset_that_moves_ends_them) {
  UploadBench bench = lead("append");
  const Duration first = bench.hear(no_answer()).wait;
  const Duration second = bench.hear(answer_of(503)).wait;
  EXPECT_GT(second, first);
  bench.hear(taken(50'000, 200));
  EXPECT_EQ(bench.progress.failures, 0U);
  const UploadStep asked = bench.hear(answer_of(503, {{"Retry-After", "100"}}));
  EXPECT_GE(asked.wait, std::chrono::seconds(100));
  EXPECT_EQ(asked.error->code, ErrorCode::http_transient);
}

TEST(tus, a_conflict_is_asked_about_at_once_and_then_with_waits) {
  UploadBench bench = lead("append");
  EXPECT_EQ(bench.hear_words(answer_of(409)), "HEAD");
  EXPECT_EQ(bench.hear_words(taken(0, 200)), "PATCH 0+100000") << "a conflict does not speak against the size";
  EXPECT_EQ(bench.hear_words(answer_of(409)), "wait HEAD");
}

TEST(tus, smaller_parts_after_413_down_to_the_least) {
  UploadBench bench(test::plan_for(UploadDialect::tus, 1ULL << 30));
  bench.start();
  bench.hear(created());
  std::vector<std::uint64_t> lengths;
  while (bench.last.kind == UploadStep::Kind::send) {
    lengths.push_back(bench.last.request.length);
    bench.hear(answer_of(413));
  }
  EXPECT_EQ(lengths.size(), 11U) << "64 MiB to 64 KiB";
  EXPECT_EQ(lengths.back(), kTusParts.least);
  EXPECT_EQ(words_of(bench.last), "fail too_large");
}

TEST(tus, a_limit_that_413_taught_is_kept) {
  UploadBench bench(test::plan_for(UploadDialect::tus, 1ULL << 30));
  bench.start();
  bench.hear(created());
  std::uint64_t offset = bench.hear(answer_of(413)).request.length;
  for (int i = 0; i < 5; ++i) {
    const UploadStep step = bench.hear(taken(offset));
    EXPECT_EQ(step.request.length, 32ULL << 20);
    offset += step.request.length;
  }
}

TEST(tus, a_damaged_part_is_sent_again_three_times) {
  UploadBench bench = lead("append");
  for (unsigned i = 0; i < kMaxResends; ++i) EXPECT_EQ(bench.hear_words(answer_of(460)), "wait PATCH 0+100000");
  EXPECT_EQ(bench.hear_words(answer_of(460)), "fail digest_mismatch");
  bench = lead("append");
  bench.hear(answer_of(460));
  bench.hear(taken(kPart));
  EXPECT_EQ(bench.progress.resends, 0U);
}

TEST(tus, a_lost_upload_begins_at_zero_three_times_with_the_same_key) {
  UploadBench bench = lead("append");
  for (unsigned i = 0; i < kMaxRestarts; ++i) {
    const UploadStep step = bench.hear(answer_of(404));
    ASSERT_EQ(words_of(step), "POST");
    EXPECT_EQ(field_of(step.request, "Idempotency-Key"), "\"8d1e2c\"");
    EXPECT_EQ(step.request.url.path, "/in/box/");
    ASSERT_EQ(bench.hear_words(created()), "HEAD");
    ASSERT_EQ(bench.hear_words(taken(0, 200)), "PATCH 0+100000");
  }
  EXPECT_EQ(bench.hear_words(answer_of(410)), "fail http_fatal");
}

TEST(tus, offsets_that_go_back_are_borne_three_times) {
  UploadBench bench = lead("append the last");
  for (unsigned i = 0; i < kMaxRestarts; ++i) {
    bench.hear(no_answer(), false);
    ASSERT_EQ(bench.hear(taken(i, 200)).kind, UploadStep::Kind::send);
    bench.hear(taken(kPart));
  }
  bench.hear(no_answer(), false);
  EXPECT_EQ(bench.hear_words(taken(1, 200)), "fail bad_response");
}

TEST(tus, redirects_are_followed_ten_times_and_never_where_they_may_not_lead) {
  UploadBench bench = lead("append");
  for (unsigned i = 0; i < 10; ++i) ASSERT_EQ(bench.hear_words(test::answer_named("307")), "PATCH 0+100000");
  EXPECT_EQ(bench.last.request.url.path, "/elsewhere/");
  EXPECT_EQ(bench.hear_words(test::answer_named("307")), "fail too_many_redirects");
  bench = lead("append");
  EXPECT_EQ(bench.hear_words(answer_of(308, {{"Location", "http://169.254.169.254/"}})), "fail redirect_forbidden");
  EXPECT_EQ(lead("append").hear_words(answer_of(308, {{"Location", "/a"}, {"Location", "/b"}})), "fail bad_response");
}

TEST(tus, a_version_that_is_not_ours_is_named) {
  UploadBench bench = fresh();
  bench.start();
  const UploadStep step = bench.hear(answer_of(412, {{"Tus-Version", "2.0.0"}}));
  EXPECT_THAT(step.error->text(), testing::HasSubstr("the server speaks tus 2.0.0, and Larder 1.0.0"));
}

TEST(tus, it_goes_on_after_a_restart_of_the_agent_where_the_server_is) {
  UploadBench bench = lead("append");
  bench.hear(taken(kPart));
  const UploadStep step = bench.start();
  EXPECT_EQ(words_of(step), "HEAD");
  EXPECT_EQ(bench.hear_words(taken(150'000, 200)), "PATCH 150000+100000");
  EXPECT_EQ(bench.last.request.hash_from, 0U) << "what was hashed before is forgotten";
  EXPECT_EQ(bench.last.request.hash_to, 250'000U);
}

TEST(tus, a_cancellation_asks_only_a_server_that_ends_uploads) {
  EXPECT_EQ(words_of(fresh().cancel()), "done") << "nothing was created";
  UploadBench bench = fresh();
  bench.start();
  bench.hear(test::answer_named("307"));
  EXPECT_EQ(words_of(bench.cancel()), "done") << "nor is the place where the redirect leads an upload";
  bench = lead("append");
  EXPECT_EQ(words_of(bench.cancel()), "DELETE");
  EXPECT_EQ(bench.hear_words(answer_of(503)), "wait DELETE");
  EXPECT_EQ(bench.hear_words(answer_of(204)), "done");
  bench = lead("append");
  bench.plan.tus.termination = false;
  EXPECT_EQ(words_of(bench.cancel()), "done");
}

// -- faults that other clients and servers have, by their symptom
// ------------------------------------------------------
TEST(tus_fault, server_refused_at_the_end_and_client_says_success) {
  UploadBench bench = lead("append the last");
  const UploadStep step = bench.hear(answer_of(403, {}, "virus found"));
  EXPECT_EQ(words_of(step), "fail rejected_by_application");
  EXPECT_THAT(step.error->text(), testing::HasSubstr("virus found"));
  // The server failed at the end, and shows offset equal to length all the same: its hook never ran.
  bench = lead("append the last");
  bench.hear(answer_of(500));
  EXPECT_EQ(bench.hear_words(taken(kSize, 200)), "fail outcome_unknown");
  // A gateway's word says nothing of the server.
  bench = lead("append the last");
  bench.hear(answer_of(504));
  EXPECT_EQ(bench.hear_words(taken(kSize, 200)), "done");
}

TEST(tus_fault, a_server_that_recovers_at_the_end_is_believed_again) {
  UploadBench bench = lead("append the last");
  bench.hear(answer_of(507));
  EXPECT_EQ(bench.hear_words(taken(2 * kPart, 200)), "PATCH 200000+100000");
  EXPECT_EQ(bench.hear_words(taken(kSize)), "done");
}

TEST(tus_fault, a_404_after_a_complete_send_runs_it_again) {
  UploadBench bench = lead("look at the end");
  EXPECT_EQ(bench.hear_words(answer_of(404)), "fail outcome_unknown");
  EXPECT_EQ(words_of(bench.start()), "HEAD") << "a person may ask again, and nothing is sent";
  // The last part was cut off: the server cannot have all of it.
  bench = lead("append the last");
  bench.hear(no_answer(), false);
  EXPECT_EQ(bench.hear_words(answer_of(404)), "POST");
}

TEST(tus_fault, the_agent_dies_while_the_last_part_is_sent) {
  UploadBench bench = lead("append the last");
  EXPECT_TRUE(bench.progress.last_byte_sent) << "known before the request is";
  bench.start();
  EXPECT_EQ(bench.hear_words(answer_of(404)), "fail outcome_unknown");
}

TEST(tus_fault, a_dead_connection_holds_the_lock) {
  UploadBench bench = lead("append");
  bench.hear(no_answer());
  bench.hear(answer_of(423));
  EXPECT_EQ(bench.hear_words(answer_of(423)), "wait HEAD");
  EXPECT_EQ(bench.hear_words(taken(kPart, 200)), "PATCH 100000+100000");
}

TEST(tus_fault, a_proxy_holds_requests_back_and_each_try_begins_at_zero) {
  UploadBench bench(test::plan_for(UploadDialect::tus, 1ULL << 30));
  bench.start();
  bench.hear(created());
  std::uint64_t last = bench.last.request.length;
  for (int i = 0; i < 3; ++i) {
    bench.hear(no_answer());
    EXPECT_EQ(bench.hear(taken(0, 200)).request.length, last / 2);
    last = bench.last.request.length;
  }
  bench.hear(taken(last));
  EXPECT_EQ(bench.last.request.length, last * 2) << "and grows where parts come through";
}

TEST(tus_fault, an_empty_file_never_completes_or_is_an_error) {
  UploadBench bench = fresh(0);
  const UploadRequest request = bench.start().request;
  EXPECT_EQ(field_of(request, "Upload-Length"), "0");
  ASSERT_EQ(request.digests.size(), 1U);
  EXPECT_EQ(request.digests[0].name, "Larder-Upload-Digest");
  EXPECT_EQ(bench.hear_words(created()), "done");
}

TEST(tus_fault, an_empty_file_whose_answer_is_lost_is_made_twice) {
  UploadBench bench = fresh(0);
  bench.start();
  EXPECT_EQ(bench.hear_words(no_answer()), "fail outcome_unknown");
  bench = fresh(0);
  bench.plan.tus.keyed = true;
  bench.start();
  EXPECT_EQ(bench.hear_words(no_answer()), "wait POST") << "the key finds the first one";
  bench = fresh(0);
  bench.start();
  EXPECT_EQ(words_of(bench.start()), "fail outcome_unknown") << "the agent died meanwhile";
}

TEST(tus_fault, another_node_does_not_know_the_upload) {
  UploadBench bench = lead("append the last");
  bench.plan.tus.keyed = true;  // it makes no second upload of a key, so its word is believed
  EXPECT_EQ(bench.hear_words(answer_of(404)), "POST");
}

TEST(tus_fault, a_secret_address_is_named_as_the_place_of_an_upload) {
  UploadBench bench = fresh();
  bench.plan.target = *parse_url("http://203.0.113.5/files/");
  bench.start();
  EXPECT_EQ(bench.hear_words(answer_of(201, {{"Location", "http://127.0.0.1:22/"}})), "fail redirect_forbidden");
}

}  // namespace
}  // namespace larder::origin
