// Every clock that runs against a client, and the end of a server, in virtual time.
#include "tests/unit/base/http/connection_fixture.h"

namespace larder::http::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;
using testing::StartsWith;

class TimeTest : public ConnectionTest {
 protected:
  // Nothing happens until just before, and then it is closed, after `text` where that is not empty.
  void expect_end_after(Duration time, const std::string& text = "") {
    loop.advance(time - milliseconds(1));
    EXPECT_EQ(closed, 0);
    EXPECT_FALSE(transport->sending_ended);
    loop.advance(milliseconds(1));
    if (text.empty()) {
      EXPECT_EQ(closed, 1);
      EXPECT_EQ(received(), "");
    } else {
      EXPECT_THAT(received(), HasSubstr(text));
      EXPECT_TRUE(transport->sending_ended);
    }
  }
};

TEST_F(TimeTest, Handshake) {
  handshakes = false;
  open();
  expect_end_after(limits.handshake);
}

TEST_F(TimeTest, FirstByte) {
  open();
  expect_end_after(limits.first);
}

TEST_F(TimeTest, Head) {
  open();
  loop.advance(seconds(5));
  send("GET / HTTP/1.1\r\n");
  loop.advance(seconds(5));
  send("X: y\r\n");  // trickling does not help
  expect_end_after(limits.head - seconds(5), "HTTP/1.1 408 Request Timeout\r\n");
}

TEST_F(TimeTest, HeadBehindAnotherRequestHasItsTurn) {
  open();
  send(get("/1") + "GET");
  loop.advance(limits.head);
  EXPECT_EQ(received(), "");
  respond(0, text("a"));
  EXPECT_THAT(received(), StartsWith(answer("a") + "HTTP/1.1 408 "));
}

TEST_F(TimeTest, Body) {
  open();
  send(put(10) + "a");
  EXPECT_EQ(*ask_body(0), "a");
  std::string* const piece = ask_body(0);
  loop.advance(limits.body - seconds(1));
  send("b");
  EXPECT_EQ(*piece, "b");
  std::string* const last = ask_body(0);
  expect_end_after(limits.body, "HTTP/1.1 408 Request Timeout\r\n");
  EXPECT_THAT(*last, HasSubstr("error: its body did not arrive in time"));
}

TEST_F(TimeTest, ABodyIsNotLateBefore100ContinueHasItsTurn) {
  open();
  send(get("/1") + put(1, "Expect: 100-continue\r\n"));
  std::string* const piece = ask_body(1);
  loop.advance(limits.body + seconds(1));
  EXPECT_EQ(*piece, "waiting");
  respond(0, text("a"));
  EXPECT_EQ(received(), answer("a") + "HTTP/1.1 100 Continue\r\n\r\n");
  send("b");
  EXPECT_EQ(*piece, "b");
}

TEST_F(TimeTest, ABodyThatNobodyWantsIsNotLate) {
  open();
  send(put(10) + "a");
  loop.advance(std::chrono::hours(1));
  EXPECT_EQ(closed, 0);
  EXPECT_EQ(*ask_body(0), "a");
}

TEST_F(TimeTest, WholeRequest) {
  limits.request = seconds(30);
  open();
  send("PUT / HTTP/1.1\r\n");
  loop.advance(seconds(5));
  send("Host: h\r\nContent-Length: 1000\r\n\r\n");
  std::string* piece = ask_body(0);
  for (int i = 0; i < 24; ++i) {
    loop.advance(seconds(1));
    send("a");
    EXPECT_EQ(*piece, "a");
    piece = ask_body(0);
  }
  expect_end_after(seconds(1), "HTTP/1.1 408 ");
}

TEST_F(TimeTest, ATrickleIsTooSlow) {
  limits.least_rate = 10;
  limits.rate_window = seconds(20);
  open();
  send(put(1000));
  std::string* piece = ask_body(0);
  for (int i = 0; i < 19; ++i) {
    loop.advance(seconds(1));
    send("a");
    EXPECT_EQ(*piece, "a");
    piece = ask_body(0);
  }
  expect_end_after(seconds(1), "HTTP/1.1 408 ");
}

TEST_F(TimeTest, Idle) {
  echo();
  open();
  send(get("/1"));
  EXPECT_EQ(received(), answer("/1"));
  expect_end_after(limits.idle);
}

