// Single answers, waits, stops and replies as Uploads takes them: what the rules leave to the exchange.
#include <future>

#include "base/runtime/loop.h"
#include "uploads_fixture.h"

namespace larder::origin {
namespace {

using std::chrono::seconds;
using test::answer_of;

constexpr std::uint64_t kMiB = 1024 * 1024;

using UploadsAnswersTest = UploadsFixture;

// The rules count a request as perhaps sent before it goes out; one that the attempt did not send any more was not.
TEST_F(UploadsAnswersTest, AWaitBeforeARequestDoesNotCountItAsSent) {
  for (const bool keyed : {true, false}) {
    test::TusManner manner;
    manner.keyed = keyed;
    test::TusServer server(manner);
    use(server);
    http->other = [keyed](const HttpRequest& request) -> std::optional<UploadAnswer> {
      if (request.method != "OPTIONS") return std::nullopt;
      return answer_of_tus_options(keyed ? "creation,larder-key" : "creation");
    };
    expect_fates("POST", {away(), away()});
    const auto heard = run(job("", ProtocolWish::any));
    EXPECT_TRUE(heard->ok()) << heard->why();
    EXPECT_EQ(attempts, 3U);
    EXPECT_EQ(server.accepted.size(), 1U);
  }
  test::PutServer server(false, false);
  use(server);
  expect_fates("PUT", {away(), answered(answer_of(403))});
  const auto heard = run(job(text_of(1000), ProtocolWish::put));
  EXPECT_TRUE(heard->code() && *heard->code() != ErrorCode::outcome_unknown) << heard->why();
  EXPECT_NE(heard->why().find("403"), std::string::npos) << heard->why();
}

// The creation of an empty file is its upload: where its answer is lost, a server that keeps no keys is not asked
// twice.
TEST_F(UploadsAnswersTest, AnEmptyFileIsNotCreatedTwiceUnasked) {
  test::TusManner manner;
  manner.keyed = false;
  test::TusServer server(manner);
  use(server);
  http->other = [](const HttpRequest& request) -> std::optional<UploadAnswer> {
    if (request.method != "OPTIONS") return std::nullopt;
    return answer_of_tus_options("creation");
  };
  Fate lost;
  lost.answer_lost = true;
  expect_fates("POST", {lost});
  const auto heard = run(job("", ProtocolWish::any));
  EXPECT_EQ(heard->code(), ErrorCode::outcome_unknown) << heard->why();
  EXPECT_EQ(server.accepted.size(), 1U);
  EXPECT_EQ(count("POST"), 1U);
}

TEST_F(UploadsAnswersTest, AYesBeforeTheEndOfTheBodyIsNone) {
  test::PutServer server(false, false);
  use(server);
  UploadAnswer yes = answer_of(201);
  yes.error = Error{ErrorCode::connection_lost, "upload", "cut", std::nullopt};
  expect_fates("PUT", {answered(yes, 100'000)});
  const auto heard = run(job(text_of(900'000), ProtocolWish::put));
  ASSERT_TRUE(heard->ok()) << heard->why();
  ASSERT_EQ(server.accepted.size(), 1U) << "success without a file";
  EXPECT_TRUE(server.accepted[0].bytes == source->bytes);
  EXPECT_EQ(count("PUT"), 2U);
}

// larder-inbox answers a repetition by what it stored, without reading the body.
TEST_F(UploadsAnswersTest, AYesBeforeTheEndOfTheBodyCountsWhereTheDigestShowsTheFile) {
  for (const bool same : {true, false}) {
    test::PutServer server(false, false);
    use(server);
    const UploadJob made = job(text_of(900'000), ProtocolWish::put);
    const std::string has = same ? source->bytes : "another file";
    UploadAnswer yes = answer_of(201, {{"repr-digest", "sha-256=:" + to_base64(sha256(as_bytes(has))) + ":"}});
    expect_fates("PUT", {answered(yes, 100'000)});
    const auto heard = run(made, 1);
    EXPECT_EQ(heard->ok(), same) << heard->why();
    EXPECT_TRUE(!heard->ok() || (*heard->result)->confirmed);
  }
}

// The next part is hashed while the server takes the one before, and its digests are of it alone.
TEST_F(UploadsAnswersTest, EachByteIsReadOnceToBeHashedAndOnceToBeSent) {
  test::TusServer server({});
  use(server);
  http->other = options_of_larder;
  UploadJob made = job(text_of(3 * kMiB + 1), ProtocolWish::any);
  made.progress.part_limit = made.progress.part_size = kMiB;
  ASSERT_TRUE(run(made)->ok());
  EXPECT_EQ(count("PATCH"), 4U);
  EXPECT_EQ(source->read_bytes, 2 * source->bytes.size());
  for (const HttpRequest& request : http->requests) {
    if (request.method != "PATCH") continue;
    const std::size_t from = std::stoull(field_of_request(request, "Upload-Offset"));
    const std::string part = source->bytes.substr(from, request.body_length);
    EXPECT_EQ(field_of_request(request, "Content-Digest"), "sha-256=:" + to_base64(sha256(as_bytes(part))) + ":");
  }
}

// What was hashed ahead is of no use where the server wants the part before again, or smaller ones.
TEST_F(UploadsAnswersTest, WhatWasHashedAheadInVainIsHashedAnew) {
  for (const int status : {460, 413, 409}) {
    test::TusServer server({});
    use(server);
    http->other = options_of_larder;
    UploadJob made = job(text_of(3 * kMiB + 1), ProtocolWish::any);
    made.progress.part_limit = made.progress.part_size = kMiB;
    expect_fates("PATCH", {Fate{}, answered(answer_of(status))});
    const auto heard = run(made);
    ASSERT_TRUE(heard->ok()) << status << heard->why();
    EXPECT_TRUE((*heard->result)->confirmed) << status;
    EXPECT_TRUE(server.accepted.at(0).bytes == source->bytes) << status;
  }
}

TEST_F(UploadsAnswersTest, AnAnswerWhoseTextIsCutIsAnAnswerAllTheSame) {
  test::PutServer server(false, false);
  use(server);
  UploadAnswer no = answer_of(403, {}, "half a sen");
  no.error = Error{ErrorCode::connection_lost, "upload", "cut", std::nullopt};
  expect_fates("PUT", {answered(no)});
  const auto heard = run(job(text_of(1000), ProtocolWish::put));
  EXPECT_NE(heard->why().find("403"), std::string::npos) << heard->why();
  EXPECT_EQ(heard->why().find("half a sen"), std::string::npos) << heard->why();
}

TEST_F(UploadsAnswersTest, ARefusalMidwayMakesSmallerParts) {
  test::TusServer server({});
  use(server);
  http->other = options_of_larder;
  expect_fates("PATCH", {answered(answer_of(413), 200'000), answered(answer_of(413), 10)});
  const auto heard = run(job(text_of(3 * kMiB), ProtocolWish::any));
  ASSERT_TRUE(heard->ok()) << heard->why();
  EXPECT_TRUE(server.accepted.at(0).bytes == source->bytes);
  EXPECT_TRUE((*heard->result)->confirmed) << "the digest goes on where a part was cut";
  EXPECT_EQ(attempts, 1U) << "a refusal is no reason to wait";
  EXPECT_LT(http->sent, source->bytes.size() + kMiB) << "the sending stops";
}

TEST_F(UploadsAnswersTest, AShortWaitIsWaitedOutInside) {
  test::TusServer server({});
  use(server);
  http->other = options_of_larder;
  UploadJob made = job(text_of(1000), ProtocolWish::any);
  made.plan.retry = {seconds(1), seconds(60), 0.25};
  expect_fates("PATCH", {answered(answer_of(503))});
  const auto heard = std::make_shared<UploadHeard>();
  uploads->start(made, heard);
  ASSERT_TRUE(loop.wait_for([&] { return count("PATCH") == 1 && http->open() == 0 && loop.timers() > 0; }));
  loop.advance(std::chrono::milliseconds(900));
  EXPECT_EQ(http->open(), 0U) << "not waited out";
  loop.advance(std::chrono::milliseconds(500));
  ASSERT_TRUE(loop.wait_for([&] { return heard->result.has_value(); }));
  EXPECT_TRUE(heard->ok()) << heard->why();
  EXPECT_EQ(server.accepted.size(), 1U);
}

TEST_F(UploadsAnswersTest, ALongWaitEndsTheAttemptWithItsTime) {
  test::TusServer server({});
  use(server);
  http->other = options_of_larder;
  expect_fates("PATCH", {answered(answer_of(503, {{"Retry-After", "90"}}))});
  const auto heard = run(job(text_of(1000), ProtocolWish::any), 1);
  EXPECT_EQ(heard->code(), ErrorCode::http_transient) << heard->why();
  ASSERT_TRUE(heard->result->error().retry_after);
  EXPECT_GE(*heard->result->error().retry_after, seconds(90));
  EXPECT_LE(*heard->result->error().retry_after, seconds(115));
}

// Only the last request of a server decides, and it may take its time.
TEST_F(UploadsAnswersTest, TheAnswerToTheEndMayTakeLong) {
  test::TusServer server({});
  use(server);
  http->other = options_of_larder;
  UploadJob made = job(text_of(150'000), ProtocolWish::any);
  made.progress.part_limit = made.progress.part_size = 65'536;
  ASSERT_TRUE(run(made)->ok());
  std::vector<bool> long_ones;
  for (const HttpRequest& request : http->requests) {
    if (request.method == "PATCH") long_ones.push_back(request.answer_within >= seconds(240));
  }
  EXPECT_EQ(long_ones, (std::vector<bool>{false, false, true}));
  test::PutServer put(false, false);
  use(put);
  ASSERT_TRUE(run(job("", ProtocolWish::put))->ok());
  EXPECT_GE(http->requests.back().answer_within, seconds(240)) << "an empty file is sent at once";
}

TEST_F(UploadsAnswersTest, DigestsOfAPartAreOfTheBytesThatGoOut) {
  for (const char* algorithms : {"sha1", "sha1,sha256", "md5"}) {
    test::TusServer server({true, false});
    use(server);
    http->other = [algorithms](const HttpRequest& request) -> std::optional<UploadAnswer> {
      if (request.method != "OPTIONS") return std::nullopt;
      return answer_of(204, {{"tus-version", "1.0.0"},
                             {"tus-extension", "creation,checksum,larder-key"},
                             {"tus-checksum-algorithm", algorithms}});
    };
    const auto heard = run(job(text_of(5 * kMiB + 3), ProtocolWish::any));
    ASSERT_TRUE(heard->ok()) << heard->why();
    const HttpRequest& part = http->requests.back();
    ASSERT_EQ(part.body_length, source->bytes.size());
    const Bytes all = as_bytes(source->bytes);
    Sha1 sha1;
    sha1.update(all);
    const std::string of_sha1 = "sha1 " + to_base64(sha1.finish());
    const std::string of_sha256 = to_base64(sha256(all));
    EXPECT_EQ(field_of_request(part, "Content-Digest"), "sha-256=:" + of_sha256 + ":");
    EXPECT_EQ(field_of_request(part, "Larder-Upload-Digest"), "sha-256=:" + of_sha256 + ":");
    const std::string wanted = std::string(algorithms) == "sha1"  ? of_sha1
                               : std::string(algorithms) == "md5" ? "absent"
                                                                  : "sha256 " + of_sha256;
    EXPECT_EQ(field_of_request(part, "Upload-Checksum"), wanted);
  }
}

TEST_F(UploadsAnswersTest, NoEventFollowsAStopWhereverItCame) {
  for (int stop_at = 1; stop_at < 12; ++stop_at) {
    for (const bool destroy : {false, true}) {
      test::TusServer server({});
      use(server);
      http->other = options_of_larder;
      UploadJob made = job(text_of(900'000), ProtocolWish::any);
      made.progress.part_limit = made.progress.part_size = 300'000;
      const auto heard = std::make_shared<UploadHeard>();
      int events = 0;
      heard->at_progress = [&] {
        if (++events != stop_at) return;
        if (destroy) return uploads.reset();
        uploads->stop(last);
        uploads->stop(last);  // as harmless as of an id that never was
      };
      last = uploads->start(made, heard);
      if (!loop.wait_for([&] { return events >= stop_at || heard->result; })) FAIL() << "it never ends";
      if (events < stop_at) continue;
      const int steps = heard->steps;
      ASSERT_FALSE(loop.wait_for([&] { return heard->result.has_value(); }, std::chrono::milliseconds(20)));
      loop.advance(std::chrono::hours(1));
      EXPECT_EQ(events, stop_at);
      EXPECT_EQ(heard->steps, steps);
      EXPECT_EQ(http->open(), 0U) << "a request goes on";
    }
  }
}

// A pool that is full takes the reads later.
TEST_F(UploadsAnswersTest, AFullWorkerPoolIsWaitedFor) {
  test::PutServer server(false, false);
  use(server);
  WorkerPool narrow("narrow", 1, 1);
  uploads = make_uploads(*http, loop.runtime(), narrow, *files);
  std::promise<void> gate;
  std::promise<void> begun;
  ASSERT_TRUE(narrow.submit([&] {
    begun.set_value();
    gate.get_future().wait();
  }));
  begun.get_future().wait();
  ASSERT_TRUE(narrow.submit([] {}));
  ASSERT_FALSE(narrow.submit([] {})) << "the pool is full";
  const auto heard = std::make_shared<UploadHeard>();
  uploads->start(job(text_of(1000), ProtocolWish::put), heard);
  loop.advance(std::chrono::milliseconds(50));
  EXPECT_TRUE(http->requests.empty());
  gate.set_value();
  for (int i = 0; i < 1000 && !heard->result; ++i) {
    loop.advance(std::chrono::milliseconds(20));
    static_cast<void>(loop.wait_for([&] { return heard->result.has_value(); }, std::chrono::milliseconds(5)));
  }
  EXPECT_TRUE(heard->ok()) << heard->why();
  uploads.reset();
}

}  // namespace
}  // namespace larder::origin
