#include "inbox/wire/tus.h"

#include "inbox/wire/digests.h"
#include "tests/unit/inbox/wire/wire_fixture.h"

namespace larder::inbox {
namespace {

using test::refusal;
using test::text_of;
using test::upload_in;
using test::value_of;

const std::string kPost = "POST /in/box/ HTTP/1.1\nTus-Resumable: 1.0.0\n";
const std::string kPatch =
    "PATCH /up/a HTTP/1.1\nTus-Resumable: 1.0.0\nContent-Type: application/offset+octet-stream\n";
const std::string kHead = "HEAD /up/a HTTP/1.1\nTus-Resumable: 1.0.0\n";
const std::string kDelete = "DELETE /up/a HTTP/1.1\nTus-Resumable: 1.0.0\n";
const std::string kType = "Content-Type: application/offset+octet-stream\n";
const std::string kSeven = "sha-256=:" + to_base64(test::digest_of(7)) + ":";

CreateUpload creation(const std::string& fields) {
  return test::operation_of<MakeUpload>(kPost + fields).upload;
}
http::Response answered(const std::string& text, const Outcome<UploadStatus>& outcome) {
  http::Response response = answer(test::request_of(text), outcome, {});
  EXPECT_EQ(value_of(response, "Tus-Resumable"), "1.0.0");
  return response;
}

TEST(tus_creation, says_size_name_key_and_digest) {
  const CreateUpload upload = creation(
      "Upload-Length: 10\nUpload-Metadata: filename ZmlsZS5iaW4=,type dGV4dA==\nIdempotency-Key: "
      "\"order-7\"\nRepr-Digest: " +
      kSeven + "\n");
  EXPECT_EQ(upload.inbox, "box");
  EXPECT_EQ(upload.size, 10U);
  EXPECT_EQ(upload.name, "file.bin");
  EXPECT_EQ(upload.metadata, "filename ZmlsZS5iaW4=,type dGV4dA==");
  EXPECT_EQ(upload.key, "order-7");
  EXPECT_EQ(upload.sha256, test::digest_of(7));
  EXPECT_EQ(upload.url, "http://inbox.example/in/box/");
  EXPECT_EQ(upload.dialect, Dialect::tus);
  EXPECT_FALSE(test::operation_of<MakeUpload>(kPost + "Upload-Length: 10\n").part);
}

TEST(tus_creation, the_key_may_be_in_the_metadata) {
  EXPECT_EQ(creation("Upload-Length: 1\nUpload-Metadata: larder-key b3JkZXItNw==\n").key, "order-7");
  EXPECT_EQ(creation("Upload-Length: 1\nUpload-Metadata: larder-key b3JkZXItNw==\nIdempotency-Key: \"order-7\"\n").key,
            "order-7");
  EXPECT_EQ(refusal(kPost + "Upload-Length: 1\nUpload-Metadata: larder-key b3JkZXItNw==\nIdempotency-Key: \"other\"\n")
                .status,
            400);
  EXPECT_EQ(creation("Upload-Length: 1\n").key, "");
}

TEST(tus_creation, the_length_may_come_later) {
  EXPECT_EQ(creation("Upload-Defer-Length: 1\n").size, std::nullopt);
  for (const char* const fields :
       {"", "Upload-Defer-Length: 0\n", "Upload-Defer-Length: 2\nUpload-Length: 1\n",
        "Upload-Defer-Length: 1\nUpload-Length: 1\n", "Upload-Length: -1\n", "Upload-Length: 18446744073709551616\n",
        "Upload-Length: 1\nUpload-Length: 1\n", "Upload-Length:\n", "Upload-Length: 1, 1\n",
        "Upload-Defer-Length: 1\nUpload-Defer-Length: 1\n"})
    EXPECT_EQ(refusal(kPost + fields).status, 400) << fields;
}

TEST(tus_creation, is_bounded) {
  WireSettings settings;
  settings.max_size = 100;
  const auto post = [&](const std::string& fields) { return translate(test::head_of(kPost + fields), settings); };
  EXPECT_TRUE(std::holds_alternative<Request>(post("Upload-Length: 100\n")));
  EXPECT_EQ(std::get<http::Response>(post("Upload-Length: 101\n")).status, 413);
  EXPECT_EQ(std::get<http::Response>(post("Upload-Length: 10\n" + kType + "Content-Length: 11\n")).status, 400);
  EXPECT_EQ(std::get<http::Response>(post("Upload-Defer-Length: 1\n" + kType + "Content-Length: 101\n")).status, 413);
  settings.max_part = 5;
  EXPECT_TRUE(std::holds_alternative<Request>(post("Upload-Length: 10\n" + kType + "Content-Length: 5\n")));
  EXPECT_EQ(std::get<http::Response>(post("Upload-Length: 10\n" + kType + "Content-Length: 6\n")).status, 413);
}

TEST(tus_creation, takes_the_first_part_along) {
  const MakeUpload create = test::operation_of<MakeUpload>(
      kPost + "Upload-Length: 10\nContent-Length: 4\nContent-Digest: " + kSeven + "\n" + kType);
  ASSERT_TRUE(create.part);
  EXPECT_EQ(create.part->offset, 0U);
  EXPECT_EQ(create.part->length, 4U);
  EXPECT_EQ(create.part->total, 10U);
  ASSERT_TRUE(create.part->digest);
  EXPECT_EQ(create.part->digest->value.front(), std::byte{7});
  const MakeUpload chunked =
      test::operation_of<MakeUpload>(kPost + "Upload-Defer-Length: 1\nTransfer-Encoding: chunked\n" + kType);
  EXPECT_EQ(chunked.part->length, std::nullopt);
  EXPECT_EQ(chunked.part->total, std::nullopt);
  EXPECT_EQ(refusal(kPost + "Upload-Length: 10\nContent-Length: 4\n").status, 415);
  EXPECT_EQ(refusal(kPost + "Upload-Length: 10\nContent-Length: 4\nContent-Encoding: gzip\n" + kType).status, 415);
  // Repr-Digest is that of the whole here.
  EXPECT_FALSE(test::operation_of<MakeUpload>(kPost + "Upload-Length: 10\nContent-Length: 4\nRepr-Digest: " + kSeven +
                                              "\n" + kType)
                   .part->digest);
}

TEST(tus_creation, is_answered_with_the_place) {
  UploadStatus status = upload_in(UploadState::receiving, 0);
  status.created = true;
  status.expires_at = from_unix_ns(1'000'000'000'000'000'000);
  EXPECT_EQ(text_of(answered(kPost + "Upload-Length: 10\n", status)),
            "201 Created\nLocation: /up/aaaabbbbccccddddeeeeffffgg\nUpload-Expires: Sun, 09 Sep 2001 01:46:40 "
            "GMT\nTus-Resumable: 1.0.0\nContent-Length: 0\n");
  status.offset = 4;
  EXPECT_EQ(value_of(answered(kPost + "Upload-Length: 10\nContent-Length: 4\n" + kType, status), "Upload-Offset"), "4");
  WireSettings settings;
  settings.base_url = "https://front.example/x";
  EXPECT_EQ(value_of(answer(test::request_of(kPost + "Upload-Length: 10\n", settings), status, settings), "Location"),
            "https://front.example/x/up/aaaabbbbccccddddeeeeffffgg");
}

// The answer to the first one was lost: the same place again, whatever became of the upload meanwhile.
TEST(tus_creation, repeated_with_its_key) {
  const std::string post = kPost + "Upload-Length: 10\nIdempotency-Key: \"order-7\"\n";
  for (const UploadStatus& status :
       {upload_in(UploadState::receiving, 4), upload_in(UploadState::sealed, 10), test::accepted()}) {
    const http::Response response = answered(post, status);
    EXPECT_EQ(response.status, 201) << state_name(status.state);
    EXPECT_EQ(value_of(response, "Location"), "/up/aaaabbbbccccddddeeeeffffgg");
  }
  EXPECT_EQ(answered(post, test::rejected()).status, 403);
  EXPECT_EQ(answered(post, upload_in(UploadState::failed, 10)).status, 422);
  EXPECT_EQ(answered(post, test::refused(Problem::key_conflict, test::accepted())).status, 422);
  const http::Response waits = answered(post, test::refused(Problem::pending, upload_in(UploadState::sealed, 10)));
  EXPECT_EQ(waits.status, 201);
  EXPECT_EQ(value_of(waits, "Location"), "/up/aaaabbbbccccddddeeeeffffgg");
  EXPECT_EQ(answered(post, test::refused(Problem::pending)).status, 503);
  // Not to the upload of another file.
  const auto conflict = test::refused(Problem::key_conflict, upload_in(UploadState::receiving, 4));
  EXPECT_EQ(value_of(answered(post, conflict), "Location"), "-");
}

TEST(tus_creation, whose_first_part_was_refused_tells_where_to_go_on) {
  const std::string post = kPost + "Upload-Length: 10\nContent-Length: 4\n" + kType;
  const http::Response response =
      answered(post, test::refused(Problem::part_digest, upload_in(UploadState::receiving, 0)));
  EXPECT_EQ(response.status, 460);
  EXPECT_EQ(value_of(response, "Location"), "/up/aaaabbbbccccddddeeeeffffgg");
  EXPECT_EQ(value_of(answered(post, test::refused(Problem::rejected, test::rejected())), "Location"), "-");
  EXPECT_EQ(value_of(answered(post, test::refused(Problem::no_space)), "Location"), "-");
  const auto other = test::refused(Problem::key_conflict, upload_in(UploadState::receiving));
  EXPECT_EQ(value_of(answered(post, other), "Location"), "-") << "it is the upload of another file";
}

// The first try broke off, and its bytes were written while the second one waited.
TEST(tus_creation, that_finds_bytes_of_an_earlier_try_tells_where_to_go_on) {
  const std::string post = kPost + "Upload-Length: 10\nIdempotency-Key: \"order-7\"\nContent-Length: 4\n" + kType;
  const http::Response response =
      answered(post, test::refused(Problem::wrong_offset, upload_in(UploadState::receiving, 3)));
  EXPECT_EQ(response.status, 201);
  EXPECT_EQ(value_of(response, "Location"), "/up/aaaabbbbccccddddeeeeffffgg");
  EXPECT_EQ(value_of(response, "Upload-Offset"), "3");
  EXPECT_EQ(answered(kPatch + "Upload-Offset: 0\n",
                     test::refused(Problem::wrong_offset, upload_in(UploadState::receiving, 3)))
                .status,
            409);
}

TEST(tus_patch, is_a_part) {
  const SendPart append =
      test::operation_of<SendPart>(kPatch + "Upload-Offset: 4\nContent-Length: 6\nUpload-Checksum: sha1 " +
                                   to_base64(std::vector<std::byte>(20, std::byte{1})) + "\n");
  EXPECT_EQ(append.part.id, "a");
  EXPECT_EQ(append.part.offset, 4U);
  EXPECT_EQ(append.part.length, 6U);
  EXPECT_EQ(append.part.total, std::nullopt);
  EXPECT_EQ(append.part.digest->algorithm, PartDigest::Algorithm::sha1);
  EXPECT_FALSE(append.part.skips_known);
  const SendPart last = test::operation_of<SendPart>(
      kPatch + "Upload-Offset: 4\nUpload-Length: 10\nContent-Length: 6\nLarder-Upload-Digest: " + kSeven + "\n");
  EXPECT_EQ(last.part.total, 10U);
  EXPECT_EQ(last.part.sha256, test::digest_of(7));
  EXPECT_FALSE(last.part.digest);
  EXPECT_EQ(test::operation_of<SendPart>(kPatch + "Upload-Offset: 4\nTransfer-Encoding: chunked\n").part.length,
            std::nullopt);
  EXPECT_EQ(test::operation_of<SendPart>("POST /up/a HTTP/1.1\nX-HTTP-Method-Override: PATCH\nTus-Resumable: "
                                         "1.0.0\nUpload-Offset: 1\nContent-Length: 1\n"
                                         "Repr-Digest: " +
                                         kSeven + "\n" + kType)
                .part.digest->value.front(),
            std::byte{7});
}

TEST(tus_patch, at_the_end_is_a_part_of_no_bytes) {
  const SendPart append = test::operation_of<SendPart>(kPatch + "Upload-Offset: 10\n");
  EXPECT_EQ(append.part.offset, 10U);
  EXPECT_EQ(append.part.length, 0U);
}

TEST(tus_patch, that_is_none) {
  for (const char* const fields :
       {"", "Upload-Offset: -1\n", "Upload-Offset: 9223372036854775808\n", "Upload-Offset: 1\nUpload-Offset: 1\n",
        "Upload-Offset: x\n", "Upload-Offset: 4\nUpload-Length: 9\nContent-Length: 6\n",
        "Upload-Offset: 4\nUpload-Checksum: md5 AAAA\n", "Upload-Offset: 4\nUpload-Length: 10\nUpload-Length: 10\n",
        "Upload-Offset: 4\nLarder-Upload-Digest: x\n"})
    EXPECT_EQ(refusal(kPatch + fields).status, 400) << fields;
  EXPECT_EQ(refusal(kPatch + "Upload-Offset: 9223372036854775807\nContent-Length: 1\n").status, 413);
  EXPECT_EQ(refusal(kPatch + "Upload-Offset: 1\nUpload-Length: 9223372036854775807\n").status, 413);
  EXPECT_EQ(refusal("PATCH /up/a HTTP/1.1\nTus-Resumable: 1.0.0\nUpload-Offset: 4\nContent-Length: 6\n").status, 415);
  EXPECT_EQ(
      refusal(
          "PATCH /up/a HTTP/1.1\nTus-Resumable: 1.0.0\nUpload-Offset: 4\nContent-Type: application/partial-upload\n")
          .status,
      415);
}

TEST(tus_patch, is_answered_with_the_offset) {
  const std::string patch = kPatch + "Upload-Offset: 4\nContent-Length: 2\n";
  UploadStatus status = upload_in(UploadState::receiving, 6);
  status.expires_at = from_unix_ns(1'000'000'000'000'000'000);
  EXPECT_EQ(text_of(answered(patch, status)),
            "204 No Content\nUpload-Offset: 6\nUpload-Expires: Sun, 09 Sep 2001 01:46:40 GMT\nTus-Resumable: 1.0.0\n");
  status = test::accepted();
  status.has_reply = true;
  EXPECT_EQ(text_of(answered(patch, status)),
            "204 No Content\nUpload-Offset: 10\nRepr-Digest: " + digest_member(test::digest_of(7)) +
                "\nLarder-Reply-URL: /reply/aaaabbbbccccddddeeeeffffgg\nTus-Resumable: 1.0.0\n");
  EXPECT_EQ(answered(patch, test::refused(Problem::part_digest, upload_in(UploadState::receiving, 4))).status, 460);
  EXPECT_EQ(answered(patch, upload_in(UploadState::failed, 10)).status, 422);
  EXPECT_EQ(answered(patch, test::refused(Problem::already_settled, test::accepted())).status, 409);
}

TEST(tus_look, tells_the_offset) {
  EXPECT_EQ(test::operation_of<AskOffset>(kHead).id, "a");
  UploadStatus status = upload_in(UploadState::receiving, 4);
  status.metadata = "filename ZmlsZS5iaW4=,type dGV4dA==";
  EXPECT_EQ(text_of(answered(kHead, status)),
            "200 OK\nUpload-Offset: 4\nCache-Control: no-store\nUpload-Length: 10\n"
            "Upload-Metadata: filename ZmlsZS5iaW4=,type dGV4dA==\nTus-Resumable: 1.0.0\nContent-Length: 0\n");
  status.size.reset();
  EXPECT_EQ(value_of(answered(kHead, status), "Upload-Length"), "-");
  EXPECT_EQ(value_of(answered(kHead, status), "Upload-Defer-Length"), "1");
}

TEST(tus_look, an_end_has_no_offset) {
  for (const auto& [outcome, status] :
       std::initializer_list<std::pair<Outcome<UploadStatus>, int>>{{test::rejected(), 403},
                                                                    {upload_in(UploadState::failed, 10), 410},
                                                                    {upload_in(UploadState::cancelled), 410},
                                                                    {upload_in(UploadState::expired), 410},
                                                                    {test::refused(Problem::unknown_upload), 404},
                                                                    {test::refused(Problem::gone), 410},
                                                                    {test::refused(Problem::forbidden), 403}}) {
    const http::Response response = answered(kHead, outcome);
    EXPECT_EQ(response.status, status);
    EXPECT_EQ(value_of(response, "Upload-Offset"), "-");
    EXPECT_EQ(value_of(response, "Cache-Control"), "no-store");
  }
}

TEST(tus_cancel, is_answered_alike_each_time) {
  EXPECT_EQ(test::operation_of<CancelUpload>(kDelete).id, "a");
  EXPECT_EQ(
      test::operation_of<CancelUpload>("POST /up/a HTTP/1.1\nX-HTTP-Method-Override: DELETE\nTus-Resumable: 1.0.0\n")
          .id,
      "a");
  const UploadStatus cancelled = upload_in(UploadState::cancelled);
  EXPECT_EQ(text_of(answered(kDelete, cancelled)), "204 No Content\nTus-Resumable: 1.0.0\n");
  EXPECT_EQ(answered(kDelete, test::refused(Problem::gone, cancelled)).status, 204);
  EXPECT_EQ(answered(kDelete, test::refused(Problem::gone, upload_in(UploadState::expired))).status, 410);
  EXPECT_EQ(answered(kDelete, test::refused(Problem::already_settled, test::accepted())).status, 403);
  EXPECT_EQ(refusal(kDelete + "Content-Length: 1\n").status, 400);
  // Of other requests it is gone.
  EXPECT_EQ(answered(kHead, test::refused(Problem::gone, cancelled)).status, 410);
}

TEST(tus_patch, behind_another_writer_who_was_done) {
  const auto status = [](const std::string& offset) {
    return answered(kPatch + "Upload-Offset: " + offset + "\nContent-Length: 1\n",
                    test::refused(Problem::already_settled, test::accepted()))
        .status;
  };
  for (const char* const offset : {"4", "10"}) {
    EXPECT_EQ(status(offset), 409);  // it asks for the offset then, and hears that all is there
  }
}

TEST(tus_version, another_one_is_not_spoken) {
  for (const char* const request :
       {"POST /in/box/ HTTP/1.1\nUpload-Length: 1\n", "HEAD /up/a HTTP/1.1\n",
        "PATCH /up/a HTTP/1.1\nTus-Resumable: 0.2.2\n", "DELETE /up/a HTTP/1.1\nTus-Resumable: 1.0.1\n",
        "HEAD /up/a HTTP/1.1\nTus-Resumable:\n"}) {
    const http::Response response = refusal(request);
    EXPECT_EQ(response.status, 412) << request;
    EXPECT_EQ(value_of(response, "Tus-Version"), "1.0.0");
    EXPECT_EQ(value_of(response, "Tus-Resumable"), "1.0.0");
  }
  EXPECT_EQ(refusal("HEAD /up/a HTTP/1.1\nTus-Resumable: 1.0.0\nTus-Resumable: 1.0.0\n").status, 400);
}

TEST(tus_options, tell_what_is_spoken) {
  const std::string wanted =
      "204 No Content\nAllow: OPTIONS, POST\nTus-Resumable: 1.0.0\nTus-Version: 1.0.0\n"
      "Tus-Extension: creation,creation-with-upload,creation-defer-length,checksum,expiration,termination,larder-key\n"
      "Tus-Max-Size: 1099511627776\nTus-Checksum-Algorithm: sha1,sha256\n";
  EXPECT_EQ(text_of(refusal("OPTIONS /in/box/ HTTP/1.1\n")), wanted);
  EXPECT_EQ(text_of(refusal("OPTIONS /in/box/ HTTP/1.1\nTus-Resumable: 0.1\n")), wanted);  // not looked at
  EXPECT_EQ(value_of(refusal("OPTIONS /up/a HTTP/1.1\n"), "Allow"), "DELETE, HEAD, OPTIONS, PATCH");
  EXPECT_EQ(value_of(refusal("OPTIONS * HTTP/1.1\n"), "Tus-Version"), "1.0.0");
}

}  // namespace
}  // namespace larder::inbox
