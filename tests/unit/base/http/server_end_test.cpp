// The ends of connections and of the server, over real sockets: within every call of a user too.
#include "tests/unit/base/http/server_fixture.h"

#include <unistd.h>

namespace larder::http::test {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;
using testing::StartsWith;

// --- a server that ends within a call of its user

// Each line ends the server in another call; nothing of it may be touched afterwards (the sanitizers look).
class ServerEnds : public ServerTest {
 protected:
  struct EndingUser final : ConnectionUser {
    explicit EndingUser(ServerEnds& the_test) : test(the_test) {}
    void on_request(std::shared_ptr<Exchange> exchange) override { test.handler(exchange); }
    Response refusal(const Refusal& refusal) override {
      if (test.in_refusal) test.server.reset();
      return refusal_response(refusal);
    }
    void on_answered(int) override {
      if (test.in_answered) test.server.reset();
    }
    bool may_begin(int) override {
      if (test.in_may_begin) test.server.reset();
      return true;
    }
    void on_late(Wait) override { test.server.reset(); }
    ServerEnds& test;
  };
  void begin(const std::string& request) {
    start();
    UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const sockaddr_un address = unix_address();
    ASSERT_EQ(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    ASSERT_EQ(::listen(socket.get(), 64), 0);
    server->listen(std::move(socket), [this](int) -> Result<Admission> {
      if (in_admit) server.reset();
      if (stop_in_admit) server->stop(seconds(30), [this] { ++stopped; });
      return Admission{"peer", false, std::make_unique<EndingUser>(*this)};
    });
    client = connect_unix();
    ASSERT_TRUE(send(client, request));
  }
  void expect_end(const std::string& request = get("/1") + get("/2")) {
    begin(request);
    EXPECT_EQ(receive_all(client), "");
    EXPECT_EQ(server, nullptr);
    turn();
  }
  void answer_with(std::function<Response()> make) {
    handler = [make = std::move(make)](const std::shared_ptr<Exchange>& exchange) { exchange->respond(make()); };
  }
  UniqueFd client;
  bool in_refusal = false, in_answered = false, in_may_begin = false, in_admit = false, stop_in_admit = false;
  int stopped = 0;
};

struct CallingSource final : BodySource {
  CallingSource(Task in_next, Task in_cancel) : on_next(std::move(in_next)), on_cancel(std::move(in_cancel)) {}
  void next(UniqueFunction<void(Result<Buffer>)> ready) override {
    if (on_next) std::exchange(on_next, nullptr)();
    ready(copy_of(as_bytes(std::string_view("x"))));
  }
  void cancel() override {
    if (on_cancel) std::exchange(on_cancel, nullptr)();
  }
  Task on_next, on_cancel;
};

TEST_F(ServerEnds, InAHandler) {
  handler = [this](const std::shared_ptr<Exchange>& exchange) {
    server.reset();
    exchange->respond(text_response(200, "late"));
  };
  expect_end();
}

TEST_F(ServerEnds, InAReaderOfABody) {
  handler = [this](const std::shared_ptr<Exchange>& exchange) {
    exchange->read_body([this, exchange](const Result<Buffer>&) { server.reset(); });
  };
  expect_end("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\nabcdef" + get("/2"));
}

TEST_F(ServerEnds, InASource) {
  answer_with([this] {
    Response response;
    response.stream = std::make_shared<CallingSource>([this] { server.reset(); }, nullptr);
    return response;
  });
  expect_end();
}

TEST_F(ServerEnds, InTheEndOfASource) {
  answer_with([this] {
    Response response;
    response.stream = std::make_shared<CallingSource>(nullptr, [this] { server.reset(); });
    return response;
  });
  expect_end("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n" + get("/2"));
}

TEST_F(ServerEnds, InAFirstWrite) {
  answer_with([this] {
    Response response = text_response(200, "with");
    response.first_write = [this, kept = std::string(1000, 'x')](int, std::string_view text) {
      server.reset();
      EXPECT_EQ(kept.size(), 1000U);  // what the call holds is there to its end
      return FirstWrite{FirstWrite::Kind::sent, text.size(), nullptr};
    };
    return response;
  });
  expect_end();
}

TEST_F(ServerEnds, WhenAnAnswerIsCounted) {
  in_answered = true;
  expect_end();
}

TEST_F(ServerEnds, WhenARequestIsRefused) {
  in_refusal = true;
  expect_end("GET / HTTP/1.1\r\n X\r\n\r\n");
}

TEST_F(ServerEnds, WhenARequestMayBegin) {
  in_may_begin = true;
  expect_end();
}

TEST_F(ServerEnds, WhenAClientIsLate) {
  limits.head = std::chrono::milliseconds(1);
  expect_end("GET");
}

TEST_F(ServerEnds, WhenAConnectionIsAdmitted) {
  in_admit = true;
  expect_end();
}

TEST_F(ServerEnds, OrStopsThen) {
  stop_in_admit = true;
  begin(get("/1"));
  EXPECT_EQ(receive_all(client), "");
  EXPECT_TRUE(until([&] { return stopped == 1; }));
  EXPECT_EQ(server->figures().connections, 0U);
}

TEST_F(ServerTest, NothingIsServedAfterAStop) {
  start();
  server->stop(seconds(30), [] {});
  std::array<int, 2> pair{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair.data()), 0);
  const UniqueFd client(pair[0]);
  server->serve(UniqueFd(pair[1]), admit("late"));
  EXPECT_EQ(receive_all(client), "");
}

// --- clients that go

TEST_F(ServerTest, AResetWithinABodyIsTold) {
  std::shared_ptr<BodyCounter> counter;
  bool gone = false;
  handler = [&](const std::shared_ptr<Exchange>& exchange) {
    counter = std::make_shared<BodyCounter>(exchange);
    exchange->on_gone([&] { gone = true; });
    counter->read();
  };
  start();
  UniqueFd client = connect_tcp(listen_tcp());
  ASSERT_TRUE(send(client, "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc"));
  ASSERT_TRUE(until([&] { return counter && counter->bytes == 3; }));
  const linger at_once{1, 0};
  ASSERT_EQ(::setsockopt(client.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
  client.reset();
  EXPECT_TRUE(until([&] { return counter->failed && gone; }));
  EXPECT_TRUE(until([&] { return server->figures().connections == 0; }));
  EXPECT_TRUE(answered.empty());
}

TEST_F(ServerTest, WhoSendsTooMuchReadsWhy) {
  limits.linger = std::chrono::minutes(1);  // a busy machine must not cut the answer off
  start();
  const UniqueFd client = connect_tcp(listen_tcp());
  ASSERT_TRUE(send(client, "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000000\r\n\r\n"));
  ASSERT_TRUE(send(client, std::string(2 * kMiB, 'x')));
  EXPECT_THAT(receive_all(client), StartsWith("HTTP/1.1 413 "));
}

// They would add up to as many as the process may have.
TEST_F(ServerTest, DescriptorsThatComeAfterTheLastAnswerAreClosed) {
  limits.descriptors = 1;
  limits.linger = std::chrono::hours(1);
  start();
  listen_unix();
  const UniqueFd client = connect_unix();
  ASSERT_TRUE(send(client, get("/1", "Connection: close\r\n")));
  (void)receive_until(client, "\r\n\r\n/1");
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_NONBLOCK | O_CLOEXEC), 0);
  const UniqueFd reading(ends[0]);
  UniqueFd writing(ends[1]);
  send_descriptor(client, "x", writing.get());
  writing.reset();
  EXPECT_TRUE(until([&] {
    char c = 0;
    return ::read(reading.get(), &c, 1) == 0;  // nobody has the other end
  }));
  EXPECT_EQ(server->figures().connections, 1U);
}

}  // namespace
}  // namespace larder::http::test
