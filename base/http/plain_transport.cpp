#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <cstring>

#include "base/http/transport.h"

namespace larder::http {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

constexpr std::size_t kMostDescriptors = 64;  // of one message
constexpr std::size_t kMostPieces = 4;

tl::unexpected<Error> lost(int error) {
  return fail(ErrorCode::connection_lost, "speak to the client", std::strerror(error));
}

// A stream of bytes is never of a family that matters to asio here: the descriptor is waited for, the calls are ours.
class PlainTransport final : public Transport, public std::enable_shared_from_this<PlainTransport> {
 public:
  PlainTransport(asio::io_context& context, UniqueFd socket, std::size_t descriptors)
      : context_(context), socket_(context), most_(std::min(descriptors, kMostDescriptors)) {
    socket_.assign(socket.get(), unwatched_);
    if (!unwatched_) (void)socket.release();
  }

  void handshake(Done done) override {
    asio::post(context_, [self = shared_from_this(), done = std::move(done)]() mutable {
      if (self->closed_) return;
      if (self->unwatched_) return done(lost(self->unwatched_.value()));
      done({});
    });
  }

  void read(std::size_t most, Read done) override {
    socket_.async_wait(asio::posix::stream_descriptor::wait_read,
                       [self = shared_from_this(), most, done = std::move(done)](error_code error) mutable {
                         if (self->closed_) return;
                         if (error) return done(lost(error.value()));
                         self->read_now(most, std::move(done));
                       });
  }

  void write(std::span<const std::string_view> pieces, Written done) override {
    std::array<iovec, kMostPieces> parts{};
    std::size_t count = 0;
    for (const std::string_view piece : pieces)
      if (!piece.empty() && count < parts.size()) parts[count++] = {const_cast<char*>(piece.data()), piece.size()};
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = count;
    const ssize_t sent = ::sendmsg(socket_.native_handle(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    const int error = errno;
    if (sent < 0 && (error == EAGAIN || error == EWOULDBLOCK || error == EINTR))
      return write_later(pieces, std::move(done));
    asio::post(context_, [self = shared_from_this(), sent, error, done = std::move(done)]() mutable {
      if (self->closed_) return;
      if (sent < 0) return done(lost(error));
      done(static_cast<std::size_t>(sent));
    });
  }

  void wait_writable(Done done) override {
    socket_.async_wait(asio::posix::stream_descriptor::wait_write,
                       [self = shared_from_this(), done = std::move(done)](error_code error) mutable {
                         if (self->closed_) return;
                         if (error) return done(lost(error.value()));
                         done({});
                       });
  }

  // The kernel reports a hang-up to whoever waits for anything. Urgent data looks alike: it ends the watch.
  void wait_end(Task gone) override {
    socket_.async_wait(asio::posix::stream_descriptor::wait_error,
                       [self = shared_from_this(), gone = std::move(gone)](error_code error) mutable {
                         if (error || self->closed_) return;
                         pollfd state{self->socket_.native_handle(), POLLIN, 0};
                         if (::poll(&state, 1, 0) >= 0 && (state.revents & (POLLHUP | POLLERR)) != 0) gone();
                       });
  }

  void end_sending(Done done) override {
    ::shutdown(socket_.native_handle(), SHUT_WR);
    handshake(std::move(done));
  }

  void close() override {
    closed_ = true;
    error_code ignored;
    socket_.close(ignored);
    received_.clear();
  }

  [[nodiscard]] int plain_socket() const override { return const_cast<PlainTransport*>(this)->socket_.native_handle(); }
  [[nodiscard]] std::vector<UniqueFd> take_descriptors() override { return std::exchange(received_, {}); }

 private:
  void read_now(std::size_t most, Read done) {
    Buffer buffer(most);
    iovec part{buffer.writable().data(), most};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * kMostDescriptors)> control{};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (most_ > 0) {
      message.msg_control = control.data();
      message.msg_controllen = CMSG_SPACE(sizeof(int) * most_);
    }
    const ssize_t count = ::recvmsg(socket_.native_handle(), &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return read(most, std::move(done));
    if (count < 0) return done(lost(errno));
    keep_descriptors(message);
    buffer.grow(static_cast<std::size_t>(count));
    done(std::move(buffer));
  }

  // Padding of the control buffer may have let one more through than was asked for.
  void keep_descriptors(msghdr& message) {
    for (cmsghdr* header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
      if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
      const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
      for (std::size_t i = 0; i < count; ++i) {
        int descriptor = -1;
        std::memcpy(&descriptor, CMSG_DATA(header) + i * sizeof(int), sizeof(int));
        received_.emplace_back(descriptor);
      }
    }
  }

  void write_later(std::span<const std::string_view> pieces, Written done) {
    std::vector<std::string_view> kept(pieces.begin(), pieces.end());
    wait_writable([this, kept = std::move(kept), done = std::move(done)](Status ready) mutable {
      if (!ready) return done(tl::unexpected<Error>(ready.error()));
      write(kept, std::move(done));
    });
  }

  asio::io_context& context_;
  asio::posix::stream_descriptor socket_;
  error_code unwatched_;  // the system cannot have it waited for: out of memory
  bool closed_ = false;
  const std::size_t most_;
  std::vector<UniqueFd> received_;
};

}  // namespace

std::shared_ptr<Transport> make_plain_transport(asio::io_context& context, UniqueFd socket, std::size_t descriptors) {
  return std::make_shared<PlainTransport>(context, std::move(socket), descriptors);
}

}  // namespace larder::http
