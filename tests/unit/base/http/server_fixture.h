// A server on real sockets. The loop is turned by the test itself while it waits for something, so that nothing runs at
// the same time and nothing is waited for by sleeping.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/http/server.h"
#include "base/runtime/loop.h"
#include "tests/support/temp_directory.h"

namespace larder::http::test {

class ServerTest : public testing::Test {
 protected:
  struct User final : ConnectionUser {
    explicit User(ServerTest& the_test) : test(the_test) {}
    void on_request(std::shared_ptr<Exchange> exchange) override { test.handler(exchange); }
    void on_answered(int status) override { test.answered.push_back(status); }
    void on_certificate(PeerCertificate certificate) override { test.certificates.push_back(std::move(certificate)); }
    ServerTest& test;
  };

  void start() {
    server = std::make_unique<HttpServer>(HttpServer::Around{loop.context(), loop, loop, loop}, limits, peer_limits);
  }
  HttpServer::Admit admit(const std::string& peer) {
    return [this, peer](int) -> Result<Admission> {
      return Admission{peer, privileged, std::make_unique<User>(*this)};
    };
  }
  std::uint16_t listen_tcp(std::shared_ptr<TlsContext> tls = nullptr) {
    UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof(address);
    EXPECT_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), length), 0);
    EXPECT_EQ(::listen(socket.get(), 64), 0);
    EXPECT_EQ(::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &length), 0);
    server->listen(std::move(socket), admit("tcp"), std::move(tls));
    return ntohs(address.sin_port);
  }
  void listen_unix() {
    UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const sockaddr_un address = unix_address();
    ASSERT_EQ(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    ASSERT_EQ(::listen(socket.get(), 64), 0);
    server->listen(std::move(socket), admit("unix"));
  }

  // Turns the loop until `done` holds, for at most ten seconds of it.
  bool until(const std::function<bool()>& done) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!done()) {
      if (std::chrono::steady_clock::now() > end) return false;
      loop.context().run_one_for(std::chrono::milliseconds(5));
    }
    return true;
  }
  void turn() {
    while (loop.context().poll() > 0) continue;
  }

  // --- clients; all their sockets are non-blocking

  UniqueFd connect_tcp(std::uint16_t port) {
    UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    return socket;
  }
  UniqueFd connect_unix() {
    UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_un address = unix_address();
    EXPECT_EQ(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    return socket;
  }
  // As much as goes at once.
  static std::size_t send_some(const UniqueFd& socket, std::string_view bytes) {
    const ssize_t sent = ::send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    return sent < 0 ? 0 : static_cast<std::size_t>(sent);
  }
  // All of it, the loop turning meanwhile.
  bool send(const UniqueFd& socket, std::string_view bytes) {
    return until([&] {
      bytes.remove_prefix(send_some(socket, bytes));
      return bytes.empty();
    });
  }
  // What there is; `ended` once the server has closed.
  static std::string receive_some(const UniqueFd& socket, bool* ended = nullptr) {
    std::string all(65536, '\0');
    const ssize_t count = ::recv(socket.get(), all.data(), all.size(), MSG_DONTWAIT);
    if (ended && (count == 0 || (count < 0 && errno != EAGAIN))) *ended = true;
    all.resize(count < 0 ? 0 : static_cast<std::size_t>(count));
    return all;
  }
  std::string receive_until(const UniqueFd& socket, const std::string& part) {
    std::string all;
    EXPECT_TRUE(until([&] {
      all += receive_some(socket);
      return all.find(part) != std::string::npos;
    })) << all;
    return all;
  }
  std::string receive_all(const UniqueFd& socket) {
    std::string all;
    bool ended = false;
    EXPECT_TRUE(until([&] {
      all += receive_some(socket, &ended);
      return ended;
    }));
    return all;
  }
  static std::string get(const std::string& path, const std::string& fields = "") {
    return "GET " + path + " HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n";
  }

  [[nodiscard]] sockaddr_un unix_address() const {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, std::string(directory / "s").c_str(), sizeof(address.sun_path) - 1);
    return address;
  }

  larder::test::TempDirectory directory;
  Loop loop;
  HttpLimits limits;
  PeerLimits peer_limits;
  bool privileged = false;
  // Answers with the target, until a test says otherwise.
  std::function<void(const std::shared_ptr<Exchange>&)> handler = [](const std::shared_ptr<Exchange>& exchange) {
    exchange->respond(text_response(200, exchange->head().target));
  };
  std::vector<int> answered;
  std::vector<PeerCertificate> certificates;
  std::unique_ptr<HttpServer> server;
};

// `text`, and a copy of the descriptor with it.
inline void send_descriptor(const UniqueFd& socket, std::string text, int descriptor) {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  iovec part{text.data(), text.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(header), &descriptor, sizeof(int));
  ASSERT_EQ(::sendmsg(socket.get(), &message, MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
}

// Reads a body to its end and counts it.
struct BodyCounter : std::enable_shared_from_this<BodyCounter> {
  explicit BodyCounter(std::shared_ptr<Exchange> the_exchange) : exchange(std::move(the_exchange)) {}
  void read() {
    exchange->read_body([self = shared_from_this()](Result<Buffer> piece) {
      if (!piece) {
        self->failed = true;
      } else if (piece->empty()) {
        self->exchange->respond(text_response(200, std::to_string(self->bytes)));
      } else {
        self->bytes += piece->size();
        self->read();
      }
    });
  }
  std::shared_ptr<Exchange> exchange;
  std::size_t bytes = 0;
  bool failed = false;
};

// So many bytes in pieces of 64 KiB, each when it is asked for.
class CountedSource final : public BodySource {
 public:
  explicit CountedSource(std::size_t bytes) : left_(bytes) {}
  void next(UniqueFunction<void(Result<Buffer>)> ready) override {
    const std::string piece(std::min<std::size_t>(left_, 64 * kKiB), 'x');
    left_ -= piece.size();
    given += piece.size();
    ready(copy_of(as_bytes(piece)));
  }
  void cancel() override { cancelled = true; }
  std::size_t given = 0;
  bool cancelled = false;

 private:
  std::size_t left_;
};

}  // namespace larder::http::test
