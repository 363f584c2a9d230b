#include "inbox/wire/put.h"

#include "inbox/wire/digests.h"
#include "tests/unit/inbox/wire/wire_fixture.h"

namespace larder::inbox {
namespace {

using test::refusal;
using test::value_of;

const std::string kLine = "PUT /in/box/order-7/f%20g.bin HTTP/1.1\n";
const std::string kPut = kLine + "Content-Length: 10\n";
const std::string kSeven = "sha-256=:" + to_base64(test::digest_of(7)) + ":",
                  kEight = "sha-256=:" + to_base64(test::digest_of(8)) + ":";

http::Response answered(const std::string& text, const Outcome<UploadStatus>& outcome) {
  return answer(test::request_of(text), outcome, {});
}

TEST(put, curl_needs_nothing_more) {
  const MakeUpload create = test::operation_of<MakeUpload>(
      "PUT /in/box/order-7/f%20g.bin HTTP/1.1\nHost: 127.0.0.1:8080\nUser-Agent: curl/7.88.1\nAccept: "
      "*/*\nContent-Length: 10\nExpect: 100-continue\n");
  EXPECT_EQ(create.upload.inbox, "box");
  EXPECT_EQ(create.upload.key, "order-7");
  EXPECT_EQ(create.upload.name, "f g.bin");
  EXPECT_EQ(create.upload.size, 10U);
  EXPECT_EQ(create.upload.sha256, std::nullopt);
  EXPECT_EQ(create.upload.url, "http://127.0.0.1:8080/in/box/order-7/f%20g.bin");
  EXPECT_EQ(create.upload.dialect, Dialect::put);
  ASSERT_TRUE(create.part);
  EXPECT_EQ(create.part->offset, 0U);
  EXPECT_EQ(create.part->length, 10U);
  EXPECT_EQ(create.part->total, 10U);
  EXPECT_FALSE(create.part->skips_known);
}

TEST(put, a_pipe_has_no_size_before_its_end) {
  const MakeUpload create = test::operation_of<MakeUpload>(kLine + "Transfer-Encoding: chunked\n");
  EXPECT_EQ(create.upload.size, std::nullopt);
  EXPECT_EQ(create.part->length, std::nullopt);
  EXPECT_EQ(create.part->total, std::nullopt);
}

TEST(put, an_empty_file_is_one) {
  const MakeUpload create = test::operation_of<MakeUpload>(kLine + "Content-Length: 0\n");
  EXPECT_EQ(create.upload.size, 0U);
  EXPECT_EQ(create.part->length, 0U);
  EXPECT_EQ(create.part->total, 0U);
}

TEST(put, a_request_without_a_length_is_no_empty_file) {
  EXPECT_EQ(test::refusal(kLine).status, 411);
}

TEST(put, a_post_of_the_file_is_the_same) {
  EXPECT_EQ(test::operation_of<MakeUpload>(
                "POST /in/box/k/n HTTP/1.1\nContent-Type: application/x-www-form-urlencoded\nContent-Length: 3\n")
                .upload.size,
            3U);
  EXPECT_EQ(
      refusal("POST /in/box/k/n HTTP/1.1\nContent-Type: multipart/form-data; boundary=x\nContent-Length: 3\n").status,
      415);
}

TEST(put, the_digest_of_the_whole) {
  EXPECT_EQ(test::operation_of<MakeUpload>(kPut + "Repr-Digest: " + kSeven + "\n").upload.sha256, test::digest_of(7));
  EXPECT_EQ(test::operation_of<MakeUpload>(kPut + "Content-Digest: " + kSeven + "\n").upload.sha256,
            test::digest_of(7));
  EXPECT_EQ(test::operation_of<MakeUpload>(kPut + "Content-Digest: " + kSeven + "\nRepr-Digest: " + kSeven + "\n")
                .upload.sha256,
            test::digest_of(7));
  EXPECT_EQ(refusal(kPut + "Content-Digest: " + kEight + "\nRepr-Digest: " + kSeven + "\n").status, 400);
  EXPECT_EQ(refusal(kPut + "Repr-Digest: sha-256=:AAAA:\n").status, 400);
  EXPECT_EQ(refusal(kPut + "Repr-Digest: " + kSeven + "\nRepr-Digest: " + kSeven + "\n").status, 400);
}

TEST(put, what_is_not_the_whole_as_it_is) {
  for (const char* const field : {"Content-Range: bytes 0-9/20", "Content-Range: bytes 0-9/10", "Content-Range: x",
                                  "Upload-Offset: 0", "Upload-Length: 10", "X-Update-Range: bytes=0-9"})
    EXPECT_EQ(refusal(kPut + field + "\n").status, 400) << field;
  EXPECT_EQ(refusal(kPut + "Content-Encoding: gzip\n").status, 415);
  EXPECT_EQ(refusal(kPut + "Upload-Complete: ?0\n").status, 501);
  EXPECT_EQ(refusal(kPut + "Upload-Complete: x\n").status, 501);
  EXPECT_EQ(test::operation_of<MakeUpload>(kPut + "Upload-Complete: ?1\n").upload.size, 10U);
  EXPECT_EQ(refusal(kPut + "Idempotency-Key: \"other\"\n").status, 400);
  EXPECT_EQ(test::operation_of<MakeUpload>(kPut + "Idempotency-Key: \"order-7\"\n").upload.key, "order-7");
}

TEST(put, conditions) {
  EXPECT_FALSE(test::request_of(kPut).only_new);
  EXPECT_TRUE(test::request_of(kPut + "If-None-Match: *\n").only_new);
  EXPECT_EQ(refusal(kPut + "If-None-Match: \"x\"\n").status, 400);
  EXPECT_EQ(refusal(kPut + "If-None-Match: *\nIf-None-Match: *\n").status, 400);
  EXPECT_EQ(refusal(kPut + "If-Match: *\n").status, 412);
}

TEST(put, is_bounded) {
  WireSettings settings;
  settings.max_size = 10;
  settings.max_part = 5;  // of parts; a PUT is one request by its nature
  EXPECT_TRUE(std::holds_alternative<Request>(translate(test::head_of(kPut), settings)));
  const http::Response response = refusal(kLine + "Content-Length: 11\n", settings);
  EXPECT_EQ(response.status, 413);
  EXPECT_EQ(response.body, "cannot take the request: this inbox takes at most 10 bytes\n");
}

TEST(put, is_answered_alike_each_time) {
  UploadStatus status = test::accepted();
  const std::string wanted =
      "201 Created\nLocation: /up/aaaabbbbccccddddeeeeffffgg/state\nRepr-Digest: " + digest_member(test::digest_of(7)) +
      "\nContent-Length: 0\n";
  EXPECT_EQ(test::text_of(answered(kPut, status)), wanted);
  status.state = UploadState::delivered;
  EXPECT_EQ(test::text_of(answered(kPut, status)), wanted);
  status.answer->text = "filed as 4711";
  status.has_reply = true;
  const http::Response response = answered(kPut, status);
  EXPECT_EQ(response.status, 201);
  EXPECT_EQ(response.body, "filed as 4711\n");
  EXPECT_EQ(value_of(response, "Larder-Reply-URL"), "/reply/aaaabbbbccccddddeeeeffffgg");
}

TEST(put, what_is_no_success) {
  EXPECT_EQ(answered(kPut, test::upload_in(UploadState::receiving, 4)).status, 408);
  EXPECT_EQ(answered(kPut, test::upload_in(UploadState::sealed, 10)).status, 503);
  EXPECT_EQ(value_of(answered(kPut, test::upload_in(UploadState::sealed, 10)), "Retry-After"), "5");
  EXPECT_EQ(answered(kPut, test::rejected(403)).status, 403);
  EXPECT_EQ(answered(kPut, test::upload_in(UploadState::failed, 10)).status, 422);
  EXPECT_EQ(answered(kPut, test::refused(Problem::key_conflict, test::accepted())).status, 409);
  EXPECT_EQ(answered(kPut, test::refused(Problem::already_settled, test::accepted())).status, 409);
  EXPECT_EQ(answered(kPut + "If-None-Match: *\n", test::refused(Problem::already_settled, test::accepted())).status,
            412);
  EXPECT_EQ(answered(kPut + "If-None-Match: *\n", test::refused(Problem::key_conflict, test::accepted())).status, 409);
}

}  // namespace
}  // namespace larder::inbox
