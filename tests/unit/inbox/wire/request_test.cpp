#include "inbox/wire/request.h"

#include "tests/unit/inbox/wire/wire_fixture.h"

namespace larder::inbox {
namespace {

using test::upload_in;

const std::string kTus = "POST /in/box/ HTTP/1.1\nTus-Resumable: 1.0.0\nUpload-Length: 10\n";
const std::string kTusWithBody = kTus + "Content-Type: application/offset+octet-stream\nContent-Length: 10\n";
const std::string kTusEmpty = "POST /in/box/ HTTP/1.1\nTus-Resumable: 1.0.0\nUpload-Length: 0\n";
const std::string kPut = "PUT /in/box/k/n HTTP/1.1\nContent-Length: 10\n";
const std::string kBits =
    "BITS_POST /in/box/k/n HTTP/1.1\nBITS-Packet-Type: Create-Session\nBITS-Supported-Protocols: "
    "{7df0354d-249b-430f-820d-3d2a9bef4931}\nContent-Length: 0\n";
const std::string kClose =
    "BITS_POST /in/box/k/n HTTP/1.1\nBITS-Packet-Type: Close-Session\nBITS-Session-Id: {a}\nContent-Length: 0\n";
const std::string kCancel =
    "BITS_POST /in/box/k/n HTTP/1.1\nBITS-Packet-Type: Cancel-Session\nBITS-Session-Id: {a}\nContent-Length: 0\n";

constexpr std::array kNames = {"answer",   "append", "start_over", "compare_body",
                               "complete", "cancel", "refuse",     "conflict"};
std::string step(const std::string& text, const Outcome<UploadStatus>& outcome, const WireSettings& settings = {}) {
  return kNames.at(static_cast<std::size_t>(next_step(test::request_of(text, settings), outcome)));
}
UploadStatus created(std::optional<std::uint64_t> size = 10) {
  UploadStatus status = upload_in(UploadState::receiving, 0);
  status.created = true;
  status.size = size;
  return status;
}

// In the order of the states: receiving at 0, at 4, with all bytes; sealed, accepted with its answer, rejected, failed.
std::string steps(const std::string& text, const WireSettings& settings = {}) {
  std::string all;
  for (const UploadStatus& status : {upload_in(UploadState::receiving, 0), upload_in(UploadState::receiving, 4),
                                     upload_in(UploadState::receiving, 10), upload_in(UploadState::sealed, 10),
                                     test::accepted(), test::rejected(), upload_in(UploadState::failed, 10)})
    all += step(text, status, settings) + " ";
  return all;
}

TEST(next_step, of_a_creation_with_tus) {
  EXPECT_EQ(step(kTus, created()), "answer");
  EXPECT_EQ(step(kTusWithBody, created()), "append");
  EXPECT_EQ(step(kTusEmpty, created(0)), "append");
  EXPECT_EQ(steps(kTus), "answer answer answer answer answer answer answer ");
  EXPECT_EQ(steps(kTusWithBody), "append answer answer answer compare_body answer answer ") << "the whole is compared";
}

// Bytes that came by another dialect may be of another file.
TEST(next_step, of_a_creation_that_finds_another_dialects_bytes) {
  UploadStatus status = upload_in(UploadState::receiving, 4);
  for (const std::uint64_t offset : {0U, 4U, 10U}) {
    for (const Dialect dialect : {Dialect::put, Dialect::bits}) {
      status.dialect = dialect;
      status.offset = offset;
      EXPECT_EQ(step(kTus, status), "start_over") << offset;
      EXPECT_EQ(step(kTusWithBody, status), "start_over") << offset;
      EXPECT_EQ(step(kTus, test::refused(Problem::key_conflict, status)), "start_over") << "of another size";
    }
    status.dialect = Dialect::tus;
    EXPECT_EQ(step(kPut, status), "start_over");
    EXPECT_EQ(step(kBits, status), "start_over");
    EXPECT_EQ(step(kTus, test::refused(Problem::key_conflict, status)), "answer") << "the same client's other file";
  }
}

TEST(next_step, of_a_put_that_another_files_upload_stands_in_the_way_of) {
  UploadStatus status = upload_in(UploadState::receiving, 4);
  status.dialect = Dialect::put;
  status.name = "other";
  EXPECT_EQ(step(kPut, test::refused(Problem::key_conflict, status)), "answer") << "it is not cancelled";
  status.name = "n";
  EXPECT_EQ(step(kPut, test::refused(Problem::key_conflict, status)), "start_over");
}

TEST(next_step, of_a_put) {
  EXPECT_EQ(step(kPut, created()), "append");
  EXPECT_EQ(steps(kPut), "start_over start_over start_over answer compare_body answer answer ");
  const std::string same = kPut + "Repr-Digest: sha-256=:" + to_base64(test::digest_of(7)) + ":\n";
  const std::string other = kPut + "Repr-Digest: sha-256=:" + to_base64(test::digest_of(8)) + ":\n";
  EXPECT_EQ(step(same, test::accepted()), "answer");
  EXPECT_EQ(step(other, test::accepted()), "conflict");
  EXPECT_EQ(step("PUT /in/box/k/n HTTP/1.1\nContent-Length: 11\n", test::accepted()), "conflict");
  EXPECT_EQ(step("PUT /in/box/k/n HTTP/1.1\nTransfer-Encoding: chunked\n", test::accepted()), "compare_body");
  const std::string if_new = "If-None-Match: *\n";
  EXPECT_EQ(step(same + if_new, test::accepted()), "answer");
  EXPECT_EQ(step(other + if_new, test::accepted()), "conflict");
  EXPECT_EQ(step(kPut + if_new, test::accepted()), "refuse");
  UploadStatus forgotten = test::accepted();
  forgotten.sha256.reset();
  EXPECT_EQ(step(kPut, forgotten), "refuse");
  EXPECT_EQ(step(same, forgotten), "refuse");
}

// Created and whole at once, since it has no bytes.
TEST(next_step, of_a_put_without_bytes) {
  UploadStatus status = test::accepted();
  status.created = true;
  status.size = status.offset = 0;
  EXPECT_EQ(step("PUT /in/box/k/n HTTP/1.1\nContent-Length: 0\n", status), "answer");
  EXPECT_EQ(step(kTusEmpty, status), "answer");
}

TEST(step_after_part, where_nothing_but_the_end_of_the_body_told_the_size) {
  const auto after = [](const std::string& text, const Outcome<UploadStatus>& outcome) {
    return kNames.at(static_cast<std::size_t>(step_after_part(test::request_of(text), outcome)));
  };
  const std::string chunked = "PUT /in/box/k/n HTTP/1.1\nTransfer-Encoding: chunked\n";
  UploadStatus open = upload_in(UploadState::receiving, 4);
  open.size.reset();
  EXPECT_EQ(after(chunked, open), std::string("complete"));
  EXPECT_EQ(after(chunked, upload_in(UploadState::receiving, 4)), std::string("answer"));
  EXPECT_EQ(after(chunked, test::accepted()), std::string("answer"));
  EXPECT_EQ(after(chunked, test::refused(Problem::body_broken, open)), std::string("answer"));  // it did not end
  // With tus a part is only a part.
  EXPECT_EQ(after("POST /in/box/ HTTP/1.1\nTus-Resumable: 1.0.0\nUpload-Defer-Length: 1\nTransfer-Encoding: chunked\n"
                  "Content-Type: application/offset+octet-stream\n",
                  open),
            std::string("answer"));
}

// The file was changed after a PUT of it broke off: the key is no conflict before anything was taken by it.
TEST(next_step, of_a_put_after_another_file_broke_off) {
  UploadStatus broken = upload_in(UploadState::receiving, 4);
  broken.name = "n";
  EXPECT_EQ(step(kPut, test::refused(Problem::key_conflict, broken)), "start_over");
  EXPECT_EQ(step(kPut, test::refused(Problem::key_conflict, test::accepted())), "answer");
  EXPECT_EQ(step(kPut, test::refused(Problem::key_conflict)), "answer");
  EXPECT_EQ(step(kPut, test::refused(Problem::no_space, upload_in(UploadState::receiving, 4))), "answer");
  EXPECT_EQ(step(kTus, test::refused(Problem::key_conflict, upload_in(UploadState::receiving, 4))), "answer");
}

TEST(next_step, of_a_session) {
  EXPECT_EQ(step(kBits, created(std::nullopt)), "answer");
  EXPECT_EQ(steps(kBits), "start_over start_over start_over answer refuse refuse refuse ");
  UploadStatus waits = test::accepted();
  waits.answer.reset();
  EXPECT_EQ(step(kBits, waits), "refuse");
}

TEST(next_step, of_leaving_a_session) {
  EXPECT_EQ(steps(kClose), "cancel cancel answer answer answer answer answer ");
  EXPECT_EQ(steps(kCancel), "cancel cancel answer answer answer answer answer ");
  WireSettings empty;
  empty.bits_empty_files = true;
  const UploadStatus nothing = created(std::nullopt);
  EXPECT_EQ(step(kClose, nothing), "cancel");
  EXPECT_EQ(step(kClose, nothing, empty), "append");
  EXPECT_EQ(step(kCancel, nothing, empty), "cancel");
  EXPECT_EQ(step(kClose, upload_in(UploadState::receiving, 4), empty), "cancel");
  EXPECT_EQ(step(kClose, upload_in(UploadState::receiving, 0), empty), "cancel");  // of ten bytes none has come
  EXPECT_EQ(step(kClose, test::refused(Problem::unknown_upload), empty), "answer");
}

TEST(next_step, of_what_is_one_operation) {
  for (const std::string& text : {std::string("HEAD /up/a HTTP/1.1\nTus-Resumable: 1.0.0\n"),
                                  std::string("DELETE /up/a HTTP/1.1\nTus-Resumable: 1.0.0\n"),
                                  std::string("GET /up/a/state HTTP/1.1\n"), std::string("GET /reply/a HTTP/1.1\n")})
    EXPECT_EQ(steps(text), "answer answer answer answer answer answer answer ") << text;
}

TEST(part_of, the_part_that_came_along) {
  UploadStatus status = created();
  status.id = "newid";
  const AppendPart body = part_of(test::request_of(kTusWithBody), status);
  EXPECT_EQ(body.id, "newid");
  EXPECT_EQ(body.length, 10U);
  EXPECT_EQ(body.total, 10U);
  const AppendPart whole = part_of(test::request_of(kPut), status);
  EXPECT_EQ(whole.id, "newid");
  const AppendPart empty = part_of(test::request_of(kClose), status);
  EXPECT_EQ(empty.id, "newid");
  EXPECT_EQ(empty.offset, 0U);
  EXPECT_EQ(empty.length, 0U);
  EXPECT_EQ(empty.total, 0U);
}

}  // namespace
}  // namespace larder::inbox
