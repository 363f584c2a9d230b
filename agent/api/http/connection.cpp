#include "agent/api/http/connection.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/status.hpp>
#include <boost/beast/http/string_body.hpp>
#include <cerrno>
#include <cstring>

#include "agent/api/http/descriptors_in_flight.h"
#include "base/io/log.h"
#include "base/text/text.h"

namespace larder::agent {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;

constexpr Duration kLookAgain = std::chrono::milliseconds(20);  // whether descriptors were taken
constexpr std::size_t kLingerBytes = 8 * kMiB;                  // discarded before the end, so that the answer arrives

struct Refusal {
  int status = 0;
  Error error;
};

Refusal refusal_of(const error_code& error, const ServerLimits& limits) {
  const std::string doing = "read the request";
  if (error == http::error::header_limit || error == http::error::buffer_overflow)
    return {431, {ErrorCode::too_large, doing, fmt::format("its header has more than {} bytes", limits.header_bytes)}};
  if (error == http::error::body_limit)
    return {413, {ErrorCode::too_large, doing, fmt::format("its body has more than {} bytes", limits.body_bytes)}};
  return {400, {ErrorCode::invalid_argument, doing, "it is not HTTP/1.1: " + error.message()}};
}

class HttpConnection final : public Connection, public std::enable_shared_from_this<HttpConnection> {
 public:
  HttpConnection(asio::io_context& context, Timers& timers, int socket, Peer peer, const ServerLimits& limits,
                 ConnectionOwner& owner)
      : socket_(context, asio::generic::stream_protocol(peer.local ? AF_UNIX : AF_INET, 0), socket),
        timers_(timers),
        peer_(peer),
        limits_(limits),
        owner_(owner),
        buffer_(std::max<std::size_t>(limits.header_bytes, 16 * kKiB)) {}
  ~HttpConnection() override {
    timers_.cancel(deadline_);
    timers_.cancel(taken_timer_);
  }

  void start() override {
    // The read time-out starts with the connection: a new client is expected to send at once.
    await_request(limits_.read_timeout);
  }

  void finish() override {
    finishing_ = true;
    const bool endless = phase_ == Phase::streaming && !response_.length;
    if (phase_ == Phase::idle || endless) close();
  }

  void close() override {
    if (phase_ == Phase::closed) return;
    phase_ = Phase::closed;
    const auto self = shared_from_this();  // the owner drops its reference below
    disarm();
    timers_.cancel(std::exchange(taken_timer_, 0));
    body_ = {};
    if (response_.stream) response_.stream->cancel();
    const bool untaken = passed_ && !has_taken_all(socket_.native_handle());
    UniqueFd kept(untaken ? ::fcntl(socket_.native_handle(), F_DUPFD_CLOEXEC, 0) : -1);
    error_code ignored;
    socket_.close(ignored);
    response_ = {};
    owner_.on_closed(*this, std::move(kept), std::move(passed_));
  }

  [[nodiscard]] const Peer& peer() const override { return peer_; }

 private:
  enum class Phase { idle, reading, handling, writing, streaming, lingering, closed };

  // --- time limits

  void arm(Duration time) {
    disarm();
    deadline_ = timers_.after(time, [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->on_deadline();
    });
  }
  void disarm() {
    timers_.cancel(deadline_);
    deadline_ = 0;
  }
  void on_deadline() {
    deadline_ = 0;
    if (phase_ == Phase::reading) {
      // The read then ends with an error, whose handler answers.
      timed_out_ = true;
      error_code ignored;
      socket_.cancel(ignored);
      return;
    }
    if (phase_ == Phase::writing || phase_ == Phase::streaming)
      log::info("client reads too slowly, connection closed uid={}", peer_.caller.uid);
    close();
  }

  // --- reading

