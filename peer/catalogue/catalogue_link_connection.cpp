#include "peer/catalogue/catalogue_link_connection.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/write.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/status.hpp>
#include <iterator>
#include <string_view>
#include <utility>

#include "base/text/units.h"
#include "peer/messages/catalogue_paths.h"

namespace larder::peer {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;

constexpr std::size_t kMaxTarget = 2048;
constexpr Duration kDrainTime = std::chrono::seconds(1);
constexpr std::size_t kDrainBytes = 1 * kMiB;
constexpr double kSlowestReader = 128 * 1024;  // bytes/s at which an asker must read a large answer
constexpr std::size_t kWithHead = 8 * 1024;    // bytes of a body that are sent with the head
constexpr int kSendBuffer = 128 * 1024;        // small, so that written bytes are nearly sent

unsigned status_of(const boost::system::error_code& error) {
  if (error == http::error::header_limit || error == http::error::buffer_overflow) return 431;
  return error == http::error::body_limit ? 413 : 400;
}

std::string head_of(const CatalogueResponse& response, bool last) {
  const auto reason = http::obsolete_reason(http::int_to_status(response.status));
  return fmt::format("HTTP/1.1 {} {}\r\nContent-Type: application/octet-stream\r\nContent-Length: {}\r\n{}\r\n",
                     response.status, std::string_view(reason.data(), reason.size()), response.body.size(),
                     last ? "Connection: close\r\n" : "");
}

bool good_target(std::string_view target) {
  return target.starts_with('/') && target.size() <= kMaxTarget &&
         std::all_of(target.begin(), target.end(), [](char letter) { return letter > ' ' && letter < 0x7f; });
}

}  // namespace

LinkConnection::LinkConnection(LinkId id, asio::ip::tcp::socket socket, const Endpoint& from,
                               std::shared_ptr<TlsContext> context, const LinkSettings& settings,
                               LinkConnectionOwner& owner)
    : id_(id),
      context_(std::move(context)),
      stream_(std::move(socket), *context_),
      timer_(stream_.get_executor()),
      from_(from),
      settings_(settings),
      owner_(owner) {}

void LinkConnection::start(ClientCertificate certificate) {
  Error ignored;  // without these options the connection is only slower
  stream_.next_layer().set_option(asio::ip::tcp::no_delay(true), ignored);
  stream_.next_layer().set_option(asio::socket_base::send_buffer_size(kSendBuffer), ignored);
  prepare_server(stream_, certificate);
  arm(settings_.handshake_timeout, &LinkConnection::close);
  stream_.async_handshake(asio::ssl::stream_base::server,
                          [self = shared_from_this()](const Error& error) { self->on_handshake(error); });
}

void LinkConnection::arm(Duration limit, void (LinkConnection::*expired)()) {
  timer_.expires_after(std::chrono::duration_cast<asio::steady_timer::duration>(limit));
  timer_.async_wait([self = shared_from_this(), expired, armed = ++armed_](const Error& error) {
    if (!error && armed == self->armed_ && self->phase_ != Phase::closed) (self.get()->*expired)();
  });
}

void LinkConnection::on_handshake(const Error& error) {
  if (phase_ == Phase::closed) return;
  if (error) {
    if (handshake_began(stream_)) owner_.on_failed_handshake(from_);
    finish();  // not close(): the peer is to receive the alert
    return;
  }
  facts_ = peer_facts(stream_);
  if (!facts_ && shows_certificate(stream_)) {
    close();
    return;
  }
  phase_ = Phase::reading;
  if (facts_) owner_.on_member(id_, facts_->agent);
  // A new connection is to send its request soon. A stranger's one request has the handshake's deadline.
  begin_request();
  if (phase_ == Phase::reading) {
    arm(facts_ ? settings_.request_timeout : settings_.handshake_timeout, &LinkConnection::close);
  }
}

void LinkConnection::begin_request() {
  phase_ = Phase::reading;
  parser_.emplace();
  parser_->header_limit(kMaxLinkHead);
  parser_->body_limit(settings_.max_request_body);
  parser_->eager(false);  // one step at a time: Beast 1.74 loses the error of a too large body when eager
  ++request_;
  if (unread_.size() > 0) {
    arm(settings_.request_timeout, &LinkConnection::close);
    parse();
    return;
  }
  if (facts_) {
    idle_ = true;
    owner_.on_idle(id_, true);
  }
  arm(settings_.idle_timeout, &LinkConnection::close);
  read();
}

// Starts a read, so that one is in flight in every phase. Except for back-pressure: while an answer is due and a chunk
// of the next request is buffered, the peer has to wait.
void LinkConnection::read() {
  if (reading_ || unread_.size() >= kLinkChunk) return;
  reading_ = true;
  stream_.async_read_some(asio::buffer(chunk_), [self = shared_from_this()](const Error& error, std::size_t size) {
    self->on_read(error, size);
  });
}