TEST_F(TimeTest, EachRequestHasItsOwnTime) {
  echo();
  limits.request = seconds(15);
  open();
  for (int i = 0; i < 10; ++i) {
    send("GET / HTTP/1.1\r\nHost");
    loop.advance(seconds(8));
    send(": h\r\n\r\nG");
    EXPECT_THAT(received(), StartsWith("HTTP/1.1 200 "));
    loop.advance(seconds(1));
    send("ET / HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_THAT(received(), StartsWith("HTTP/1.1 200 "));
  }
}

TEST_F(TimeTest, AHandlerMayTakeItsTime) {
  open();
  send(get("/1"));
  loop.advance(std::chrono::hours(24));
  respond(0, text("a"));
  EXPECT_EQ(received(), answer("a"));
}

TEST_F(TimeTest, Write) {
  open();
  send(get("/1"));
  transport->take(0);
  respond(0, text(std::string(1000, 'a')));
  loop.advance(limits.write - seconds(1));
  transport->take(10);  // it takes some: that is progress
  EXPECT_EQ(received().size(), 10U);
  expect_end_after(limits.write);
}

TEST_F(TimeTest, WhoTakesAnAnswerByteByByteIsTooSlow) {
  limits.least_rate = 10;
  limits.rate_window = seconds(20);
  open();
  send(get("/1"));
  transport->take(0);
  respond(0, text(std::string(1000, 'a')));
  for (int i = 0; i < 19; ++i) {
    loop.advance(seconds(1));
    transport->take(1);
    EXPECT_EQ(received().size(), 1U);
  }
  expect_end_after(seconds(1));
}

TEST_F(TimeTest, AStreamThatWaitsForItsSourceIsNotLate) {
  open();
  send(get("/1"));
  const auto source = std::make_shared<PushedSource>();
  Response response;
  response.stream = source;
  respond(0, std::move(response));
  loop.advance(std::chrono::hours(1));
  EXPECT_EQ(closed, 0);
  source->push("a");
  EXPECT_THAT(received(), testing::EndsWith("1\r\na\r\n"));
}

TEST_F(TimeTest, Linger) {
  echo();
  open();
  send("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(transport->sending_ended);
  loop.advance(limits.linger - milliseconds(1));
  EXPECT_EQ(closed, 0);
  loop.advance(milliseconds(1));
  EXPECT_EQ(closed, 1);
}

TEST_F(TimeTest, LingersNoLongerThanForItsBytes) {
  limits.linger_bytes = 100;
  echo();
  open();
  send("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  send(std::string(50, 'x'));
  EXPECT_EQ(closed, 0);
  send(std::string(51, 'x'));
  EXPECT_EQ(closed, 1);
}

TEST_F(TimeTest, WhoHoldsTooMuchIsNotReadAndItsClocksRun) {
  peer_limits.bytes_per_peer = 100;
  book = PeerBook(peer_limits);
  open();
  PeerBook::Visit other = book.enter("peer", false);
  send("GET ");
  other.hold(100);
  send("/ HTTP/1.1\r\n");  // was being read already
  send("Host: h\r\n\r\n");
  EXPECT_TRUE(exchanges.empty());
  EXPECT_GT(transport->unread(), 0U);
  other.hold(0);
  loop.run_ready();
  EXPECT_EQ(exchanges.size(), 1U);
  respond(0, text("a"));
  EXPECT_EQ(received(), answer("a"));
  send("GET ");
  other.hold(100);
  send("/ ");
  expect_end_after(limits.head, "HTTP/1.1 408 ");
}

// --- the end of a server

TEST_F(TimeTest, AnIdleConnectionEndsAtOnce) {
  open();
  connection->finish(seconds(30));
  EXPECT_EQ(closed, 1);
}

TEST_F(TimeTest, RequestsUnderWayAreAnsweredAndNoOtherBegins) {
  open();
  send(get("/1") + get("/2"));
  connection->finish(seconds(30));
  send(get("/3"));
  EXPECT_EQ(exchanges.size(), 2U);
  respond(0, text("a"));
  EXPECT_EQ(received(), answer("a"));
  respond(1, text("b"));
  EXPECT_EQ(received(), answer("b", "close"));
  EXPECT_TRUE(transport->sending_ended);
}

TEST_F(TimeTest, ButNotForEver) {
  open();
  send(get("/1"));
  connection->finish(seconds(30));
  expect_end_after(seconds(30));
}

TEST_F(TimeTest, AnEndlessAnswerEndsAtOnce) {
  open();
  send(get("/1"));
  const auto source = std::make_shared<PushedSource>();
  Response response;
  response.stream = source;
  response.endless = true;
  respond(0, std::move(response));
  EXPECT_EQ(received(), "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
  connection->finish(seconds(30));
  EXPECT_EQ(closed, 1);
  EXPECT_TRUE(source->cancelled);
}

TEST_F(TimeTest, NoTimerIsLeftBehind) {
  echo();
  open();
  send(get("/1"));
  connection->close();
  connection.reset();
  exchanges.clear();
  loop.run_ready();
  EXPECT_EQ(loop.timers(), 0U);
}

}  // namespace
}  // namespace larder::http::test
