// How a connection ends: a client that sends no more, a server that stops, a user who refuses to hear it.
#include "tests/unit/base/http/connection_fixture.h"

namespace larder::http::test {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;
using testing::StartsWith;

// --- a client that sends no more

TEST_F(ConnectionTest, WhatWasSentBeforeTheEndIsAnswered) {
  limits.parse_ahead = 1;
  open();
  transport->send(get("/1") + get("/2") + get("/3"));
  transport->end();
  loop.run_ready();
  respond(0, text("a"));
  EXPECT_EQ(received(), answer("a"));
  respond(1, text("b"));
  EXPECT_EQ(received(), answer("b"));
  respond(2, text("c"));
  EXPECT_EQ(received(), answer("c"));
  EXPECT_EQ(closed, 1);
}

TEST_F(ConnectionTest, HalfARequestBeforeTheEndIsNone) {
  open();
  send(get("/1") + "GET / HT");
  transport->end();
  loop.run_ready();
  respond(0, text("a"));
  EXPECT_EQ(received(), answer("a", "close"));
  EXPECT_EQ(closed, 1);
  EXPECT_EQ(exchanges.size(), 1U);
}

TEST_F(ConnectionTest, ARequestOfWhoSendsNoMoreWaitsForItsPlace) {
  peer_limits.requests_per_peer = 1;
  book = PeerBook(peer_limits);
  echo();
  open();
  PeerBook::Visit other = book.enter("peer", false);
  ASSERT_TRUE(other.begin_request());
  transport->send(get("/1"));
  transport->end();
  loop.run_ready();
  EXPECT_EQ(closed, 0);
  other.end_request();
  EXPECT_EQ(received(), answer("/1"));
  EXPECT_EQ(closed, 1);
}

// --- a client that goes while its request is worked on

TEST_F(ConnectionTest, WhoGoesCountsUntilItsRequestsHaveEnded) {
  limits.parse_ahead = 2;
  open();
  send(get("/1") + get("/2"));
  transport->vanish();
  loop.run_ready();
  EXPECT_EQ(closed, 1);
  EXPECT_EQ(book.connections("peer"), 1U);
  EXPECT_EQ(book.requests("peer"), 2U);
  exchanges[0]->respond(text("a"));
  EXPECT_EQ(book.connections("peer"), 1U);
  exchanges.clear();  // the other is dropped without an answer
  EXPECT_EQ(book.connections("peer"), 0U);
  EXPECT_EQ(book.requests("peer"), 0U);
}

TEST_F(ConnectionTest, WhatIsAnsweredCountsNoLongerThanItsConnection) {
  open();
  send(get("/1"));
  respond(0, text("a"));
  transport->end();
  loop.run_ready();
  EXPECT_EQ(closed, 1);
  EXPECT_EQ(book.connections("peer"), 0U);  // though its exchange is kept
}

TEST_F(ConnectionTest, AWholeBodyIsNotToldOnceTheConnectionHasGone) {
  open();
  send(put(1) + "a");
  EXPECT_EQ(*ask_body(0), "a");
  std::string told;
  exchanges[0]->read_body([&told](const Result<Buffer>& piece) { told = piece ? "end" : piece.error().detail; });
  connection->close();
  connection.reset();
  loop.run_ready();
  EXPECT_EQ(told, "the connection is gone");
}

// --- a user who does not let it begin

TEST_F(ConnectionTest, WhoIsNotHeardHasItsTime) {
  echo();
  open();
  send(get("/1"));
  EXPECT_EQ(received(), answer("/1"));
  lets_begin = false;
  send(get("/2"));
  loop.advance(limits.idle - seconds(1));
  EXPECT_EQ(closed, 0);
  loop.advance(seconds(1));
  EXPECT_EQ(closed, 1);
  EXPECT_EQ(exchanges.size(), 1U);
}

TEST_F(ConnectionTest, TheUserMayEndItWhenAsked) {
  on_may_begin = [this] {
    connection->close();
    return false;
  };
  open();
  send(get("/1"));
  EXPECT_EQ(closed, 1);
  EXPECT_EQ(loop.timers(), 0U);
}

// --- a server that stops

TEST_F(ConnectionTest, WhatHasNotBegunDoesNotHoldUpAStop) {
  peer_limits.requests_per_peer = 1;
  book = PeerBook(peer_limits);
  open();
  send(get("/1") + get("/2"));
  const auto source = std::make_shared<PushedSource>();
  source->push("a");
  Response response;
  response.stream = source;
  respond(0, std::move(response));  // its head has promised to go on
  PeerBook::Visit other = book.enter("peer", false);
  connection->finish(seconds(30));
  source->end();
  loop.run_ready();
  EXPECT_EQ(closed, 1);
  EXPECT_EQ(exchanges.size(), 1U);
}

TEST_F(ConnectionTest, AnEndlessAnswerDoesNotBeginInAStop) {
  open();
  send(get("/1") + get("/2"));
  connection->finish(seconds(30));
  const auto source = std::make_shared<PushedSource>();
  Response response;
  response.stream = source;
  response.endless = true;
  respond(1, std::move(response));
  respond(0, text("a"));
  EXPECT_EQ(received(), answer("a"));
  EXPECT_TRUE(source->cancelled);
  EXPECT_EQ(closed, 1);
}

TEST_F(ConnectionTest, AStopDoesNotWaitForWhoDoesNotHangUp) {
  limits.linger = seconds(60);
  echo();
  open();
  send("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(transport->sending_ended);
  connection->finish(seconds(30));
  loop.advance(seconds(30));
  EXPECT_EQ(closed, 1);
}

// --- sources that end the connection

struct EndingSource final : BodySource {
  EndingSource(Connection& the_connection, bool in_next) : connection(the_connection), next_ends(in_next) {}
  void next(UniqueFunction<void(Result<Buffer>)> ready) override {
    if (next_ends) connection.close();
    ready(copy_of(as_bytes(std::string_view("late"))));
  }
  void cancel() override {
    ++cancelled;
    connection.close();
  }
  Connection& connection;
  const bool next_ends;
  int cancelled = 0;
};

TEST_F(ConnectionTest, ASourceMayEndIt) {
  for (const bool in_next : {true, false}) {
    exchanges.clear();
    closed = 0;
    open();
    send(in_next ? get("/1") : "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n");
    const auto source = std::make_shared<EndingSource>(*connection, in_next);
    Response response;
    response.stream = source;
    respond(0, std::move(response));
    loop.run_ready();
    EXPECT_EQ(received(), "");
    EXPECT_EQ(closed, 1);
    EXPECT_EQ(source->cancelled, 1);
  }
}

TEST_F(ConnectionTest, ASourceMayEndItWhereItsAnswerCannotBeWritten) {
  open();
  send(get("/1"));
  const auto source = std::make_shared<EndingSource>(*connection, false);
  Response response;
  response.fields = {{"X", "a\r\nb"}};
  response.stream = source;
  respond(0, std::move(response));
  EXPECT_EQ(received(), "");
  EXPECT_EQ(closed, 1);
}

// --- refusals after which nobody is owed anything

TEST_F(ConnectionTest, AnEndWithinTheFirstHeadIsNotAnswered) {
  open();
  send("GET / HTTP/1.1\r\nHo");
  transport->end();
  loop.run_ready();
  EXPECT_EQ(received(), "");
  EXPECT_EQ(closed, 1);
}

TEST_F(ConnectionTest, ALateHeadOfWhoSendsNoMoreIsAnsweredAfterTheOthers) {
  open();
  send(get("/1") + "GET / HTTP/1.1\r\nHost: h\r\n\n");
  transport->end();
  loop.run_ready();
  respond(0, text("a"));
  EXPECT_THAT(received(), StartsWith(answer("a") + "HTTP/1.1 400 "));
  EXPECT_EQ(closed, 1);
}

}  // namespace
}  // namespace larder::http::test
