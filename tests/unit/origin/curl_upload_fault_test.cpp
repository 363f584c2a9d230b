// Bodies of requests that do not get through: refused midway, cut, stalled, cancelled.
#include "tests/unit/origin/curl_upload_fixture.h"

namespace larder::origin {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::SinkManner;
using test::SinkRequest;
using test::UploadSink;
using Act = SinkManner::Act;

// A refusal in the middle ends the sending, and what of the body is missing never becomes part of the next request.
TEST_F(CurlUploadTest, StopsWhenItIsRefusedMidway) {
  for (const int status : {307, 401, 403, 413, 417, 460, 500, 503, 507}) {
    SinkManner manner;
    manner.act = Act::answer_early;
    manner.at = kMiB;
    manner.status = status;
    manner.text = "no";
    if (status == 307) manner.fields = "Location: /elsewhere\r\n";
    sink.expect(manner);
    const auto sending = send("PATCH", "/f", bytes_of(24 * kMiB));
    ASSERT_NO_FATAL_FAILURE(finish(*sending));
    EXPECT_TRUE(sending->events->ok()) << status << sending->events->why();
    EXPECT_EQ(sending->events->answer(), status);
    EXPECT_EQ(sending->events->text, "no") << status;
    EXPECT_GE(sending->events->sent, kMiB) << status;
    EXPECT_LT(sending->events->sent, 24 * kMiB) << status;
    ASSERT_TRUE(sink.wait_for_open(0)) << status << ": the connection is not closed";
    EXPECT_LE(sink.requests().back().body, sending->events->sent);
    const auto next = send("PUT", "/next", "bytes");
    ASSERT_NO_FATAL_FAILURE(finish(*next));
    EXPECT_TRUE(next->events->ok()) << status << next->events->why();
    EXPECT_EQ(sink.requests().back().sha256, sha256(as_bytes(std::string_view("bytes")))) << status;
  }
}

// The answer is not held back by bytes that this side has not given yet, or may not send yet.
TEST_F(CurlUploadTest, HearsARefusalWhileItWaits) {
  for (const bool by_rate : {false, true}) {
    SinkManner manner;
    manner.act = Act::answer_early;
    manner.at = 1000;
    manner.status = 403;
    sink.expect(manner);
    rate = by_rate ? 10'000 : 0;  // the rest of the body would take eight minutes
    const auto sending = send("PATCH", "/f", bytes_of(5 * kMiB), by_rate ? UINT64_MAX : 1000);
    const auto begin = std::chrono::steady_clock::now();
    ASSERT_NO_FATAL_FAILURE(finish(*sending));
    EXPECT_LT(seconds_from(begin), 10.0) << by_rate;
    EXPECT_TRUE(sending->events->ok()) << sending->events->why();
    EXPECT_EQ(sending->events->answer(), 403);
    EXPECT_TRUE(sink.wait_for_open(0)) << "the connection is not closed";
  }
}

// A server that has decided before it has read may say yes: the rest is still owed to it.
TEST_F(CurlUploadTest, GoesOnAfterAnEarlyYes) {
  SinkManner manner;
  manner.act = Act::answer_early;
  manner.at = kMiB;
  sink.expect(manner);
  const std::string body = bytes_of(16 * kMiB);
  const auto sending = send("PUT", "/f", body);
  ASSERT_NO_FATAL_FAILURE(finish(*sending));
  EXPECT_TRUE(sending->events->ok()) << sending->events->why();
  EXPECT_EQ(sending->events->sent, body.size());
  const auto next = send("PUT", "/next", "bytes");
  ASSERT_NO_FATAL_FAILURE(finish(*next));
  EXPECT_EQ(sink.requests().back().sha256, sha256(as_bytes(std::string_view("bytes"))));
}

TEST_F(CurlUploadTest, TellsALostConnectionAndSendsNothingTwice) {
  struct Row {
    Act act;
    std::uint64_t at;
    std::uint64_t size;
    bool reused;
  };
  const Row rows[] = {
      {Act::cut, 0, 10, false},
      {Act::cut, 10, 10, false},
      {Act::cut, 0, 24 * kMiB, false},
      {Act::cut, kMiB, 24 * kMiB, false},
      {Act::reset, 0, 10, false},
      {Act::reset, kMiB, 24 * kMiB, false},
      // On a connection that was used before, libcurl would like to send it again.
      {Act::cut, 0, 10, true},
      {Act::cut, 10, 10, true},
      {Act::cut, 300'000, 300'000, true},
      {Act::cut, kMiB, 24 * kMiB, true},
      {Act::reset, 0, 10, true},
      {Act::reset, 10, 10, true},
      {Act::reset, kMiB, 24 * kMiB, true},
  };
  for (const Row& row : rows) {
    const std::string what = testing::PrintToString(static_cast<int>(row.act)) + " at " + std::to_string(row.at) +
                             " of " + std::to_string(row.size) + (row.reused ? ", reused" : ", fresh");
    const std::string body = bytes_of(row.size);
    if (row.reused) {
      const auto first = send("PUT", "/first", "bytes");
      ASSERT_NO_FATAL_FAILURE(finish(*first));
      ASSERT_TRUE(first->events->ok()) << first->events->why();
    }
    const std::size_t before = sink.requests().size();
    SinkManner manner;
    manner.act = row.act;
    manner.at = row.at;
    sink.expect(manner);
    const auto sending = send("PATCH", "/f", body);
    ASSERT_NO_FATAL_FAILURE(finish(*sending)) << what;
    EXPECT_EQ(sending->events->code(), ErrorCode::connection_lost) << what << ": " << sending->events->why();
    EXPECT_TRUE(sending->events->heads.empty()) << what;
    EXPECT_GE(sending->events->sent, row.at) << what;
    ASSERT_TRUE(sink.wait_for_open(0)) << what;
    const std::vector<SinkRequest> requests = sink.requests();
    EXPECT_EQ(requests.size(), before + 1) << what << ": sent again";
    if (row.reused) {
      EXPECT_EQ(requests.back().connection, requests[before - 1].connection)
          << what << ": the test wants one connection";
    }
  }
}

// Creating and ending an upload have no body, and happen once all the same: the caller decides whether to ask again.
TEST_F(CurlUploadTest, AsksOnceForWhatChangesSomething) {
  for (const char* method : {"POST", "BITS_POST", "PUT", "PATCH", "DELETE"}) {
    for (const Act act : {Act::cut, Act::reset}) {
      const auto first = send("PUT", "/first", "bytes");
      ASSERT_NO_FATAL_FAILURE(finish(*first));
      const std::size_t before = sink.requests().size();
      SinkManner manner;
      manner.act = act;
      sink.expect(manner);
      const auto sending = send(method, "/f", "");
      ASSERT_NO_FATAL_FAILURE(finish(*sending));
      EXPECT_EQ(sending->events->code(), ErrorCode::connection_lost) << method << ": " << sending->events->why();
      ASSERT_TRUE(sink.wait_for_open(0));
      EXPECT_EQ(sink.requests().size(), before + 1) << method << ": asked again";
    }
  }
}

// A question may be asked again on a fresh connection: the old one may have been closed as idle.
TEST_F(CurlUploadTest, AsksAgainWhatChangesNothing) {
  for (const char* method : {"HEAD", "OPTIONS"}) {
    const auto first = send("PUT", "/first", "bytes");
    ASSERT_NO_FATAL_FAILURE(finish(*first));
    SinkManner manner;
    manner.act = Act::cut;
    sink.expect(manner);
    const auto sending = send(method, "/f", "");
    ASSERT_NO_FATAL_FAILURE(finish(*sending));
    EXPECT_TRUE(sending->events->ok()) << method << ": " << sending->events->why();
  }
}

TEST_F(CurlUploadTest, TellsARefusedConnection) {
  std::string url;
  {
    const UploadSink gone;
    url = gone.url("/f");
  }
  HttpRequest request = request_for("PUT", "/f");
  request.url = url_of(url);
  request.body_length = 10;
  const auto events = std::make_shared<UploadCollector>();
  http->send(http->start(std::move(request), events), copy_of(as_bytes(std::string_view("0123456789"))));
  ASSERT_TRUE(loop.wait_for([&] { return events->status.has_value(); }));
  EXPECT_EQ(events->code(), ErrorCode::connect_failed) << events->why();
  EXPECT_EQ(events->sent, 0U);
}

TEST_F(CurlUploadTest, CountsSendingAsProgressAndGivesUpWhenNothingGoesOut) {
  options.stall_timeout = milliseconds(400);
  SinkManner manner;
  manner.act = Act::stop_reading;
  manner.at = kMiB;
  sink.expect(manner);
  const auto sending = send("PUT", "/f", bytes_of(24 * kMiB));
  ASSERT_NO_FATAL_FAILURE(finish(*sending));
  EXPECT_EQ(sending->events->code(), ErrorCode::no_progress);
  EXPECT_NE(sending->events->why().find("could be sent"), std::string::npos) << sending->events->why();
  EXPECT_LT(sending->events->sent, 24 * kMiB);
  // A body that takes several times the stall time comes through.
  rate = 1'000'000;
  const auto slow = send("PUT", "/f", bytes_of(1'500'000));
  ASSERT_NO_FATAL_FAILURE(finish(*slow));
  EXPECT_TRUE(slow->events->ok()) << slow->events->why();
}

// Bytes that this side has not given yet are no stall of the server's.
TEST_F(CurlUploadTest, DoesNotCountItsOwnPauseAsAStall) {
  options.stall_timeout = milliseconds(200);
  const std::string body = bytes_of(2 * kMiB);
  const auto sending = send("PUT", "/f", body, kMiB);
  ASSERT_TRUE(loop.wait_for([&] { return sending->events->sent == kMiB; }));
  EXPECT_FALSE(loop.wait_for([&] { return sending->events->status.has_value(); }, milliseconds(600)));
  sending->give_to = UINT64_MAX;
  give(*sending);
  ASSERT_NO_FATAL_FAILURE(finish(*sending));
  EXPECT_TRUE(sending->events->ok()) << sending->events->why();
  EXPECT_EQ(sink.requests().back().sha256, sha256(as_bytes(body)));
}

TEST_F(CurlUploadTest, WaitsForTheAnswerAsLongAsItIsTold) {
  options.stall_timeout = milliseconds(200);
  answer_within = seconds(20);
  SinkManner manner;
  manner.act = Act::hold;
  sink.expect(manner);
  const auto sending = send("PUT", "/f", bytes_of(1000));
  EXPECT_FALSE(loop.wait_for([&] { return sending->events->status.has_value(); }, milliseconds(600)));
  sink.release();
  ASSERT_NO_FATAL_FAILURE(finish(*sending));
  EXPECT_TRUE(sending->events->ok()) << sending->events->why();
}

TEST_F(CurlUploadTest, GivesUpOnAnAnswerThatNeverComes) {
  options.stall_timeout = milliseconds(200);
  for (const Duration within : {Duration::zero(), Duration(milliseconds(500))}) {
    answer_within = within;
    SinkManner manner;
    manner.act = Act::never_answer;
    sink.expect(manner);
    const auto begin = std::chrono::steady_clock::now();
    const auto sending = send("PUT", "/f", bytes_of(1000));
    ASSERT_NO_FATAL_FAILURE(finish(*sending));
    EXPECT_EQ(sending->events->code(), ErrorCode::no_progress) << sending->events->why();
    EXPECT_EQ(sending->events->sent, 1000U);
    EXPECT_GE(seconds_from(begin), within > Duration::zero() ? 0.45 : 0.15);
    EXPECT_LE(seconds_from(begin), 5.0);
  }
}

TEST_F(CurlUploadTest, NoEventFollowsCancel) {
  const auto sending = send("PUT", "/f", bytes_of(24 * kMiB), 8 * kMiB);
  ASSERT_TRUE(loop.wait_for([&] { return sending->events->sent > 0; }));
  http->cancel(sending->id);
  const std::uint64_t before = sending->events->sent;
  http->send(sending->id, copy_of(as_bytes(std::string_view("late"))));
  ASSERT_TRUE(sink.wait_for_open(0)) << "the connection goes on";
  const auto next = send("PUT", "/next", "bytes");
  ASSERT_NO_FATAL_FAILURE(finish(*next));
  EXPECT_EQ(sending->events->sent, before);
  EXPECT_FALSE(sending->events->status);
  EXPECT_TRUE(sending->events->heads.empty());
}

TEST_F(CurlUploadTest, EndsWithABodyUnderWay) {
  const auto sending = send("PUT", "/f", bytes_of(8 * kMiB), kMiB);
  ASSERT_TRUE(loop.wait_for([&] { return sending->events->sent > 0; }));
  http.reset();
  loop.run_ready();
  EXPECT_FALSE(sending->events->status);
  EXPECT_TRUE(sink.wait_for_open(0));
}

}  // namespace
}  // namespace larder::origin