  void await_request(Duration patience) {
    phase_ = Phase::idle;
    parser_.emplace();
    parser_->header_limit(static_cast<std::uint32_t>(limits_.header_bytes));
    parser_->body_limit(limits_.body_bytes);
    if (buffer_.size() != 0) return read_next(patience);
    buffer_.clear();
    buffer_.shrink_to_fit();
    arm(patience);
    socket_.async_wait(asio::socket_base::wait_read, [self = shared_from_this()](error_code error) {
      if (self->phase_ != Phase::idle) return;
      if (error) return self->close();
      self->read_next(self->limits_.idle_timeout);
    });
  }

  // Reads nothing more from a client that has not taken the descriptors of the last answer.
  void read_next(Duration patience) {
    note_taken();
    if (!passed_) return read_header();
    arm(patience);
    held_up_ = true;
    look_whether_taken();
  }

  void note_taken() {
    if (passed_ && has_taken_all(socket_.native_handle())) passed_ = {};
  }

  void look_whether_taken() {
    if (!passed_ || taken_timer_ != 0) return;
    taken_timer_ = timers_.after(kLookAgain, [weak = weak_from_this()] {
      const auto self = weak.lock();
      if (!self || self->phase_ == Phase::closed) return;
      self->taken_timer_ = 0;
      self->note_taken();
      if (self->passed_) return self->look_whether_taken();
      if (std::exchange(self->held_up_, false)) self->read_header();
    });
  }

  void read_header() {
    phase_ = Phase::reading;
    timed_out_ = false;
    arm(limits_.read_timeout);
    http::async_read_header(socket_, buffer_, *parser_, [self = shared_from_this()](error_code error, std::size_t) {
      if (self->phase_ == Phase::closed || self->stopped_reading(error)) return;
      self->on_header();
    });
  }

  // Returns true if no request follows: it was answered with an error, or the client is gone.
  bool stopped_reading(const error_code& error) {
    if (timed_out_) {
      refuse(408, {ErrorCode::timed_out, "read the request", "it did not arrive in time"});
      return true;
    }
    if (!error) return false;
    if (error.category() != http::make_error_code(http::error::end_of_stream).category() ||
        error == http::error::end_of_stream || error == http::error::partial_message) {
      close();
      return true;
    }
    const Refusal refusal = refusal_of(error, limits_);
    refuse(refusal.status, refusal.error);
    return true;
  }

  void on_header() {
    if (parser_->chunked())
      return refuse(411, {ErrorCode::invalid_argument, "read the request",
                          "its body has no Content-Length; chunked bodies are not taken"});
    const std::size_t length = parser_->content_length() ? *parser_->content_length() : 0;
    if (length == 0) return on_read();
    // Any web page can send to the loopback port, where no route takes a body.
    if (!peer_.local)
      return refuse(
          403, {ErrorCode::permission_denied, "read the request", "this port takes no bodies; use the agent's socket"});
    auto reserved = owner_.reserve_body(length, peer_);
    if (!reserved)
      return refuse(503, {ErrorCode::busy, "read the request", "too many requests are being read; try again",
                          std::chrono::seconds(1)});
    body_ = std::move(*reserved);
    if (beast::iequals(parser_->get()[http::field::expect], "100-continue")) return send_continue();
    read_body();
  }

  void send_continue() {
    static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    asio::async_write(socket_, asio::buffer(kContinue), [self = shared_from_this()](error_code error, std::size_t) {
      if (self->phase_ == Phase::closed || self->stopped_reading(error)) return;
      self->read_body();
    });
  }

  void read_body() {
    http::async_read(socket_, buffer_, *parser_, [self = shared_from_this()](error_code error, std::size_t) {
      if (self->phase_ == Phase::closed || self->stopped_reading(error)) return;
      self->on_read();
    });
  }

  void on_read() {
    disarm();
    phase_ = Phase::handling;
    auto message = parser_->release();
    parser_.reset();
    keep_alive_ = message.keep_alive();
    head_only_ = message.method() == http::verb::head;
    const auto header = [&](http::field field) { return std::string(message[field]); };
    ApiRequest request;
    request.caller = peer_.caller;
    request.local = peer_.local;
    request.method = std::string(message.method_string());
    request.target = std::string(message.target());
    request.host = header(http::field::host);
    request.range = header(http::field::range);
    request.if_range = header(http::field::if_range);
    request.last_event_id = std::string(message["Last-Event-ID"]);
    request.origin = header(http::field::origin);
    request.fetch_site = std::string(message["Sec-Fetch-Site"]);
    request.body = std::move(message.body());
    owner_.on_request(std::move(request), Responder([weak = weak_from_this()](ApiResponse response) {
                        if (const auto self = weak.lock()) self->respond(std::move(response));
                      }));
  }

