// Order, bodies and their back-pressure on one connection.
#include "tests/unit/base/http/connection_fixture.h"

namespace larder::http::test {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

// --- order

TEST_F(ConnectionTest, AnswersOneAfterAnother) {
  echo();
  open();
  send(get("/1"));
  EXPECT_EQ(received(), answer("/1"));
  send(get("/2") + get("/3"));
  EXPECT_EQ(received(), answer("/2") + answer("/3"));
  send("GET /4 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n" + get("/5"));
  EXPECT_EQ(received(), answer("/4", "close"));
  EXPECT_TRUE(transport->sending_ended);
  EXPECT_EQ(exchanges.size(), 4U);
  transport->end();
  loop.run_ready();
  EXPECT_EQ(closed, 1);
  EXPECT_THAT(answered, ElementsAre(200, 200, 200, 200));
}

TEST_F(ConnectionTest, RequestsAreReadAheadAndAnsweredInOrder) {
  open();
  send(get("/1") + get("/2") + get("/3"));
  ASSERT_EQ(exchanges.size(), 3U);
  EXPECT_EQ(book.requests("peer"), 3U);
  respond(2, text("c"));
  respond(1, text("b"));
  EXPECT_EQ(received(), "");
  EXPECT_EQ(book.bytes("peer"), 2U);
  respond(0, text("a"));
  EXPECT_EQ(received(), answer("a") + answer("b") + answer("c"));
  EXPECT_EQ(book.requests("peer"), 0U);
  EXPECT_EQ(book.bytes("peer"), 0U);
}

TEST_F(ConnectionTest, ReadsAheadNoFurtherThanItMay) {
  limits.parse_ahead = 2;
  open();
  send(get("/1") + get("/2") + get("/3") + get("/4"));
  EXPECT_EQ(exchanges.size(), 2U);
  EXPECT_FALSE(transport->reads());
  respond(0, text("a"));
  EXPECT_EQ(exchanges.size(), 3U);
  respond(1, text("b"));
  respond(2, text("c"));
  EXPECT_EQ(exchanges.size(), 4U);
}

TEST_F(ConnectionTest, HeldAnswersStopReadingAhead) {
  limits.held_answers = 100;
  open();
  send(get("/1") + get("/2"));
  respond(1, text(std::string(101, 'b')));
  send(get("/3"));
  EXPECT_EQ(exchanges.size(), 2U);
  respond(0, text("a"));
  EXPECT_EQ(exchanges.size(), 3U);
}

TEST_F(ConnectionTest, OneRequestAtATime) {
  limits.parse_ahead = 1;
  open();
  send(get("/1") + get("/2"));
  EXPECT_EQ(exchanges.size(), 1U);
  respond(0, text("a"));
  EXPECT_EQ(exchanges.size(), 2U);
}

TEST_F(ConnectionTest, ARefusedRequestIsAnsweredInItsTurnAndIsTheLast) {
  open();
  send(get("/1") + "GET / HTTP/1.1\r\nHost: h\r\n X\r\n\r\n" + get("/3"));
  EXPECT_EQ(received(), "");
  respond(0, text("a"));
  const std::string all = received();
  EXPECT_THAT(all, StartsWith(answer("a") + "HTTP/1.1 400 Bad Request\r\n"));
  EXPECT_THAT(all, HasSubstr("Connection: close\r\n"));
  EXPECT_THAT(all, HasSubstr("cannot read the request: a field goes on in a second line"));
  EXPECT_TRUE(transport->sending_ended);
  EXPECT_EQ(exchanges.size(), 1U);
}

TEST_F(ConnectionTest, ADroppedRequestIsAnswered) {
  open();
  send(get("/1"));
  exchanges.clear();
  EXPECT_THAT(received(), StartsWith("HTTP/1.1 500 "));
}

TEST_F(ConnectionTest, AnAnswerThatEndsTheConnectionDropsThoseBehindIt) {
  open();
  send(get("/1") + get("/2"));
  bool gone = false;
  exchanges[1]->on_gone([&] { gone = true; });
  Response last = text("a");
  last.close = true;
  respond(0, std::move(last));
  EXPECT_EQ(received(), answer("a", "close"));
  EXPECT_TRUE(gone);
  respond(1, text("b"));
  EXPECT_EQ(received(), "");
}

TEST_F(ConnectionTest, UnwritableAnswersBecomeErrors) {
  open();
  send(get("/1"));
  Response split = text("a");
  split.fields = {{"Location", "/\r\nSet-Cookie: b"}};
  respond(0, std::move(split));
  const std::string all = received();
  EXPECT_THAT(all, StartsWith("HTTP/1.1 500 "));
  EXPECT_THAT(all, testing::Not(HasSubstr("Set-Cookie")));
}

TEST_F(ConnectionTest, AsManyRequestsOfAPeerAsItMayHave) {
  peer_limits.requests_per_peer = 1;
  book = PeerBook(peer_limits);
  open();
  PeerBook::Visit other = book.enter("peer", false);
  ASSERT_TRUE(other.begin_request());
  send(get("/1"));
  EXPECT_TRUE(exchanges.empty());
  loop.advance(std::chrono::minutes(10));  // no clock runs against it
  EXPECT_EQ(closed, 0);
  other.end_request();
  loop.run_ready();
  EXPECT_EQ(exchanges.size(), 1U);
}

TEST_F(ConnectionTest, TheUserLetsTheNextRequestBegin) {
  echo();
  open();
  lets_begin = false;
  send(get("/1"));
  EXPECT_TRUE(exchanges.empty());
  lets_begin = true;
  loop.advance(std::chrono::milliseconds(20));
  EXPECT_EQ(received(), answer("/1"));
}

// --- bodies of requests

TEST_F(ConnectionTest, ABodyIsReadInPieces) {
  open();
  send(put(6) + "abc");
  std::string* const first = ask_body(0);
  EXPECT_EQ(*first, "abc");
  std::string* const second = ask_body(0);
  EXPECT_EQ(*second, "waiting");
  send("def" + get("/2"));
  EXPECT_EQ(*second, "def");
  EXPECT_EQ(*ask_body(0), "end");
  EXPECT_EQ(*ask_body(0), "end");
  EXPECT_EQ(exchanges.size(), 2U);
  respond(0, text("a"));
  EXPECT_EQ(received(), answer("a"));
}

TEST_F(ConnectionTest, ChunksAreJoined) {
  open();
  send("PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\n\r\n");
  EXPECT_EQ(*ask_body(0), "abc");
  EXPECT_EQ(*ask_body(0), "end");
}

// The reader stands still: what is held in memory is one read, whatever the client sends.
TEST_F(ConnectionTest, AReaderThatStandsStillHoldsTheClientUp) {
  limits.body_bytes = kGiB;
  open();
  send(put(kMiB));
  send(std::string(kMiB, 'x'));
  EXPECT_LE(book.bytes("peer"), limits.read_bytes);
  EXPECT_GE(transport->unread(), kMiB - limits.read_bytes);
  std::size_t most = 0, total = 0;
  while (true) {
    const std::string piece = *ask_body(0);
    if (piece == "end") break;
    ASSERT_NE(piece, "waiting");
    total += piece.size();
    most = std::max(most, book.bytes("peer"));
  }
  EXPECT_EQ(total, kMiB);
  EXPECT_LE(most, limits.read_bytes);
}

TEST_F(ConnectionTest, ContinueGoesOutWhenTheBodyIsWanted) {
  open();
  send(put(3, "Expect: 100-continue\r\n"));
  EXPECT_EQ(received(), "");
  std::string* const piece = ask_body(0);
  EXPECT_EQ(received(), "HTTP/1.1 100 Continue\r\n\r\n");
  send("abc");
  EXPECT_EQ(*piece, "abc");
  EXPECT_EQ(*ask_body(0), "end");
  respond(0, text("a"));
  EXPECT_EQ(received(), answer("a"));
}

TEST_F(ConnectionTest, ContinueHasItsTurn) {
  open();
  send(get("/1") + put(3, "Expect: 100-continue\r\n"));
  (void)ask_body(1);
  EXPECT_EQ(received(), "");
  respond(0, text("a"));
  EXPECT_EQ(received(), answer("a") + "HTTP/1.1 100 Continue\r\n\r\n");
}

TEST_F(ConnectionTest, NoContinueForWhoSendsAlready) {
  open();
  send(put(3, "Expect: 100-continue\r\n") + "a");
  EXPECT_EQ(*ask_body(0), "a");
  EXPECT_EQ(received(), "");
}

TEST_F(ConnectionTest, AnEarlyAnswerEndsTheConnection) {
  open();
  send(put(3, "Expect: 100-continue\r\n"));
  respond(0, text("no"));
  EXPECT_EQ(received(), answer("no", "close"));
  EXPECT_TRUE(transport->sending_ended);
}

TEST_F(ConnectionTest, ABodyThatIsThereAlreadyIsThrownAway) {
  open();
  send(put(3) + "abc" + get("/2"));
  respond(0, text("no"));
  EXPECT_EQ(received(), answer("no"));
  EXPECT_EQ(exchanges.size(), 2U);
}

TEST_F(ConnectionTest, ABrokenBodyIsRefusedAndItsReaderTold) {
  open();
  send("PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\nx");
  EXPECT_EQ(*ask_body(0), "a");
  EXPECT_THAT(*ask_body(0), HasSubstr("error: the size of a chunk"));
  respond(0, text("a"));
  const std::string all = received();
  EXPECT_THAT(all, StartsWith("HTTP/1.1 400 "));
  EXPECT_EQ(answered, std::vector<int>{400});
}

TEST_F(ConnectionTest, ABodyCutShortIsRefused) {
  open();
  send(put(3) + "a");
  EXPECT_EQ(*ask_body(0), "a");
  std::string* const rest = ask_body(0);
  transport->end();
  loop.run_ready();
  EXPECT_THAT(*rest, HasSubstr("error: the connection ended within its body"));
  EXPECT_THAT(received(), StartsWith("HTTP/1.1 400 "));
}

TEST_F(ConnectionTest, AReaderIsToldWhenTheConnectionGoes) {
  open();
  send(put(3));
  std::string* const piece = ask_body(0);
  connection->close();
  EXPECT_EQ(*piece, "waiting");  // not within the call
  loop.run_ready();
  EXPECT_THAT(*piece, HasSubstr("error: "));
  EXPECT_EQ(closings, 1);
  EXPECT_EQ(closed, 1);
}

// --- bodies of answers

TEST_F(ConnectionTest, AStreamIsPulled) {
  open();
  send(get("/1"));
  const auto source = std::make_shared<PushedSource>();
  source->push("abc");
  Response response;
  response.stream = source;
  respond(0, std::move(response));
  EXPECT_EQ(received(), "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n3\r\nabc\r\n");
  transport->take(0);
  source->push("defg");
  loop.run_ready();
  const int asked = source->asked;
  source->push("hij");
  loop.run_ready();
  EXPECT_EQ(source->asked, asked);  // nobody takes what is there: no more is asked for
  EXPECT_EQ(book.bytes("peer"), 4U);
  transport->take(1000);
  EXPECT_EQ(received(), "4\r\ndefg\r\n3\r\nhij\r\n");
  source->end();
  EXPECT_EQ(received(), "0\r\n\r\n");
  EXPECT_FALSE(source->cancelled);
}

TEST_F(ConnectionTest, AStreamOfAKnownLength) {
  open();
  send(get("/1") + get("/2"));
  const auto source = std::make_shared<PushedSource>();
  Response response;
  response.stream = source;
  response.length = 6;
  respond(0, std::move(response));
  respond(1, text("b"));
  EXPECT_EQ(received(), "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: keep-alive\r\n\r\n");
  source->push("abc");
  source->push("def");
  source->end();
  EXPECT_EQ(received(), "abcdef" + answer("b"));
}

TEST_F(ConnectionTest, AStreamOfAnotherLengthBreaksTheConnectionOff) {
  for (const std::string wrong : {"ab", "abcd"}) {
    exchanges.clear();
    open();
    send(get("/1"));
    const auto source = std::make_shared<PushedSource>();
    source->push(wrong);
    source->end();
    Response response;
    response.stream = source;
    response.length = 3;
    respond(0, std::move(response));
    loop.run_ready();
    EXPECT_TRUE(transport->closed) << wrong;
    EXPECT_THAT(received(), testing::Not(HasSubstr("abcd")));
  }
}

TEST_F(ConnectionTest, HeadHasNoBody) {
  open();
  send("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n" + get("/2"));
  const auto source = std::make_shared<PushedSource>();
  Response response;
  response.stream = source;
  response.length = 7;
  respond(0, std::move(response));
  respond(1, text("b"));
  EXPECT_EQ(received(), "HTTP/1.1 200 OK\r\nContent-Length: 7\r\nConnection: keep-alive\r\n\r\n" + answer("b"));
  EXPECT_TRUE(source->cancelled);
}

TEST_F(ConnectionTest, AnOldClientGetsItsStreamUntilTheEnd) {
  open();
  send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  exchanges[0]->inform(103, {});
  const auto source = std::make_shared<PushedSource>();
  source->push("abc");
  source->end();
  Response response;
  response.stream = source;
  respond(0, std::move(response));
  EXPECT_EQ(received(), "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc");
  EXPECT_TRUE(transport->sending_ended);
}

TEST_F(ConnectionTest, InterimAnswersGoBeforeTheFinalOne) {
  open();
  send(get("/1"));
  exchanges[0]->inform(104, {{"Location", "/x"}});
  exchanges[0]->inform(200, {});  // is none
  respond(0, text("a"));
  EXPECT_EQ(received(), "HTTP/1.1 104 Upload Resumption Supported\r\nLocation: /x\r\n\r\n" + answer("a"));
}

TEST_F(ConnectionTest, AClientThatHasGoneIsNoticed) {
  open();
  send(get("/1"));
  bool gone = false;
  exchanges[0]->on_gone([&] { gone = true; });
  transport->end();  // it sends no more, and still listens
  loop.run_ready();
  EXPECT_FALSE(gone);
  ASSERT_TRUE(transport->watched());
  transport->vanish();
  loop.run_ready();
  EXPECT_TRUE(gone);
  EXPECT_EQ(closed, 1);
}

TEST_F(ConnectionTest, WhoSendsNoMoreIsStillAnswered) {
  open();
  send(get("/1"));
  transport->end();
  loop.run_ready();
  respond(0, text("a"));
  EXPECT_EQ(received(), answer("a", "close"));
  EXPECT_EQ(closed, 1);
}

TEST_F(ConnectionTest, UnlessTheEndMeansThatItHasGone) {
  limits.end_is_gone = true;
  open();
  send(get("/1"));
  transport->end();
  loop.run_ready();
  EXPECT_EQ(closed, 1);
}

// --- CONNECT

TEST_F(ConnectionTest, ATunnelIsHandedOver) {
  limits.connect = true;
  open();
  send(get("/1") + "CONNECT e:443 HTTP/1.1\r\nHost: e:443\r\n\r\nearly");
  ASSERT_EQ(exchanges.size(), 2U);
  RawStream raw;
  exchanges[1]->hand_over({{"X", "y"}}, [&](RawStream stream) { raw = std::move(stream); });
  respond(0, text("a"));
  EXPECT_EQ(received(), answer("a") + "HTTP/1.1 200 OK\r\nX: y\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(raw.transport, transport);
  EXPECT_EQ(raw.early, "early");
  EXPECT_EQ(closed, 1);
  EXPECT_FALSE(transport->closed);
  EXPECT_EQ(book.connections("peer"), 1U);
  raw.visit = {};
  EXPECT_EQ(book.connections("peer"), 0U);
}

TEST_F(ConnectionTest, ARefusedTunnelEndsTheConnection) {
  limits.connect = true;
  open();
  send("CONNECT e:443 HTTP/1.1\r\nHost: e:443\r\n\r\n" + get("/smuggled"));
  Response no = text("no");
  no.status = 403;
  respond(0, std::move(no));
  EXPECT_THAT(received(), HasSubstr("Connection: close\r\n"));
  EXPECT_EQ(exchanges.size(), 1U);
}

TEST_F(ConnectionTest, OnlyConnectHasAStreamToHandOver) {
  open();
  send(get("/1"));
  exchanges[0]->hand_over({}, [](RawStream) { FAIL(); });
  EXPECT_THAT(received(), StartsWith("HTTP/1.1 500 "));
}

}  // namespace
}  // namespace larder::http::test
