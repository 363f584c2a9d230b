#include "base/http/connection.h"

#include <fmt/format.h>

#include "base/http/connection_impl.h"
#include "base/io/log.h"

namespace larder::http {

HttpConnection::HttpConnection(ConnectionParts parts)
    : transport_(std::move(parts.transport)),
      user_(std::move(parts.user)),
      visit_(std::make_shared<PeerBook::Visit>(std::move(parts.visit))),
      executor_(parts.executor),
      timers_(parts.timers),
      clock_(parts.clock),
      limits_(parts.limits),
      deadlines_(parts.limits),
      parser_(parts.limits),
      pipeline_(parts.limits) {}

HttpConnection::~HttpConnection() {
  timers_.cancel(clock_timer_);
  timers_.cancel(begin_timer_);
}

void HttpConnection::start(std::function<void(Connection&)> on_closed) {
  on_closed_ = std::move(on_closed);
  visit_->on_room([weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->wake();
  });
  transport_->handshake([self = shared_from_this()](const Status& done) {
    if (self->closed()) return;
    if (!done) {
      log::debug("connection not begun error=\"{}\"", done.error().text());
      return self->close();
    }
    if (auto certificate = self->transport_->peer_certificate()) self->user_->on_certificate(std::move(*certificate));
    self->phase_ = Phase::open;
    self->pump();
  });
  watch_clocks();
}

void HttpConnection::finish(Duration within) {
  if (closed() || finishing_) return;
  finishing_ = true;
  deadlines_.drain_until(clock_.now() + within);
  const bool endless = !slots_.empty() && slots_.front().head_out && slots_.front().response->endless;
  if (phase_ == Phase::handshake || endless || (slots_.empty() && phase_ == Phase::open)) return close();
  watch_clocks();
  wake();
}

void HttpConnection::close() {
  if (closed()) return;
  const auto self = shared_from_this();
  phase_ = Phase::closed;
  drop_slots();
  user_->on_closing(transport_->plain_socket(), end_visit());
  transport_->close();
  leave();
}

void HttpConnection::leave() {
  timers_.cancel(std::exchange(clock_timer_, 0));
  timers_.cancel(std::exchange(begin_timer_, 0));
  received_.clear();
  if (const auto on_closed = std::exchange(on_closed_, nullptr)) on_closed(*this);
}

void HttpConnection::drop_slots() {
  auto slots = std::exchange(slots_, {});
  for (Slot& slot : slots) drop_slot(slot);
}

void HttpConnection::drop_slot(Slot& slot) {
  // One that has no answer yet is still being worked on: it counts until its exchange has ended, with the visit.
  if (slot.counted && slot.response && visit_) visit_->end_request();
  cancel_stream(slot);
  if (slot.ready)
    call_later([ready = std::move(slot.ready)]() mutable {
      ready(fail(ErrorCode::connection_lost, "read the body of a request", "the connection is gone"));
    });
  if (slot.gone) call_later(std::move(slot.gone));
}

// The source may end this connection: the caller looks whether it did, before it touches the slot again.
void HttpConnection::cancel_stream(Slot& slot) {
  if (!slot.response) return;
  if (const auto stream = std::exchange(slot.response->stream, nullptr)) stream->cancel();
}

void HttpConnection::call_later(Task task) {
  executor_.post(std::move(task));
}

// --- doing

void HttpConnection::wake() {
  if (pumping_) {
    again_ = true;
    return;
  }
  if (std::exchange(posted_, true)) return;
  executor_.post([weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self) return;
    self->posted_ = false;
    self->pump();
  });
}

void HttpConnection::pump() {
  if (pumping_) {
    again_ = true;
    return;
  }
  if (phase_ != Phase::open) return;
  const auto self = shared_from_this();
  pumping_ = true;
  do {
    again_ = false;
    while (phase_ == Phase::open && parse_some()) continue;
    while (phase_ == Phase::open && write_some()) continue;
  } while (again_ && phase_ == Phase::open);
  pumping_ = false;
  // Nobody is owed anything, and nothing can come that would change it.
  const bool idle = slots_.empty() && !writing_ && out_is_empty();
  if (phase_ == Phase::open && idle && (finishing_ || (ended_ && begin_timer_ == 0 && !head_waiting_))) close();
  if (closed()) return;
  count_bytes();
  read_more();
  watch_clocks();
}