  // --- answering

  void refuse(int status, const Error& error) {
    keep_alive_ = false;
    head_only_ = false;
    phase_ = Phase::handling;
    respond(error_response(error, status));
  }

  void respond(ApiResponse response) {
    if (phase_ != Phase::handling) return;
    phase_ = Phase::writing;
    body_ = {};
    owner_.on_answered(response.status);
    if (finishing_ || (response.stream && !response.length)) keep_alive_ = false;
    if (head_only_ && response.stream) response.stream.reset();
    text_ = head_of(response);
    if (!head_only_ && !response.stream) text_ += response.body;
    response.body.clear();
    response_ = std::move(response);
    arm(limits_.write_timeout);
    if (response_.descriptors.empty()) return write_text(0);
    auto passed = owner_.admit_descriptors(response_.descriptors.size(), peer_);
    if (!passed) return on_descriptors_refused(ETOOMANYREFS);
    passed_ = std::move(*passed);
    send_descriptors();
  }

  [[nodiscard]] std::string head_of(const ApiResponse& response) const {
    const auto reason = http::obsolete_reason(http::int_to_status(static_cast<unsigned>(response.status)));
    std::string head = fmt::format(
        "HTTP/1.1 {} {}\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: {}\r\n",
        response.status, std::string_view(reason.data(), reason.size()), keep_alive_ ? "keep-alive" : "close");
    // A page of another site must not read answers of the loopback port, not even as an image.
    if (!peer_.local) head += "Cross-Origin-Resource-Policy: same-origin\r\n";
    if (response.status != 204) {
      head += fmt::format("Content-Type: {}\r\n", response.content_type);
      if (response.length || !response.stream)
        head += fmt::format("Content-Length: {}\r\n", response.length.value_or(response.body.size()));
    }
    // Values may stem from an origin: a value that could end the line is left out.
    for (const auto& [name, value] : response.headers)
      if (!has_control(value)) head += fmt::format("{}: {}\r\n", name, value);
    return head + "\r\n";
  }

  void write_text(std::size_t from) {
    asio::async_write(socket_, asio::buffer(text_.data() + from, text_.size() - from),
                      [self = shared_from_this()](error_code error, std::size_t) {
                        if (self->phase_ == Phase::closed) return;
                        if (error) return self->close();
                        self->on_text_written();
                      });
  }

  void on_text_written() {
    text_.clear();
    text_.shrink_to_fit();
    if (!response_.stream) return end_response();
    phase_ = Phase::streaming;
    disarm();
    if (!response_.length) watch_for_end();
    next_piece();
  }

  // The descriptors go with the first byte. The part that the socket does not take at once follows without them.
  void send_descriptors() {
    const ssize_t sent = send_with_descriptors(socket_.native_handle(), text_, response_.descriptors);
    if (sent >= 0) {
      response_.descriptors.clear();
      look_whether_taken();
      return write_text(static_cast<std::size_t>(sent));
    }
    on_descriptors_refused(errno);
  }

  void on_descriptors_refused(int error) {
    if (error == EAGAIN || error == EWOULDBLOCK) {
      socket_.async_wait(asio::socket_base::wait_write, [self = shared_from_this()](error_code failed) {
        if (self->phase_ != Phase::writing) return;
        if (failed) return self->close();
        self->send_descriptors();
      });
      return;
    }
    if (error == EPIPE || error == ECONNRESET) return close();
    // Nothing has been sent yet: another answer can replace this one.
    passed_ = {};
    if (response_.may_do_without) {
      response_.descriptors.clear();
      return write_text(0);
    }
    log::warn("descriptor not passed uid={} error=\"{}\"", peer_.caller.uid, std::strerror(error));
    ApiResponse response = error_response({ErrorCode::busy, "pass the descriptor",
                                           fmt::format("{}; read the content as a stream", std::strerror(error))});
    keep_alive_ = false;
    text_ = head_of(response) + response.body;
    response_ = {};
    write_text(0);
  }

