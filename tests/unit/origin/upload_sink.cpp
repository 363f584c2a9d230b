#include "tests/unit/origin/upload_sink.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <optional>

#include "base/text/text.h"

namespace larder::test {
namespace {

constexpr auto kLongestWait = std::chrono::seconds(10);
constexpr int kReceiveBuffer = 64 * 1024;  // small, so that a sender soon notices that nobody reads

[[noreturn]] void give_up(const char* what) {
  std::perror(what);
  std::abort();
}

}  // namespace

class UploadSink::Connection {
 public:
  Connection(UploadSink& sink, int socket, int number) : sink_(sink), socket_(socket), number_(number) {}

  void serve() {
    while (serve_one()) {
    }
    close(socket_);
    const std::lock_guard lock(sink_.mutex_);
    --sink_.open_;
    sink_.changed_.notify_all();
  }

 private:
  // Returns whether the socket has bytes or an end; false when the sink ends.
  bool wait_readable() const {
    std::array<pollfd, 2> watched{{{socket_, POLLIN, 0}, {sink_.stop_, POLLIN, 0}}};
    while (poll(watched.data(), watched.size(), -1) < 0) {
    }
    return watched[1].revents == 0;
  }

  // Returns how many bytes came, 0 at the end.
  std::size_t receive(char* into, std::size_t size) const {
    if (!wait_readable()) return 0;
    const ssize_t got = recv(socket_, into, size, 0);
    return got > 0 ? static_cast<std::size_t>(got) : 0;
  }

  bool read_head() {
    std::size_t end = 0;
    while ((end = ahead_.find("\r\n\r\n")) == std::string::npos) {
      std::array<char, 4096> bytes{};
      const std::size_t got = receive(bytes.data(), bytes.size());
      if (got == 0) return false;
      ahead_.append(bytes.data(), got);
    }
    parse(ahead_.substr(0, end + 2));
    ahead_.erase(0, end + 4);
    return true;
  }

  void parse(const std::string& head) {
    request_ = {};
    const std::size_t line = head.find("\r\n");
    const std::size_t space = head.find(' ');
    request_.method = head.substr(0, space);
    request_.target = head.substr(space + 1, head.rfind(' ', line) - space - 1);
    for (std::size_t from = line + 2; from < head.size();) {
      const std::size_t to = head.find("\r\n", from);
      const std::string field = head.substr(from, to - from);
      const std::size_t colon = field.find(':');
      request_.fields[lower_case(field.substr(0, colon))] = std::string(trim(field.substr(colon + 1)));
      from = to + 2;
    }
    request_.connection = number_;
    const auto length = request_.fields.find("content-length");
    length_ = length == request_.fields.end() ? 0 : std::stoull(length->second);
  }

