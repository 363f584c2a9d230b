// The server over TCP and Unix sockets.
#include "tests/unit/base/http/server_fixture.h"

#include <fcntl.h>
#include <unistd.h>

namespace larder::http::test {
namespace {

using namespace std::string_literals;
using std::chrono::seconds;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

TEST_F(ServerTest, AnswersOverTcp) {
  start();
  const UniqueFd client = connect_tcp(listen_tcp());
  ASSERT_TRUE(send(client, get("/1") + get("/2")));
  EXPECT_THAT(receive_until(client, "\r\n\r\n/2"), HasSubstr("\r\n\r\n/1HTTP/1.1 200 OK\r\n"));
  EXPECT_EQ(server->figures().connections, 1U);
  EXPECT_EQ(server->peers().connections("tcp"), 1U);
  ASSERT_TRUE(send(client, get("/3", "Connection: close\r\n")));
  EXPECT_THAT(receive_until(client, "/3"), HasSubstr("Connection: close\r\n"));
  ::shutdown(client.get(), SHUT_WR);
  EXPECT_TRUE(until([&] { return server->figures().connections == 0; }));
}

TEST_F(ServerTest, AnswersAfterTheClientsEnd) {
  start();
  listen_unix();
  const UniqueFd client = connect_unix();
  ASSERT_TRUE(send(client, get("/1")));
  ::shutdown(client.get(), SHUT_WR);
  EXPECT_THAT(receive_all(client), EndsWith("\r\n\r\n/1"));
}

TEST_F(ServerTest, RefusesTlsOnAPlainPort) {
  start();
  const UniqueFd client = connect_tcp(listen_tcp());
  ASSERT_TRUE(send(client, "\x16\x03\x01\x02\x00\x01\x00"s));
  EXPECT_THAT(receive_all(client), StartsWith("HTTP/1.1 400 "));
}

// The client would send for ever; while the handler does not read, what the server holds does not grow.
TEST_F(ServerTest, ASlowHandlerSlowsTheUpload) {
  constexpr std::size_t kBody = 32 * kMiB;
  limits.body_bytes = kBody;
  std::shared_ptr<BodyCounter> counter;
  handler = [&](const std::shared_ptr<Exchange>& exchange) { counter = std::make_shared<BodyCounter>(exchange); };
  start();
  const UniqueFd client = connect_tcp(listen_tcp());
  ASSERT_TRUE(send(client, "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(kBody) + "\r\n\r\n"));
  const std::string block(kMiB, 'x');
  std::size_t sent = 0;
  ASSERT_TRUE(until([&] { return counter != nullptr; }));
  for (std::size_t last = 1; last > 0;) {  // until the sockets are full
    last = send_some(client, block);
    sent += last;
    turn();
    EXPECT_LE(server->peers().bytes("tcp"), limits.read_bytes);
  }
  ASSERT_LT(sent, kBody);
  counter->read();
  ASSERT_TRUE(until([&] {
    if (sent < kBody) sent += send_some(client, std::string_view(block).substr(0, kBody - sent));
    EXPECT_LE(server->peers().bytes("tcp"), limits.read_bytes);
    return sent == kBody;
  }));
  EXPECT_THAT(receive_until(client, std::to_string(kBody)), StartsWith("HTTP/1.1 200 "));
}

TEST_F(ServerTest, ASlowReaderSlowsTheSource) {
  constexpr std::size_t kBody = 64 * kMiB;
  const auto source = std::make_shared<CountedSource>(kBody);
  handler = [&](const std::shared_ptr<Exchange>& exchange) {
    Response response;
    response.stream = source;
    response.length = kBody;
    exchange->respond(std::move(response));
  };
  start();
  listen_unix();
  const UniqueFd client = connect_unix();
  ASSERT_TRUE(send(client, get("/")));
  std::size_t given = 0;
  ASSERT_TRUE(until([&] {
    turn();
    return source->given > 0 && std::exchange(given, source->given) == source->given;
  }));
  EXPECT_LT(given, 8 * kMiB);  // what the socket takes, and one piece
  EXPECT_LE(server->peers().bytes("unix"), 64 * kKiB);
  std::size_t received = 0;
  ASSERT_TRUE(until([&] {
    received += receive_some(client).size();
    return received > kBody;
  }));
  EXPECT_EQ(source->given, kBody);
}

TEST_F(ServerTest, AStreamEndsWhenItsReaderGoes) {
  const auto source = std::make_shared<CountedSource>(1 << 30);
  bool gone = false;
  handler = [&](const std::shared_ptr<Exchange>& exchange) {
    Response response;
    response.stream = source;
    exchange->on_gone([&] { gone = true; });
    exchange->respond(std::move(response));
  };
  start();
  UniqueFd client = connect_tcp(listen_tcp());
  ASSERT_TRUE(send(client, get("/")));
  (void)receive_until(client, "Transfer-Encoding: chunked\r\n");
  client.reset();
  EXPECT_TRUE(until([&] { return source->cancelled && gone; }));
}

TEST_F(ServerTest, WhoWaitsForAnAnswerAndGoesIsNoticed) {
  bool gone = false;
  std::shared_ptr<Exchange> kept;
  handler = [&](const std::shared_ptr<Exchange>& exchange) {
    kept = exchange;
    exchange->on_gone([&] { gone = true; });
  };
  start();
  listen_unix();
  UniqueFd client = connect_unix();
  ASSERT_TRUE(send(client, get("/")));
  ASSERT_TRUE(until([&] { return kept != nullptr; }));
  client.reset();
  EXPECT_TRUE(until([&] { return gone; }));
}

// --- limits of peers

TEST_F(ServerTest, ConnectionsBeyondAPeersLimitAreRefused) {
  peer_limits.connections_per_peer = 2;
  start();
  const std::uint16_t port = listen_tcp();
  listen_unix();
  const UniqueFd first = connect_tcp(port);
  UniqueFd second = connect_tcp(port);
  ASSERT_TRUE(until([&] { return server->figures().connections == 2; }));
  const UniqueFd third = connect_tcp(port);
  const std::string refused = receive_all(third);
  EXPECT_THAT(refused, StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(refused, HasSubstr("Retry-After: 1\r\n"));
  EXPECT_THAT(refused, HasSubstr("this peer has too many connections"));
  EXPECT_EQ(server->figures().refused, 1U);
  const UniqueFd other = connect_unix();  // another peer
  ASSERT_TRUE(send(other, get("/1")));
  (void)receive_until(other, "/1");
  second.reset();
  ASSERT_TRUE(until([&] { return server->peers().connections("tcp") == 1; }));
  const UniqueFd fourth = connect_tcp(port);
  ASSERT_TRUE(send(fourth, get("/4")));
  (void)receive_until(fourth, "/4");
}

TEST_F(ServerTest, AFewPlacesAreForThePrivileged) {
  peer_limits.connections = 2;
  peer_limits.reserve = 1;
  start();
  const std::uint16_t port = listen_tcp();
  const UniqueFd first = connect_tcp(port);
  ASSERT_TRUE(until([&] { return server->figures().connections == 1; }));
  EXPECT_THAT(receive_all(connect_tcp(port)), HasSubstr("this server has too many connections"));
  privileged = true;
  const UniqueFd admin = connect_tcp(port);
  ASSERT_TRUE(send(admin, get("/1")));
  (void)receive_until(admin, "/1");
}

TEST_F(ServerTest, RequestsBeyondAPeersLimitWait) {
  peer_limits.requests_per_peer = 2;
  std::vector<std::shared_ptr<Exchange>> kept;
  handler = [&](const std::shared_ptr<Exchange>& exchange) { kept.push_back(exchange); };
  start();
  const std::uint16_t port = listen_tcp();
  const UniqueFd one = connect_tcp(port), two = connect_tcp(port);
  ASSERT_TRUE(send(one, get("/1") + get("/2")));
  ASSERT_TRUE(until([&] { return kept.size() == 2; }));
  ASSERT_TRUE(send(two, get("/3")));
  turn();
  EXPECT_EQ(kept.size(), 2U);
  kept[0]->respond(text_response(200, "first"));
  ASSERT_TRUE(until([&] { return kept.size() == 3; }));
  kept[2]->respond(text_response(200, "third"));
  EXPECT_THAT(receive_until(two, "third"), StartsWith("HTTP/1.1 200 "));
}

// --- the end

TEST_F(ServerTest, StopsWhenWhatIsUnderWayIsAnswered) {
  std::vector<std::shared_ptr<Exchange>> kept;
  handler = [&](const std::shared_ptr<Exchange>& exchange) { kept.push_back(exchange); };
  start();
  const std::uint16_t port = listen_tcp();
  const UniqueFd busy = connect_tcp(port), idle = connect_tcp(port);
  ASSERT_TRUE(send(busy, get("/1")));
  ASSERT_TRUE(until([&] { return kept.size() == 1 && server->figures().connections == 2; }));
  bool done = false;
  server->stop(seconds(30), [&] { done = true; });
  EXPECT_EQ(receive_all(idle), "");
  EXPECT_FALSE(done);
  kept[0]->respond(text_response(200, "last"));
  EXPECT_THAT(receive_until(busy, "last"), HasSubstr("Connection: close\r\n"));
  ::shutdown(busy.get(), SHUT_WR);
  EXPECT_TRUE(until([&] { return done; }));
}

TEST_F(ServerTest, StopsAtOnceWithoutConnections) {
  start();
  bool done = false;
  server->stop(seconds(30), [&] { done = true; });
  EXPECT_FALSE(done);  // not within the call
  EXPECT_TRUE(until([&] { return done; }));
}

TEST_F(ServerTest, MayEndWithConnectionsOpen) {
  std::shared_ptr<Exchange> kept;
  handler = [&](const std::shared_ptr<Exchange>& exchange) { kept = exchange; };
  start();
  const UniqueFd client = connect_tcp(listen_tcp());
  ASSERT_TRUE(send(client, get("/1")));
  ASSERT_TRUE(until([&] { return kept != nullptr; }));
  server.reset();
  kept->respond(text_response(200, "late"));
  kept.reset();
  EXPECT_EQ(receive_all(client), "");
}

// --- CONNECT

TEST_F(ServerTest, ATunnelCarriesBytesBothWays) {
  limits.connect = true;
  RawStream raw;
  handler = [&](const std::shared_ptr<Exchange>& exchange) {
    exchange->hand_over({}, [&](RawStream stream) { raw = std::move(stream); });
  };
  start();
  const UniqueFd client = connect_tcp(listen_tcp());
  ASSERT_TRUE(send(client, "CONNECT e:443 HTTP/1.1\r\nHost: e:443\r\n\r\nearly"));
  EXPECT_EQ(receive_until(client, "\r\n\r\n"), "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\n\r\n");
  ASSERT_TRUE(until([&] { return raw.transport != nullptr; }));
  EXPECT_EQ(raw.early, "early");
  EXPECT_EQ(server->figures().connections, 0U);
  EXPECT_EQ(server->peers().connections("tcp"), 1U);
  std::string got;
  raw.transport->read(100, [&](Result<Buffer> bytes) { got = std::string(as_text(bytes->bytes())); });
  ASSERT_TRUE(send(client, "ping"));
  ASSERT_TRUE(until([&] { return got == "ping"; }));
  const std::string_view pong = "pong";
  raw.transport->write({&pong, 1}, [](const Result<std::size_t>&) {});
  EXPECT_EQ(receive_until(client, "pong"), "pong");
  raw.transport->close();
  EXPECT_EQ(receive_all(client), "");
}

// --- descriptors

TEST_F(ServerTest, DescriptorsWithAnUnfinishedHeadAreBounded) {
  limits.descriptors = 1;
  limits.parse_ahead = 1;
  start();
  listen_unix();
  std::array<int, 2> pipe_ends{};
  ASSERT_EQ(::pipe(pipe_ends.data()), 0);
  UniqueFd reading(pipe_ends[0]), writing(pipe_ends[1]);
  const UniqueFd client = connect_unix();
  ASSERT_TRUE(send(client, "GET /"));
  send_descriptor(client, "a", reading.get());
  for (int i = 0; i < 5; ++i) send_descriptor(client, "a", writing.get());
  writing = UniqueFd();
  // Closed by the server, all of them: nobody can write to the pipe any more.
  char c = 0;
  ASSERT_EQ(::fcntl(reading.get(), F_SETFL, O_NONBLOCK), 0);
  EXPECT_TRUE(until([&] { return ::read(reading.get(), &c, 1) == 0; }));
}

TEST_F(ServerTest, DescriptorsComeWithTheirRequests) {
  limits.descriptors = 1;
  std::string contents;
  handler = [&](const std::shared_ptr<Exchange>& exchange) {
    for (const UniqueFd& descriptor : exchange->take_descriptors()) {
      char c = 0;
      EXPECT_EQ(::read(descriptor.get(), &c, 1), 1);
      contents += exchange->head().target + c;
    }
    exchange->respond(text_response(200, exchange->head().target));
  };
  start();
  listen_unix();
  std::array<int, 2> pipe_ends{};
  ASSERT_EQ(::pipe(pipe_ends.data()), 0);
  const UniqueFd reading(pipe_ends[0]), writing(pipe_ends[1]);
  ASSERT_EQ(::write(writing.get(), "ab", 2), 2);
  const UniqueFd client = connect_unix();
  ASSERT_TRUE(send(client, get("/1")));
  send_descriptor(client, get("/2"), reading.get());
  ASSERT_TRUE(send(client, get("/3")));
  (void)receive_until(client, "/3");
  EXPECT_EQ(contents, "/2a");
}

TEST_F(ServerTest, AnAnswersFirstBytesMayGoByAHook) {
  int asked = 0;
  FirstWrite::Kind kind = FirstWrite::Kind::sent;
  handler = [&](const std::shared_ptr<Exchange>& exchange) {
    Response response = text_response(200, "with");
    response.first_write = [&](int socket, std::string_view text) {
      ++asked;
      FirstWrite first{kind, 0, nullptr};
      if (kind == FirstWrite::Kind::sent) first.bytes = static_cast<std::size_t>(::send(socket, text.data(), 5, 0));
      if (kind == FirstWrite::Kind::instead) first.response = std::make_unique<Response>(text_response(503, "instead"));
      if (kind == FirstWrite::Kind::later) kind = FirstWrite::Kind::sent;
      return first;
    };
    exchange->respond(std::move(response));
  };
  start();
  listen_unix();
  const UniqueFd client = connect_unix();
  const auto ask = [&](FirstWrite::Kind how, const std::string& end) {
    kind = how;
    EXPECT_TRUE(send(client, get("/")));
    return receive_until(client, end);
  };
  EXPECT_THAT(ask(FirstWrite::Kind::sent, "with"), StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(ask(FirstWrite::Kind::without, "with"), StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(ask(FirstWrite::Kind::instead, "instead"), StartsWith("HTTP/1.1 503 "));
  asked = 0;
  EXPECT_THAT(ask(FirstWrite::Kind::later, "with"), StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_EQ(asked, 2);
  kind = FirstWrite::Kind::broken;
  ASSERT_TRUE(send(client, get("/")));
  EXPECT_EQ(receive_all(client), "");
}

}  // namespace
}  // namespace larder::http::test