  // --- streams

  void next_piece() {
    const auto stream = response_.stream;  // next() may end this response
    stream->next([weak = weak_from_this()](Result<Buffer> piece) {
      if (const auto self = weak.lock()) self->on_piece(std::move(piece));
    });
  }

  void on_piece(Result<Buffer> piece) {
    if (phase_ != Phase::streaming) return;
    if (!piece) {
      log::warn("answer broken off uid={} error=\"{}\"", peer_.caller.uid, piece.error().text());
      return close();
    }
    if (piece->empty()) {
      // Fewer bytes than the head promised: only closing the connection can show it now.
      if (response_.length && streamed_ != *response_.length) return close();
      return end_response();
    }
    streamed_ += piece->size();
    piece_ = std::move(*piece);
    arm(limits_.write_timeout);
    asio::async_write(socket_, asio::buffer(piece_.bytes().data(), piece_.size()),
                      [self = shared_from_this()](error_code error, std::size_t) {
                        if (self->phase_ != Phase::streaming) return;
                        if (error) return self->close();
                        self->disarm();
                        self->next_piece();
                      });
  }

  // Notices the end of a client that only listens, before the next event. A client that shut down only its sending side
  // still listens.
  void watch_for_end() {
    socket_.async_wait(asio::socket_base::wait_read, [weak = weak_from_this()](error_code error) {
      const auto self = weak.lock();
      if (!self || self->phase_ != Phase::streaming) return;
      pollfd state{self->socket_.native_handle(), POLLIN, 0};
      if (error || ::poll(&state, 1, 0) < 0 || (state.revents & (POLLHUP | POLLERR)) != 0) self->close();
    });
  }

  // --- the end of an answer

  void end_response() {
    response_ = {};
    piece_ = {};
    streamed_ = 0;
    if (keep_alive_ && !finishing_) return await_request(limits_.idle_timeout);
    linger();
  }

  // Discards input before the end: closing while the client sends would destroy an answer that it has not read.
  void linger() {
    phase_ = Phase::lingering;
    arm(limits_.linger);
    error_code ignored;
    socket_.shutdown(asio::socket_base::shutdown_send, ignored);
    discard();
  }

  void discard() {
    discard_buffer_.resize(16 * kKiB);
    socket_.async_read_some(asio::buffer(discard_buffer_),
                            [self = shared_from_this()](error_code error, std::size_t n) {
                              if (self->phase_ != Phase::lingering) return;
                              self->discarded_ += n;
                              if (error || self->discarded_ > kLingerBytes) return self->close();
                              self->discard();
                            });
  }

  asio::generic::stream_protocol::socket socket_;
  Timers& timers_;
  const Peer peer_;
  const ServerLimits& limits_;
  ConnectionOwner& owner_;

  Phase phase_ = Phase::idle;
  TimerId deadline_ = 0;
  bool timed_out_ = false;
  bool finishing_ = false;

  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  FairPlaces::Place body_;
  FairPlaces::Place passed_;  // descriptors that the client has not taken yet
  TimerId taken_timer_ = 0;
  bool held_up_ = false;  // the next request is not read before the descriptors are taken
  bool keep_alive_ = false;
  bool head_only_ = false;

  ApiResponse response_;
  std::string text_;  // head and body being written
  Buffer piece_;
  std::uint64_t streamed_ = 0;
  std::vector<char> discard_buffer_;
  std::size_t discarded_ = 0;
};

}  // namespace

std::shared_ptr<Connection> make_connection(asio::io_context& context, Timers& timers, UniqueFd socket, Peer peer,
                                            const ServerLimits& limits, ConnectionOwner& owner) {
  return std::make_shared<HttpConnection>(context, timers, socket.release(), peer, limits, owner);
}

}  // namespace larder::agent