void LinkConnection::on_read(const Error& error, std::size_t size) {
  reading_ = false;
  if (phase_ == Phase::closed) return;
  if (error) {
    close();  // the peer has gone, or does not speak TLS: no answer is awaited
    return;
  }
  if (phase_ == Phase::draining) {
    drain(size);
    return;
  }
  unread_.commit(asio::buffer_copy(unread_.prepare(size), asio::buffer(chunk_, size)));
  if (phase_ != Phase::reading) {
    read();
    return;
  }
  if (idle_) {
    idle_ = false;
    owner_.on_idle(id_, false);
    arm(settings_.request_timeout, &LinkConnection::close);
  }
  parse();
}

void LinkConnection::parse() {
  while (unread_.size() > 0 && !parser_->is_done()) {
    Error error;
    const std::size_t taken = parser_->put(unread_.data(), error);
    unread_.consume(taken);
    if (error == http::error::need_more || (!error && taken == 0)) break;
    if (error) {
      respond({status_of(error), {}}, true);
      return;
    }
  }
  if (parser_->is_done()) {
    dispatch();
  } else {
    read();
  }
}

void LinkConnection::dispatch() {
  auto& message = parser_->get();
  const std::string_view target(message.target().data(), message.target().size());
  CatalogueRequest request;
  if (facts_) request.agent = facts_->agent;
  request.from = from_;
  request.method = std::string(message.method_string());
  request.path = std::string(target.substr(0, target.find('?')));
  if (request.path.size() < target.size()) request.query = std::string(target.substr(request.path.size() + 1));
  const auto bytes = std::as_bytes(std::span(message.body()));
  request.body.assign(bytes.begin(), bytes.end());
  last_ = is_stranger() || !parser_->keep_alive();
  phase_ = Phase::handling;
  std::optional<unsigned> refusal;
  if (message.version() != 11 || parser_->chunked() || !good_target(target)) {
    refusal = 400;
  } else if (request.method != "GET" && request.method != "POST") {
    refusal = 405;
  } else if (is_stranger() && (request.method != "POST" || request.path != kEnrolPath)) {
    refusal = 403;
  }
  parser_.reset();
  if (refusal) {
    respond({*refusal, {}}, true);
    return;
  }
  arm(settings_.request_timeout, &LinkConnection::handler_is_late);
  read();  // to notice when the asker goes away
  if (const auto status =
          owner_.on_request({id_, request_}, facts_ ? facts_->certificate_end : WallTime{}, std::move(request))) {
    respond({*status, {}}, last_);
  }
}

void LinkConnection::handler_is_late() {
  respond({504, {}}, true);
}

void LinkConnection::answer(std::uint64_t request, CatalogueResponse response) {
  if (phase_ == Phase::handling && request == request_) respond(std::move(response), last_);
}

void LinkConnection::respond(CatalogueResponse response, bool last) {
  last_ = last;
  if (!owner_.take_answer_bytes(response.body.size())) response = {503, {}};
  answer_bytes_ = response.body.size();
  response_ = std::move(response);
  head_ = head_of(response_, last);
  const std::size_t with_head = std::min(kWithHead, response_.body.size());
  const Bytes body = response_.body;
  head_.append(reinterpret_cast<const char*>(body.data()), with_head);
  phase_ = Phase::writing;
  const auto slowest = std::chrono::duration_cast<Duration>(
      std::chrono::duration<double>(static_cast<double>(answer_bytes_) / kSlowestReader));
  arm(std::max(settings_.request_timeout, slowest), &LinkConnection::close);
  const std::array<asio::const_buffer, 2> buffers = {asio::buffer(head_),
                                                     asio::buffer(body.data() + with_head, body.size() - with_head)};
  asio::async_write(stream_, buffers,
                    [self = shared_from_this()](const Error& error, std::size_t) { self->on_written(error); });
}

void LinkConnection::release_answer() {
  owner_.give_answer_bytes(std::exchange(answer_bytes_, 0));
  response_ = {};
}

void LinkConnection::on_written(const Error& error) {
  release_answer();
  if (phase_ == Phase::closed) return;
  if (error) {
    close();
  } else if (last_) {
    finish();
  } else {
    begin_request();
  }
}

// Shuts the sending side down and drains the peer's bytes: a reset could make the peer lose the last answer or alert.
void LinkConnection::finish() {
  phase_ = Phase::draining;
  Error ignored;  // the connection ends anyhow
  stream_.next_layer().shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  arm(std::min(kDrainTime, settings_.handshake_timeout), &LinkConnection::close);
  drain(0);
}

void LinkConnection::drain(std::size_t size) {
  drained_ += size;
  if (drained_ > kDrainBytes) {
    close();
    return;
  }
  if (std::exchange(reading_, true)) return;  // the read in flight comes back here
  stream_.next_layer().async_read_some(
      asio::buffer(chunk_),
      [self = shared_from_this()](const Error& error, std::size_t more) { self->on_read(error, more); });
}

void LinkConnection::close() {
  if (phase_ == Phase::closed) return;
  const bool writing = phase_ == Phase::writing;
  phase_ = Phase::closed;
  Error ignored;  // closing cannot be refused
  stream_.next_layer().close(ignored);
  timer_.cancel();
  if (!writing) release_answer();  // a write in flight still reads the bytes; on_written() releases them
  owner_.on_closed(id_);
}

}  // namespace larder::peer