  // Reads the body up to `end`. Returns whether all of that came.
  bool read_body(std::uint64_t end) {
    std::array<char, 64 * 1024> bytes{};
    while (request_.body < end) {
      const auto most = static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), end - request_.body));
      std::size_t got = std::min(most, ahead_.size());
      if (got > 0) {
        std::copy_n(ahead_.data(), got, bytes.data());
        ahead_.erase(0, got);
      } else if ((got = receive(bytes.data(), most)) == 0) {
        return false;
      }
      hash_.update(as_bytes(std::string_view(bytes.data(), got)));
      request_.body += got;
      note();
    }
    return true;
  }

  void note() const {
    const std::lock_guard lock(sink_.mutex_);
    sink_.requests_.at(index_) = request_;
    sink_.changed_.notify_all();
  }

  void begin() {
    const std::lock_guard lock(sink_.mutex_);
    index_ = sink_.requests_.size();
    sink_.requests_.push_back(request_);
    sink_.changed_.notify_all();
    hash_ = Sha256();
  }

  void answer(const SinkManner& manner) const {
    const bool empty = manner.status == 204 || request_.method == "HEAD";
    const std::string length = manner.status == 204 ? "" : fmt::format("Content-Length: {}\r\n", manner.text.size());
    const std::string text =
        fmt::format("HTTP/1.1 {} X\r\n{}{}\r\n{}", manner.status, length, manner.fields, empty ? "" : manner.text);
    for (std::size_t sent = 0; sent < text.size();) {
      const ssize_t put = send(socket_, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
      if (put <= 0) return;
      sent += static_cast<std::size_t>(put);
    }
  }

  void reset() const {
    const linger now{1, 0};
    setsockopt(socket_, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
  }

  void wait_for_release() const {
    std::unique_lock lock(sink_.mutex_);
    sink_.changed_.wait(lock, [this] { return sink_.released_ || sink_.ending_; });
  }

  // Until the sink ends: whoever reads nothing sees no end of the other side either.
  void stand_still() const {
    pollfd watched{sink_.stop_, POLLIN, 0};
    while (poll(&watched, 1, -1) < 0) {
    }
  }

  void wait_for_end() const {
    std::array<char, 4096> bytes{};
    while (receive(bytes.data(), bytes.size()) > 0) {
    }
  }

  // Returns whether another request may follow on this connection.
  bool serve_one() {
    if (!read_head()) return false;
    const SinkManner manner = sink_.next_manner();
    using Act = SinkManner::Act;
    const bool stops = manner.act != Act::answer && manner.act != Act::hold && manner.act != Act::never_answer;
    begin();
    const bool whole = read_body(stops ? std::min(manner.at, length_) : length_);
    request_.sha256 = hash_.finish();
    note();
    if (!whole) return false;
    switch (manner.act) {
      case Act::answer:
        break;
      case Act::hold:
        wait_for_release();
        break;
      case Act::answer_early:
        answer(manner);
        return read_body(length_);
      case Act::cut:
        return false;
      case Act::reset:
        reset();
        return false;
      case Act::stop_reading:
        stand_still();
        return false;
      case Act::never_answer:
        wait_for_end();
        return false;
    }
    answer(manner);
    return true;
  }

  UploadSink& sink_;
  const int socket_;
  const int number_;
  std::string ahead_;
  SinkRequest request_;
  std::uint64_t length_ = 0;
  Sha256 hash_;
  std::size_t index_ = 0;
};

UploadSink::UploadSink() {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  stop_ = eventfd(0, EFD_CLOEXEC);
  if (listener_ < 0 || stop_ < 0) give_up("upload sink");
  // Inherited by what is accepted.
  setsockopt(listener_, SOL_SOCKET, SO_RCVBUF, &kReceiveBuffer, sizeof(kReceiveBuffer));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* const general = reinterpret_cast<sockaddr*>(&address);
  if (bind(listener_, general, size) != 0 || listen(listener_, 64) != 0) give_up("upload sink");
  if (getsockname(listener_, general, &size) != 0) give_up("upload sink");
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { accept_all(); });
}

UploadSink::~UploadSink() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    changed_.notify_all();
  }
  const std::uint64_t one = 1;
  if (write(stop_, &one, sizeof(one)) != sizeof(one)) give_up("upload sink");
  acceptor_.join();
  for (std::thread& thread : threads_) thread.join();
  close(listener_);
  close(stop_);
}

void UploadSink::accept_all() {
  for (;;) {
    std::array<pollfd, 2> watched{{{listener_, POLLIN, 0}, {stop_, POLLIN, 0}}};
    while (poll(watched.data(), watched.size(), -1) < 0) {
    }
    if (watched[1].revents != 0) return;
    const int socket = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (socket < 0) continue;
    const std::lock_guard lock(mutex_);
    ++open_;
    threads_.emplace_back([this, socket, number = ++connections_] { Connection(*this, socket, number).serve(); });
    changed_.notify_all();
  }
}

SinkManner UploadSink::next_manner() {
  const std::lock_guard lock(mutex_);
  if (manners_.empty()) return {};
  SinkManner manner = std::move(manners_.front());
  manners_.pop_front();
  return manner;
}

std::string UploadSink::url(const std::string& path) const {
  return fmt::format("http://127.0.0.1:{}{}", port_, path);
}

void UploadSink::expect(SinkManner manner) {
  const std::lock_guard lock(mutex_);
  manners_.push_back(std::move(manner));
}

void UploadSink::release() {
  const std::lock_guard lock(mutex_);
  released_ = true;
  changed_.notify_all();
}

std::vector<SinkRequest> UploadSink::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

bool UploadSink::wait_for_requests(std::size_t count) const {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, kLongestWait, [&] { return requests_.size() >= count; });
}

bool UploadSink::wait_for_open(int count) const {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, kLongestWait, [&] { return open_ == count; });
}

}  // namespace larder::test
