#include "peer/catalogue/catalogue_link_outgoing.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/error.hpp>
#include <span>
#include <utility>

#include "base/local_address.h"

namespace larder::peer {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;

constexpr std::size_t kMaxHead = 8 * 1024;

}  // namespace

LinkOutgoing::LinkOutgoing(asio::io_context& io, const Endpoint& to, const AgentId& expected,
                           std::shared_ptr<TlsContext> context, LinkOutgoingOwner& owner)
    : to_(to), expected_(expected), context_(std::move(context)), stream_(io, *context_), timer_(io), owner_(owner) {}

std::string LinkOutgoing::doing() const {
  return "ask the peer at " + to_.text();
}

void LinkOutgoing::arm(Duration limit, ErrorCode code, std::string why) {
  timer_.expires_after(std::chrono::duration_cast<asio::steady_timer::duration>(limit));
  timer_.async_wait([self = shared_from_this(), armed = ++armed_, code, why = std::move(why)](const AsioError& error) {
    if (!error && armed == self->armed_) self->end_connection(code, why);
  });
}

void LinkOutgoing::connect(const std::optional<Endpoint>& source) {
  arm(kConnectTimeout, ErrorCode::connect_failed, "it does not take the connection");
  if (source) {
    const auto from = from_endpoint(source->with_port(0));
    AsioError ignored;  // connecting fails where binding did
    stream_.next_layer().open(from.protocol(), ignored);
    stream_.next_layer().bind(from, ignored);
  }
  stream_.next_layer().async_connect(
      from_endpoint(to_), [self = shared_from_this()](const AsioError& error) { self->on_connected(error); });
}

void LinkOutgoing::on_connected(const AsioError& error) {
  if (closed_) return;
  if (error) {
    end_connection(ErrorCode::connect_failed, error.message());
    return;
  }
  timer_.cancel();
  ++armed_;           // from here on the call's own deadline counts
  AsioError ignored;  // without this option the connection is only slower
  stream_.next_layer().set_option(asio::ip::tcp::no_delay(true), ignored);
  prepare_client(stream_);
  stream_.async_handshake(asio::ssl::stream_base::client,
                          [self = shared_from_this()](const AsioError& failed) { self->on_handshake(failed); });
}

void LinkOutgoing::on_handshake(const AsioError& error) {
  if (closed_) return;
  if (error) {
    end_connection(link_error(error, stream_, ErrorCode::tls_failed, doing()));
    return;
  }
  const auto facts = peer_facts(stream_);
  if (!facts) {
    end_connection(ErrorCode::certificate_rejected, "its certificate is not an agent's");
    return;
  }
  if (expected_ != AgentId{} && facts->agent != expected_) {
    end_connection(ErrorCode::certificate_rejected,
                   "agent " + agent_name(facts->agent) + " answers there, not " + agent_name(expected_));
    return;
  }
  agent_ = facts->agent;
  ready_ = true;
  read();
  if (call_ != 0) send();
}

void LinkOutgoing::send_call(CallId call, const CatalogueCall& what) {
  kept_ = ready_;
  heard_ = false;
  call_ = call;
  max_answer_ = what.max_answer;
  timer_.cancel();
  ++armed_;
  head_ = fmt::format("{} {} HTTP/1.1\r\nHost: larder\r\nContent-Length: {}\r\n\r\n", what.method, what.target,
                      what.body.size());
  body_ = what.body;
  if (ready_) send();
}

void LinkOutgoing::send() {
  parser_.emplace();
  parser_->header_limit(kMaxHead);
  parser_->body_limit(max_answer_);
  parser_->eager(false);  // one step at a time: Beast 1.74 loses the error of a too large body when eager
  const Bytes body = body_;
  head_.append(reinterpret_cast<const char*>(body.data()), body.size());  // small: one TLS record for both
  writing_ = true;
  asio::async_write(stream_, asio::buffer(head_), [self = shared_from_this()](const AsioError&, std::size_t) {
    // A failure shows in the read, after any answer that came before the request was sent completely.
    self->writing_ = false;
  });
}

// Starts a read. One is always in flight, so that the connection's end is noticed without a call too.
void LinkOutgoing::read() {
  stream_.async_read_some(asio::buffer(chunk_), [self = shared_from_this()](const AsioError& error, std::size_t size) {
    self->on_read(error, size);
  });
}

void LinkOutgoing::on_read(const AsioError& error, std::size_t size) {
  if (closed_) return;
  if (error) {
    end_connection(link_error(error, stream_, ErrorCode::connection_lost, doing()));
    return;
  }
  if (call_ == 0) {
    end_connection(ErrorCode::bad_response, "it sends what was not asked for");
    return;
  }
  heard_ = true;
  unread_.commit(asio::buffer_copy(unread_.prepare(size), asio::buffer(chunk_, size)));
  parse();
}

void LinkOutgoing::parse() {
  while (unread_.size() > 0 && !parser_->is_done()) {
    AsioError error;
    const std::size_t taken = parser_->put(unread_.data(), error);
    unread_.consume(taken);
    if (error == http::error::body_limit) {
      end_connection(ErrorCode::too_large, fmt::format("its answer has more than {} bytes", max_answer_));
      return;
    }
    if (error && error != http::error::need_more) {
      end_connection(ErrorCode::bad_response, "it does not answer as HTTP/1.1 asks for: " + error.message());
      return;
    }
    if (error || taken == 0) break;
  }
  // Without a length, the end of a body looks like a connection that was cut.
  if (parser_->is_header_done() && (parser_->chunked() || !parser_->content_length())) {
    end_connection(ErrorCode::bad_response, "its answer does not say how long it is");
    return;
  }
  if (parser_->is_done()) {
    on_answer();
  } else {
    read();
  }
}

void LinkOutgoing::on_answer() {
  auto& message = parser_->get();
  CatalogueResponse response;
  response.status = message.result_int();
  const auto bytes = std::as_bytes(std::span(message.body()));
  response.body.assign(bytes.begin(), bytes.end());
  const bool reusable = parser_->keep_alive() && unread_.size() == 0 && !writing_;
  parser_.reset();
  if (reusable) read();
  const auto self = shared_from_this();
  owner_.on_answered(*this, std::move(response), reusable);
}

void LinkOutgoing::keep_idle(Duration idle_timeout) {
  call_ = 0;
  body_ = {};
  arm(idle_timeout, ErrorCode::timed_out, "unused");
}

void LinkOutgoing::end_connection(ErrorCode code, std::string detail) {
  end_connection(Error{code, doing(), std::move(detail), std::nullopt});
}

void LinkOutgoing::end_connection(Error why) {
  if (closed_) return;
  const auto self = shared_from_this();
  close();
  owner_.on_ended(*this, std::move(why), kept_ && !heard_);
}

bool LinkOutgoing::lost_its_address() const {
  AsioError error;
  const auto local = stream_.next_layer().local_endpoint(error);
  if (error) return false;  // it has no local address yet
  return is_foreign_address(*local.data(), static_cast<socklen_t>(local.size()));
}

void LinkOutgoing::close() {
  if (std::exchange(closed_, true)) return;
  AsioError ignored;  // closing cannot be refused
  stream_.next_layer().close(ignored);
  timer_.cancel();
  ++armed_;
}

}  // namespace larder::peer
