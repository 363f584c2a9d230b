// What users of other upload servers complain about, as far as reading and answering decide it. Each test has the name
// of the symptom that must not be seen here.
#include "inbox/wire/bits.h"
#include "inbox/wire/problems.h"
#include "inbox/wire/tus.h"
#include "tests/unit/inbox/wire/wire_fixture.h"

namespace larder::inbox {
namespace {

using test::refusal;
using test::request_of;
using test::upload_in;
using test::value_of;

const std::string kTus = "Tus-Resumable: 1.0.0\n";
const std::string kType = "Content-Type: application/offset+octet-stream\n";
const std::string kHead = "HEAD /up/a HTTP/1.1\n" + kTus;
const std::string kLastPatch = "PATCH /up/a HTTP/1.1\nUpload-Offset: 4\nContent-Length: 6\n" + kTus + kType;
const std::string kEmptyPatch = "PATCH /up/a HTTP/1.1\nUpload-Offset: 10\nContent-Length: 0\n" + kTus + kType;

std::string fragment(std::uint64_t first, std::uint64_t last) {
  return "BITS_POST /in/box/k/n HTTP/1.1\nBITS-Packet-Type: Fragment\nBITS-Session-Id: {a}\nContent-Range: bytes " +
         std::to_string(first) + "-" + std::to_string(last) +
         "/10\nContent-Length: " + std::to_string(last - first + 1) + "\n";
}

// Every request whose answer could show an offset, in every state with all bytes there and no success.
TEST(success_is_never_told_too_early, the_offset_equals_the_size_while_the_finish_hook_has_not_run) {
  std::vector<UploadStatus> unsettled;
  for (const auto state : {UploadState::receiving, UploadState::sealed, UploadState::accepted, UploadState::delivering,
                           UploadState::delivered})
    unsettled.push_back(upload_in(state, 10));  // no answer is stored yet
  for (const UploadStatus& status : unsettled) {
    for (const std::string& text : {kHead, kLastPatch, kEmptyPatch}) {
      const http::Response response = answer(request_of(text), status, {});
      EXPECT_EQ(response.status, 503) << state_name(status.state);
      EXPECT_EQ(value_of(response, "Upload-Offset"), "-");
      EXPECT_NE(value_of(response, "Retry-After"), "-");
    }
    EXPECT_EQ(answer(request_of(fragment(4, 9)), status, {}).status, 503);
    EXPECT_EQ(answer(request_of("PUT /in/box/k/n HTTP/1.1\nContent-Length: 10\n"), status, {}).status, 503);
  }
}

TEST(success_is_never_told_too_early, the_server_refused_at_the_end_and_the_client_says_success) {
  for (const UploadStatus& status : {test::rejected(), upload_in(UploadState::failed, 10)}) {
    for (const std::string& text : {kHead, kLastPatch, kEmptyPatch}) {
      const http::Response response = answer(request_of(text), status, {});
      EXPECT_GE(response.status, 400);
      EXPECT_LT(response.status, 500);  // final: asking again does not help
      EXPECT_EQ(value_of(response, "Upload-Offset"), "-");
    }
  }
}

TEST(the_stored_answer_is_repeated, the_last_patch_succeeds_without_its_result_after_a_failed_callback) {
  const http::Response first = answer(request_of(kLastPatch), test::accepted(), {});
  EXPECT_EQ(first.status, 204);
  EXPECT_EQ(test::text_of(answer(request_of(kEmptyPatch), test::accepted(), {})), test::text_of(first));
  EXPECT_EQ(answer(request_of(kLastPatch), test::rejected(403), {}).status, 403);
  EXPECT_EQ(answer(request_of(kEmptyPatch), test::rejected(403), {}).status, 403);
}

TEST(the_stored_answer_is_repeated, an_empty_patch_at_the_end_runs_the_finish_hook_again) {
  // It is an append of no bytes behind the end, which the ledger knows for done: nothing in it asks to finish.
  const AppendPart part = test::operation_of<SendPart>(kEmptyPatch).part;
  EXPECT_EQ(part.length, 0U);
  EXPECT_FALSE(part.total);
}

TEST(the_stored_answer_is_repeated, a_lost_answer_to_the_creation_makes_a_second_upload) {
  const std::string post = "POST /in/box/ HTTP/1.1\nUpload-Length: 10\nIdempotency-Key: \"order-7\"\n" + kTus;
  EXPECT_EQ(test::operation_of<MakeUpload>(post).upload.key, "order-7");
  const std::string place = value_of(answer(request_of(post), upload_in(UploadState::receiving, 0), {}), "Location");
  EXPECT_EQ(value_of(answer(request_of(post), test::accepted(), {}), "Location"), place);
}

TEST(the_stored_answer_is_repeated, a_lost_answer_to_close_sends_the_whole_file_again) {
  const std::string close =
      "BITS_POST /in/box/k/n HTTP/1.1\nBITS-Packet-Type: Close-Session\nBITS-Session-Id: {a}\nContent-Length: 0\n";
  UploadStatus delivered = test::accepted();
  delivered.state = UploadState::delivered;
  for (int repeated = 0; repeated < 3; ++repeated) EXPECT_EQ(answer(request_of(close), delivered, {}).status, 200);
}

TEST(the_stored_answer_is_repeated, the_last_fragment_again_is_416_and_the_application_is_never_told) {
  EXPECT_EQ(answer(request_of(fragment(4, 9)), test::accepted(), {}).status, 200);
  EXPECT_EQ(value_of(answer(request_of(fragment(4, 9)), test::accepted(), {}), "BITS-Received-Content-Range"), "10");
}

TEST(the_stored_answer_is_repeated, every_retry_of_a_timed_out_finish_starts_it_again) {
  // Each of them joins the wait for the same outcome.
  const auto pending = test::refused(Problem::pending, upload_in(UploadState::sealed, 10));
  EXPECT_EQ(answer(request_of(kEmptyPatch), pending, {}).status, 503);
  EXPECT_EQ(next_step(request_of("PUT /in/box/k/n HTTP/1.1\nContent-Length: 10\n"), upload_in(UploadState::sealed, 10)),
            Step::answer);
}

TEST(bytes_are_never_mixed, the_last_fragment_sent_twice_makes_the_file_longer) {
  EXPECT_TRUE(test::operation_of<SendPart>(fragment(0, 9)).part.skips_known);
}

TEST(bytes_are_never_mixed, an_overlapping_fragment_overwrites) {
  const AppendPart part = test::operation_of<SendPart>(fragment(2, 7)).part;
  EXPECT_EQ(part.offset, 2U);
  EXPECT_EQ(part.length, 6U);
  EXPECT_TRUE(part.skips_known);
}

TEST(bytes_are_never_mixed, a_put_with_content_range_replaces_the_file_by_the_part) {
  EXPECT_EQ(refusal("PUT /in/box/k/n HTTP/1.1\nContent-Length: 10\nContent-Range: bytes 10-19/20\n").status, 400);
}

TEST(bytes_are_never_mixed, an_aborted_put_leaves_a_truncated_file_in_place) {
  const std::string chunked = "PUT /in/box/k/n HTTP/1.1\nTransfer-Encoding: chunked\n";
  UploadStatus open = upload_in(UploadState::receiving, 4);
  open.size.reset();
  const auto broken = test::refused(Problem::body_broken, open);
  EXPECT_EQ(step_after_part(request_of(chunked), broken), Step::answer);  // not Step::complete
  EXPECT_GE(answer(request_of(chunked), broken, {}).status, 400);
  EXPECT_EQ(next_step(request_of(chunked), open), Step::start_over);
}

TEST(bytes_are_never_mixed, halves_of_a_file_that_was_edited_between_two_sessions_are_spliced) {
  const std::string create =
      "BITS_POST /in/box/k/n HTTP/1.1\nBITS-Packet-Type: Create-Session\nBITS-Supported-Protocols: "
      "{7df0354d-249b-430f-820d-3d2a9bef4931}\nContent-Length: 0\n";
  EXPECT_EQ(next_step(request_of(create), upload_in(UploadState::receiving, 4)), Step::start_over);
}

TEST(what_is_announced_is_done, a_wrong_checksum_is_accepted) {
  const std::string patch = kLastPatch + "Upload-Checksum: sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=\n";
  EXPECT_TRUE(test::operation_of<SendPart>(patch).part.digest);
  const http::Response response =
      answer(request_of(patch), test::refused(Problem::part_digest, upload_in(UploadState::receiving, 4)), {});
  EXPECT_EQ(response.status, 460);
  EXPECT_EQ(value_of(response, "Upload-Offset"), "-");
  for (const char* const value : {"md5 Kq5sNclPz7QV2+lfQIuc6R7oRu0=", "sha1", "sha1 AAAA"})
    EXPECT_EQ(refusal(kLastPatch + "Upload-Checksum: " + value + "\n").status, 400) << value;
}

TEST(what_is_announced_is_done, checksums_are_announced_and_ignored) {
  const std::string algorithms = value_of(refusal("OPTIONS /in/box/ HTTP/1.1\n"), "Tus-Checksum-Algorithm");
  EXPECT_EQ(algorithms, "sha1,sha256");
  EXPECT_THAT(std::string(kTusExtensions), testing::Not(testing::HasSubstr("checksum-trailer")));
}

TEST(what_is_announced_is_done, parallel_uploads_without_concatenation_are_tried_fifty_times) {
  EXPECT_THAT(std::string(kTusExtensions), testing::Not(testing::HasSubstr("concatenation")));
  // After 501 the client asks again, for each of its parts.
  for (const char* const concat : {"partial", "final;/up/a /up/b"})
    EXPECT_EQ(refusal("POST /in/box/ HTTP/1.1\nUpload-Length: 10\nUpload-Concat: " + std::string(concat) + "\n" + kTus)
                  .status,
              400);
}

TEST(nobody_waits_for_himself, a_dead_connection_of_the_client_answers_423_locked) {
  for (std::size_t i = 0; i < kProblemCount; ++i) {
    const ProblemRow& row = problem_row(static_cast<Problem>(i));
    for (const int status : {row.tus, row.put, row.bits}) EXPECT_NE(status, 423);
  }
}

TEST(nobody_waits_for_himself, an_empty_file_never_completes) {
  const std::string post = "POST /in/box/ HTTP/1.1\nUpload-Length: 0\n" + kTus;
  const MakeUpload create = test::operation_of<MakeUpload>(post);
  ASSERT_TRUE(create.part);  // a part of no bytes with the total: all that the ledger wants to seal it
  EXPECT_EQ(create.part->length, 0U);
  EXPECT_EQ(create.part->total, 0U);
  UploadStatus status = upload_in(UploadState::receiving, 0);
  status.size = 0;
  status.created = true;
  EXPECT_EQ(next_step(request_of(post), status), Step::append);
  status.created = false;  // the first one died between the two
  EXPECT_EQ(next_step(request_of(post), status), Step::append);
  EXPECT_EQ(answer(request_of(post), status, {}).status, 503);
  status.state = UploadState::accepted;
  status.answer = StoredAnswer{204, ""};
  EXPECT_EQ(answer(request_of(post), status, {}).status, 201);
}

TEST(any_node_will_do, urls_carry_the_secret_of_one_node) {
  const UploadStatus status = upload_in(UploadState::receiving, 0);
  const std::string post = "POST /in/box/ HTTP/1.1\nUpload-Length: 10\n" + kTus;
  EXPECT_EQ(value_of(answer(request_of(post), status, {}), "Location"), "/up/" + status.id);
}

// A client takes any error code for a failure, also beside 200 and 416.
TEST(bits_clients_go_on, error_fields_beside_a_success_or_a_gap) {
  const std::vector<Outcome<UploadStatus>> outcomes = {
      upload_in(UploadState::receiving, 4), test::accepted(),
      test::refused(Problem::wrong_offset, upload_in(UploadState::receiving, 2)),
      test::refused(Problem::part_too_large, upload_in(UploadState::receiving, 2))};
  for (const auto& outcome : outcomes) {
    const http::Response response = answer(request_of(fragment(4, 9)), outcome, {});
    EXPECT_EQ(value_of(response, "BITS-Error-Code"), "-") << response.status;
    EXPECT_EQ(value_of(response, "BITS-Error-Context"), "-") << response.status;
  }
  EXPECT_EQ(value_of(bits_ping(), "BITS-Error-Code"), "-");
}

// The server says nothing at all, or sends no length, and the client hangs: every packet is answered, with an end.
TEST(bits_clients_go_on, a_gap_an_unknown_session_or_an_unknown_packet_gets_no_answer) {
  for (const http::Response& response :
       {answer(request_of(fragment(4, 9)), test::refused(Problem::wrong_offset, upload_in(UploadState::receiving, 2)),
               {}),
        answer(request_of(fragment(4, 9)), test::refused(Problem::unknown_upload), {}),
        refusal("BITS_POST /in/box/k/n HTTP/1.1\nBITS-Packet-Type: Unknown\nContent-Length: 0\n")})
    EXPECT_THAT(test::text_of(response), testing::EndsWith("\nContent-Length: 0\n"));
}

// The client begins its new session where the old one was: it has to hear that nothing is there.
TEST(bits_clients_go_on, the_first_fragment_of_a_new_session_begins_at_the_old_offset) {
  const http::Response response = answer(
      request_of(fragment(4, 9)), test::refused(Problem::wrong_offset, upload_in(UploadState::receiving, 0)), {});
  EXPECT_EQ(response.status, 416);
  EXPECT_EQ(value_of(response, "BITS-Received-Content-Range"), "0");
}

}  // namespace
}  // namespace larder::inbox
