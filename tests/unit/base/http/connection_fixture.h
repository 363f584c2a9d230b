// A connection over a transport without a socket, in virtual time; its handler notes what comes and answers as the test
// says.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "base/http/connection.h"
#include "tests/support/fake_transport.h"
#include "tests/support/virtual_loop.h"

namespace larder::http::test {

using larder::test::FakeTransport;
using larder::test::VirtualLoop;

// Gives what push() brings.
class PushedSource final : public BodySource {
 public:
  void push(std::string_view bytes) {
    if (!ready_) return waiting_.push_back(std::string(bytes));
    auto ready = std::exchange(ready_, nullptr);
    ready(copy_of(as_bytes(bytes)));
  }
  void end() { push(""); }
  void next(UniqueFunction<void(Result<Buffer>)> ready) override {
    ++asked;
    if (waiting_.empty()) {
      ready_ = std::move(ready);
      return;
    }
    const std::string bytes = waiting_.front();
    waiting_.erase(waiting_.begin());
    ready(copy_of(as_bytes(bytes)));
  }
  void cancel() override {
    cancelled = true;
    ready_ = nullptr;
  }
  int asked = 0;
  bool cancelled = false;

 private:
  std::vector<std::string> waiting_;
  UniqueFunction<void(Result<Buffer>)> ready_;
};

class ConnectionTest : public testing::Test {
 protected:
  struct User final : ConnectionUser {
    explicit User(ConnectionTest& the_test) : test(the_test) {}
    void on_request(std::shared_ptr<Exchange> exchange) override {
      test.exchanges.push_back(exchange);
      if (test.on_request) test.on_request(exchange);
    }
    void on_answered(int status) override { test.answered.push_back(status); }
    bool may_begin(int) override { return test.on_may_begin ? test.on_may_begin() : test.lets_begin; }
    void on_closing(int, SharedVisit) override { ++test.closings; }
    ConnectionTest& test;
  };

  void open() {
    transport = std::make_shared<FakeTransport>(loop);
    transport->handshakes = handshakes;
    connection = make_connection(
        {transport, std::make_unique<User>(*this), book.enter("peer", false), loop, loop, loop, limits});
    connection->start([this](Connection&) { ++closed; });
    loop.run_ready();
  }
  void TearDown() override {
    if (connection) connection->close();
    loop.run_ready();
  }

  void send(std::string_view bytes) {
    transport->send(bytes);
    loop.run_ready();
  }
  // What came since the last call.
  std::string received() {
    loop.run_ready();
    return std::exchange(transport->received, "");
  }
  static std::string get(const std::string& path) { return "GET " + path + " HTTP/1.1\r\nHost: h\r\n\r\n"; }
  static std::string put(std::size_t length, const std::string& fields = "") {
    return "PUT / HTTP/1.1\r\nHost: h\r\n" + fields + "Content-Length: " + std::to_string(length) + "\r\n\r\n";
  }
  static Response text(std::string body) {
    Response response;
    response.body = std::move(body);
    return response;
  }
  static std::string answer(const std::string& body, const std::string& connection_field = "keep-alive") {
    return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\nConnection: " + connection_field +
           "\r\n\r\n" + body;
  }
  // Answers each request with its target, at once.
  void echo() {
    on_request = [this](const std::shared_ptr<Exchange>& exchange) {
      exchange->respond(text(exchange->head().target));
    };
  }
  void respond(std::size_t index, Response response) {
    exchanges[index]->respond(std::move(response));
    loop.run_ready();
  }
  // Asks for one piece: its bytes, "end", or the error.
  std::string* ask_body(std::size_t index) {
    auto* const out = pieces.emplace_back(std::make_unique<std::string>("waiting")).get();
    exchanges[index]->read_body([out](Result<Buffer> piece) {
      *out = !piece           ? "error: " + piece.error().detail
             : piece->empty() ? std::string("end")
                              : std::string(as_text(piece->bytes()));
    });
    loop.run_ready();
    return out;
  }

  VirtualLoop loop;
  HttpLimits limits;
  PeerLimits peer_limits;
  PeerBook book{peer_limits};
  bool handshakes = true, lets_begin = true;
  std::shared_ptr<FakeTransport> transport;
  std::shared_ptr<Connection> connection;
  std::vector<std::shared_ptr<Exchange>> exchanges;
  std::function<void(const std::shared_ptr<Exchange>&)> on_request;
  std::function<bool()> on_may_begin;
  std::vector<int> answered;
  std::vector<std::unique_ptr<std::string>> pieces;
  int closed = 0, closings = 0;
};

}  // namespace larder::http::test