HttpConnection::Slot* HttpConnection::slot_of(std::uint64_t number) {
  for (Slot& slot : slots_)
    if (slot.number == number) return &slot;
  return nullptr;
}

void HttpConnection::count_bytes() {
  if (visit_) visit_->hold(input().size() + pipeline_.bytes() + out_piece_.size());
}

// It holds no bytes any more, and hears of no room; whoever keeps it has the connection go on counting.
SharedVisit HttpConnection::end_visit() {
  visit_->hold(0);
  visit_->on_room(nullptr);
  return std::exchange(visit_, nullptr);
}

// --- clocks

ConnectionSituation HttpConnection::situation() const {
  ConnectionSituation now;
  now.handshaking = phase_ == Phase::handshake;
  now.fresh = fresh_;
  now.reading = wants_bytes() || begin_timer_ != 0;  // whom the user does not hear yet has to do something first
  now.in_head = parser_.in_head();
  now.in_body = parser_.in_request();
  // Not before "100 Continue" is out, behind the answers before it: until then the client waits for this side.
  now.body_wanted = !slots_.empty() && slots_.back().ready && slots_.back().interim.empty();
  now.answering = !slots_.empty();
  now.writing = writing_;
  now.lingering = phase_ == Phase::lingering;
  now.draining = finishing_;
  return now;
}

// A timer that comes too early asks again: it need not be set anew for each request.
void HttpConnection::watch_clocks() {
  deadlines_.run(waits_of(situation()), clock_.now());
  const auto next = deadlines_.next();
  if (!next || (clock_timer_ != 0 && *clock_set_for_ <= *next)) return;
  timers_.cancel(clock_timer_);
  clock_set_for_ = next;
  clock_timer_ = timers_.after(*next - clock_.now(), [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->on_clock();
  });
}

void HttpConnection::on_clock() {
  clock_timer_ = 0;
  if (closed()) return;
  const auto wait = deadlines_.expired(clock_.now());
  if (wait) return expire(*wait);
  watch_clocks();
}

void HttpConnection::expire(Wait wait) {
  const ExpiryRule& rule = expiry_rule(wait);
  user_->on_late(wait);
  if (closed()) return;
  if (rule.then == Expiry::close) {
    log::debug("connection closed cause=\"{}\"", rule.what);
    return close();
  }
  refuse({408, {ErrorCode::timed_out, "read the request", std::string(rule.what)}});
  pump();
}

// --- the end

// Ends the sending side, and discards what the client still sends until it closes. Where a socket is closed with bytes
// unread, the kernel resets the connection, and the client loses the part of the answer that it has not read (RFC 9112
// §9.6).
void HttpConnection::linger() {
  if (ended_) return close();
  phase_ = Phase::lingering;
  drop_slots();
  if (closed()) return;
  transport_->end_sending([weak = weak_from_this()](const Status&) {
    const auto self = weak.lock();
    if (self && self->phase_ == Phase::lingering && !self->reading_) self->discard();
  });
}

void HttpConnection::discard() {
  reading_ = true;
  transport_->read(limits_.read_bytes, [self = shared_from_this()](Result<Buffer> bytes) {
    self->reading_ = false;
    if (!self->closed()) self->on_discarded(bytes);
  });
}

void HttpConnection::on_discarded(const Result<Buffer>& bytes) {
  transport_->take_descriptors().clear();
  if (!bytes || bytes->empty()) return close();
  discarded_ += bytes->size();
  if (discarded_ > limits_.linger_bytes) return close();
  discard();
}

std::shared_ptr<Connection> make_connection(ConnectionParts parts) {
  return std::make_shared<HttpConnection>(std::move(parts));
}

}  // namespace larder::http
