// A transport without a socket: a test hands bytes in and looks at what came out. Callbacks come by an executor, as the
// real ones come by the loop. `takes` is how much one write takes; while it is 0 the other side reads nothing.
#pragma once

#include <algorithm>
#include <deque>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "base/http/message/message.h"
#include "base/http/transport.h"
#include "base/runtime/clock.h"

namespace larder::test {

class FakeTransport final : public http::Transport, public std::enable_shared_from_this<FakeTransport> {
 public:
  explicit FakeTransport(Executor& executor) : executor_(executor) {}

  // --- the other side
  void send(std::string_view bytes) {
    incoming_ += bytes;
    serve_read();
  }
  void end() {
    ended_ = true;
    serve_read();
  }
  void vanish() {
    if (gone_) executor_.post(std::exchange(gone_, nullptr));
  }
  void take(std::size_t bytes) {
    takes_ = bytes;
    serve_write();
  }
  std::string received;                                           // and is cleared by whoever likes
  bool closed = false, sending_ended = false, handshakes = true;  // false: TLS that never comes to its end
  [[nodiscard]] std::size_t unread() const { return incoming_.size(); }
  [[nodiscard]] bool watched() const { return static_cast<bool>(gone_); }
  [[nodiscard]] bool reads() const { return static_cast<bool>(read_); }

  // --- Transport
  void handshake(Done done) override {
    if (handshakes)
      later([done = std::move(done)]() mutable { done({}); });
    else
      handshake_ = std::move(done);
  }
  void read(std::size_t most, Read done) override {
    most_ = most;
    read_ = std::move(done);
    serve_read();
  }
  void write(std::span<const std::string_view> pieces, Written done) override {
    outgoing_.clear();
    for (const std::string_view piece : pieces) outgoing_ += piece;
    write_ = std::move(done);
    serve_write();
  }
  void wait_writable(Done done) override {
    later([done = std::move(done)]() mutable { done({}); });
  }
  void wait_end(Task gone) override { gone_ = std::move(gone); }
  void end_sending(Done done) override {
    sending_ended = true;
    later([done = std::move(done)]() mutable { done({}); });
  }
  void close() override {
    closed = true;
    const auto dying = std::make_tuple(std::exchange(read_, nullptr), std::exchange(write_, nullptr),
                                       std::exchange(gone_, nullptr), std::exchange(handshake_, nullptr));
  }
  [[nodiscard]] int plain_socket() const override { return -1; }

 private:
  void later(Task task) {
    executor_.post([self = shared_from_this(), task = std::move(task)]() mutable {
      if (!self->closed) task();
    });
  }
  void serve_read() {
    if (!read_ || (incoming_.empty() && !ended_)) return;
    const std::string bytes = incoming_.substr(0, most_);
    incoming_.erase(0, bytes.size());
    later([done = std::exchange(read_, nullptr), bytes]() mutable { done(copy_of(as_bytes(bytes))); });
  }
  void serve_write() {
    if (!write_ || takes_ == 0) return;
    const std::size_t count = std::min(takes_, outgoing_.size());
    if (takes_ != kAll) takes_ -= count;
    received += outgoing_.substr(0, count);
    later([done = std::exchange(write_, nullptr), count]() mutable { done(count); });
  }

  static constexpr std::size_t kAll = std::numeric_limits<std::size_t>::max();
  Executor& executor_;
  std::string incoming_, outgoing_;
  bool ended_ = false;
  std::size_t most_ = 0, takes_ = kAll;
  Read read_;
  Written write_;
  Task gone_;
  Done handshake_;
};

}  // namespace larder::test
