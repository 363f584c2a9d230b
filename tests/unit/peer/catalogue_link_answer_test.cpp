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

// Answers whatever comes on each connection with the same bytes; on the test's loop. What it began may come to its end
// on that loop after the server is gone, so its inside lives as long as that.
class BrokenServer {
 public:
  struct Options {
    std::string bytes;
    bool close = false;  // after them
    bool tls = true;
    int highest_version = 0;
  };
  BrokenServer(asio::io_context& io, const LinkCredentials& credentials, Options options)
      : impl_(std::make_shared<Impl>(io, credentials, std::move(options))) {
    impl_->accept();
  }
  ~BrokenServer() { impl_->close(); }
  BrokenServer(const BrokenServer&) = delete;
  BrokenServer& operator=(const BrokenServer&) = delete;

  [[nodiscard]] Endpoint at() const {
    return parse_endpoint("127.0.0.1:" + std::to_string(impl_->acceptor.local_endpoint().port())).value();
  }
  [[nodiscard]] std::size_t connections() const { return impl_->connections.size(); }

 private:
  struct Connection {
    Connection(tcp::socket socket, asio::ssl::context& context) : stream(std::move(socket), context) {}
    asio::ssl::stream<tcp::socket> stream;
    std::array<char, 4096> chunk{};
  };
  struct Impl : std::enable_shared_from_this<Impl> {
    Impl(asio::io_context& io, const LinkCredentials& credentials, Options with)
        : options(std::move(with)), acceptor(io, tcp::endpoint(asio::ip::make_address("127.0.0.1"), 0)) {
      if (options.highest_version != 0) SSL_CTX_set_max_proto_version(context.native_handle(), options.highest_version);
      context.add_certificate_authority(asio::buffer(credentials.authority_pem));
      context.use_certificate(asio::buffer(credentials.certificate_pem), asio::ssl::context::pem);
      context.use_private_key(asio::buffer(credentials.private_key_pem), asio::ssl::context::pem);
    }
    void close() {
      error_code ignored;  // closing cannot be refused
      acceptor.close(ignored);
      for (const auto& connection : connections) connection->stream.next_layer().close(ignored);
    }
    void accept() {
      acceptor.async_accept([self = shared_from_this()](const error_code& error, tcp::socket socket) {
        if (error || !self->acceptor.is_open()) return;
        self->connections.push_back(std::make_shared<Connection>(std::move(socket), self->context));
        if (self->options.tls) self->serve(self->connections.back());
        self->accept();
      });
    }
    void serve(const std::shared_ptr<Connection>& connection) {
      connection->stream.async_handshake(asio::ssl::stream_base::server,
                                         [self = shared_from_this(), connection](const error_code& error) {
                                           if (!error) self->read(connection);
                                         });
    }
    void read(const std::shared_ptr<Connection>& connection) {
      connection->stream.async_read_some(asio::buffer(connection->chunk),
                                         [self = shared_from_this(), connection](const error_code& error, std::size_t) {
                                           if (!error) self->answer(connection);
                                         });
    }
    void answer(const std::shared_ptr<Connection>& connection) {
      asio::async_write(connection->stream, asio::buffer(options.bytes),
                        [self = shared_from_this(), connection](const error_code& error, std::size_t) {
                          error_code ignored;  // closing cannot be refused
                          if (self->options.close) connection->stream.next_layer().close(ignored);
                          if (!self->options.close && !error) self->read(connection);
                        });
    }

    const Options options;
    asio::ssl::context context{asio::ssl::context::tls};
    tcp::acceptor acceptor;
    std::vector<std::shared_ptr<Connection>> connections;
  };

  std::shared_ptr<Impl> impl_;
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
