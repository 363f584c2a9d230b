// The link's client against servers that do not behave.
#include <openssl/ssl.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>

#include "tests/unit/peer/link_fixture.h"

namespace larder::peer {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

// Answers whatever comes on each connection with the same bytes; on the test's loop.
class BrokenServer {
 public:
  struct Options {
    std::string bytes;
    bool close = false;  // after them
    bool tls = true;
    int highest_version = 0;
  };
  BrokenServer(asio::io_context& io, const LinkCredentials& credentials, Options options)
      : options_(std::move(options)), acceptor_(io, tcp::endpoint(asio::ip::make_address("127.0.0.1"), 0)) {
    if (options_.highest_version != 0)
      SSL_CTX_set_max_proto_version(context_.native_handle(), options_.highest_version);
    context_.add_certificate_authority(asio::buffer(credentials.authority_pem));
    context_.use_certificate(asio::buffer(credentials.certificate_pem), asio::ssl::context::pem);
    context_.use_private_key(asio::buffer(credentials.private_key_pem), asio::ssl::context::pem);
    accept();
  }
  ~BrokenServer() {
    error_code ignored;  // closing cannot be refused
    acceptor_.close(ignored);
    for (const auto& connection : connections_) connection->stream.next_layer().close(ignored);
  }
  BrokenServer(const BrokenServer&) = delete;
  BrokenServer& operator=(const BrokenServer&) = delete;

  [[nodiscard]] Endpoint at() const {
    return parse_endpoint("127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port())).value();
  }
  [[nodiscard]] std::size_t connections() const { return connections_.size(); }

 private:
  struct Connection {
    Connection(tcp::socket socket, asio::ssl::context& context) : stream(std::move(socket), context) {}
    asio::ssl::stream<tcp::socket> stream;
    std::array<char, 4096> chunk{};
  };
  void accept() {
    acceptor_.async_accept([this](const error_code& error, tcp::socket socket) {
      if (error) return;
      connections_.push_back(std::make_shared<Connection>(std::move(socket), context_));
      if (options_.tls) serve(connections_.back());
      accept();
    });
  }
  void serve(const std::shared_ptr<Connection>& connection) {
    connection->stream.async_handshake(asio::ssl::stream_base::server, [this, connection](const error_code& error) {
      if (!error) answer(connection);
    });
  }
  void answer(const std::shared_ptr<Connection>& connection) {
    connection->stream.async_read_some(asio::buffer(connection->chunk),
                                       [this, connection](const error_code& error, std::size_t) {
                                         if (error) return;
                                         asio::async_write(connection->stream, asio::buffer(options_.bytes),
                                                           [this, connection](const error_code& failed, std::size_t) {
                                                             error_code ignored;  // closing cannot be refused
                                                             if (options_.close)
                                                               connection->stream.next_layer().close(ignored);
                                                             if (!options_.close && !failed) answer(connection);
                                                           });
                                       });
  }

  const Options options_;
  asio::ssl::context context_{asio::ssl::context::tls};
  tcp::acceptor acceptor_;
  std::vector<std::shared_ptr<Connection>> connections_;
};

class AnswerTest : public LinkTest {
 protected:
  Result<CatalogueResponse> ask_broken(BrokenServer::Options options) {
    const AgentKey key = AgentKey::generate();
    BrokenServer server(loop_.context(), credentials(key), std::move(options));
    Member asker = member();
    CatalogueCall call;
    call.to = server.at();
    call.agent = key.id();
    call.target = "/v1/peers";
    call.max_answer = 1000;
    call.timeout = timeout_;
    return ask(*asker.link, call);
  }
  std::string outcome(const std::string& bytes, bool close = false) {
    return code_of(ask_broken({bytes, close, true, 0}));
  }
  Duration timeout_ = kPatience;
};

TEST_F(AnswerTest, WhatIsNoAnswerIsABadResponse) {
  EXPECT_EQ(outcome("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), "answered");
  EXPECT_EQ(outcome("hello\r\n\r\n"), "bad_response");
  EXPECT_EQ(outcome("HTTP/1.1 200 OK\r\n\r\nuntil the end", true), "bad_response");
  EXPECT_EQ(outcome("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"), "bad_response");
  EXPECT_EQ(outcome("HTTP/1.1 200 OK\r\nX: " + std::string(20000, 'x') + "\r\n\r\n"), "bad_response");
  EXPECT_EQ(outcome("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"), "bad_response");
}

TEST_F(AnswerTest, AnAnswerCutShortIsALostConnection) {
  EXPECT_EQ(outcome("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok", true), "connection_lost");
  EXPECT_EQ(outcome("HTTP/1.1 200 O", true), "connection_lost");
  EXPECT_EQ(outcome("", true), "connection_lost");
}

TEST_F(AnswerTest, ALengthBeyondTheLimitIsRefusedBeforeItIsBelieved) {
  EXPECT_EQ(outcome("HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\nx"), "too_large");
  EXPECT_EQ(outcome("HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\nx"), "too_large");
}

TEST_F(AnswerTest, AnAnswerThatStallsTimesOut) {
  timeout_ = std::chrono::milliseconds(200);
  EXPECT_EQ(outcome("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok"), "timed_out");
}

TEST_F(AnswerTest, AServerThatNeverShakesHandsTimesOut) {
  timeout_ = std::chrono::milliseconds(200);
  EXPECT_EQ(code_of(ask_broken({"", false, false, 0})), "timed_out");
}

TEST_F(AnswerTest, AServerOfAnOlderTlsIsRefused) {
  EXPECT_EQ(code_of(ask_broken({"", false, true, TLS1_2_VERSION})), "tls_failed");
}

TEST_F(AnswerTest, MoreThanWasAskedForEndsTheConnectionNotTheCall) {
  const AgentKey key = AgentKey::generate();
  BrokenServer server(loop_.context(), credentials(key),
                      {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n", false, true, 0});
  Member asker = member();
  CatalogueCall call;
  call.to = server.at();
  call.agent = key.id();
  call.target = "/v1/peers";
  call.timeout = kPatience;
  EXPECT_EQ(text_of(ask(*asker.link, call)), "ok");
  EXPECT_EQ(text_of(ask(*asker.link, call)), "ok");
  EXPECT_EQ(server.connections(), 2u) << "what was left over must not become the next answer";
}

TEST_F(AnswerTest, AServerThatClosesAfterEachAnswerIsAskedAgainAfresh) {
  const AgentKey key = AgentKey::generate();
  BrokenServer server(loop_.context(), credentials(key),
                      {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", true, true, 0});
  Member asker = member();
  CatalogueCall call;
  call.to = server.at();
  call.agent = key.id();
  call.target = "/v1/peers";
  call.timeout = kPatience;
  for (int i = 0; i < 10; ++i) EXPECT_EQ(text_of(ask(*asker.link, call)), "ok");
}

}  // namespace
}  // namespace larder::peer
