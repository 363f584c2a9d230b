// A server that a test plays: it reads whole requests, one a connection, and answers each with the next text of a
// script. A thread of its own, which ends with it.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/io/unique_fd.h"

namespace larder::test {

class ScriptedServer {
 public:
  // What it does with one request.
  struct Answer {
    std::string text;    // sent as it is, and then the connection ends
    bool early = false;  // before the body was read
    bool never = false;  // no answer: the connection stays open until the server ends
  };

  ScriptedServer() {
    listening_ = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof(address);
    EXPECT_EQ(::bind(listening_.get(), reinterpret_cast<sockaddr*>(&address), length), 0);
    EXPECT_EQ(::listen(listening_.get(), 16), 0);
    EXPECT_EQ(::getsockname(listening_.get(), reinterpret_cast<sockaddr*>(&address), &length), 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~ScriptedServer() {
    stop_ = true;
    thread_.join();
  }
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  void play(Answer answer) {
    const std::lock_guard lock(mutex_);
    script_.push_back(std::move(answer));
  }
  void expect(const std::string& status_line, const std::string& fields = "", const std::string& body = "") {
    play(Answer{"HTTP/1.1 " + status_line + "\r\n" + fields + "Content-Length: " + std::to_string(body.size()) +
                "\r\n\r\n" + body});
  }
  [[nodiscard]] std::string url(const std::string& path = "/upload") const {
    return "http://127.0.0.1:" + std::to_string(port_) + path;
  }
  [[nodiscard]] std::vector<std::string> requests() {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

 private:
  // Whether there is something to read; the thread ends soon after stop_.
  [[nodiscard]] bool wait(int socket) const {
    while (!stop_) {
      pollfd watched{socket, POLLIN, 0};
      if (::poll(&watched, 1, 20) > 0) return true;
    }
    return false;
  }
  void serve() {
    while (wait(listening_.get())) {
      UniqueFd client(::accept4(listening_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (client) talk(std::move(client));
    }
  }
  void talk(UniqueFd client) {
    Answer answer;
    {
      const std::lock_guard lock(mutex_);
      if (script_.empty()) return;
      answer = std::move(script_.front());
      script_.pop_front();
    }
    std::string request;
    std::array<char, 65536> piece{};
    bool continued = false;
    while (!is_whole(request, answer.early) && wait(client.get())) {
      const ssize_t got = ::recv(client.get(), piece.data(), piece.size(), 0);
      if (got <= 0) break;
      request.append(piece.data(), static_cast<std::size_t>(got));
      if (continued || answer.early || request.find("\r\n\r\n") == std::string::npos) continue;
      continued = true;
      if (request.find("Expect: 100-continue") != std::string::npos) send(client, "HTTP/1.1 100 Continue\r\n\r\n");
    }
    {
      const std::lock_guard lock(mutex_);
      requests_.push_back(std::move(request));
    }
    if (answer.never) return kept_.push_back(std::move(client));
    send(client, answer.text);
  }
  static void send(const UniqueFd& client, std::string_view text) {
    while (!text.empty()) {
      const ssize_t sent = ::send(client.get(), text.data(), text.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      text.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  static bool is_whole(const std::string& request, bool early) {
    const std::size_t head = request.find("\r\n\r\n");
    if (head == std::string::npos) return false;
    const std::size_t at = request.find("Content-Length: ");
    return early || at > head || request.size() >= head + 4 + std::stoul(request.substr(at + 16));
  }

  UniqueFd listening_;
  std::uint16_t port_ = 0;
  std::mutex mutex_;  // guards the next two
  std::deque<Answer> script_;
  std::vector<std::string> requests_;
  std::vector<UniqueFd> kept_;  // the thread's
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace larder::test
