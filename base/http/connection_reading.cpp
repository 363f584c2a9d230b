// How a connection reads: requests are begun in their order, bodies are taken when somebody asks for them.
#include "base/http/connection_impl.h"
#include "base/io/log.h"

namespace larder::http {
namespace {

constexpr Duration kAskAgain = std::chrono::milliseconds(20);  // whether the user lets another request begin
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

}  // namespace

// --- ExchangeHost

void HttpConnection::read_body(std::uint64_t number, BodyReady ready) {
  Slot* const slot = slot_of(number);
  if (!slot)
    return call_later([ready = std::move(ready)]() mutable {
      ready(fail(ErrorCode::connection_lost, "read the body of a request", "the request has been answered"));
    });
  if (slot->body_error || slot->body_done) {
    Result<Buffer> last{Buffer()};
    if (slot->body_error) last = tl::unexpected<Error>(*slot->body_error);
    // Looked at again in that turn: whoever asked must not go on with a whole body where the server has ended
    // meanwhile.
    return call_later([weak = weak_from_this(), ready = std::move(ready), last = std::move(last)]() mutable {
      const auto self = weak.lock();
      if (last && (!self || self->closed()))
        last = fail(ErrorCode::connection_lost, "read the body of a request", "the connection is gone");
      ready(std::move(last));
    });
  }
  slot->ready = std::move(ready);
  // Whoever sends already waits for nothing (RFC 9110 §10.1.1).
  if (std::exchange(slot->continue_due, false) && input().empty() && !slot->response)
    slot->interim.emplace_back(kContinue);
  wake();
}

std::vector<UniqueFd> HttpConnection::take_descriptors(std::uint64_t number) {
  Slot* const slot = slot_of(number);
  return slot ? std::exchange(slot->descriptors, {}) : std::vector<UniqueFd>();
}

// --- parsing

bool HttpConnection::parse_some() {
  if (deaf_) return false;
  if (head_waiting_) return begin_request();
  if (parser_.in_request()) return parse_body(slots_.back());
  return parse_head();
}

bool HttpConnection::parse_head() {
  if (input().empty() || finishing_ || !pipeline_.may_begin() || !user_lets_begin()) return false;
  const RequestParser::Step step = parser_.step(input());
  consume(step.consumed);
  if (step.event == RequestParser::Event::refused) {
    refuse(parser_.refusal());
    return true;
  }
  if (step.event != RequestParser::Event::head) return false;
  head_waiting_ = parser_.take_head();
  deadlines_.restart(Wait::head);
  deadlines_.restart(Wait::body);
  if (!head_waiting_->has_body()) {
    (void)parser_.step({});  // its end
    deadlines_.restart(Wait::request);
  }
  return true;
}

bool HttpConnection::user_lets_begin() {
  if (begin_timer_ != 0) return false;
  const bool lets = user_->may_begin(transport_->plain_socket());
  if (lets || closed()) return !closed();
  begin_timer_ = timers_.after(kAskAgain, [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self) return;
    self->begin_timer_ = 0;
    self->pump();
  });
  return false;
}

bool HttpConnection::begin_request() {
  if (finishing_ || !visit_->begin_request()) return false;
  RequestHead head = std::move(*head_waiting_);
  head_waiting_.reset();
  tunnel_ = head.form == TargetForm::authority;
  if (!head.keep_alive || tunnel_) pipeline_.begin_no_more();
  Slot& slot = slots_.emplace_back();
  slot.number = pipeline_.begin();
  slot.counted = true;
  slot.body_done = !head.has_body();
  slot.continue_due = head.expects_continue;
  // A tunnel that is refused: its bytes may have been sent already, and are no requests.
  slot.head.emplace();
  slot.head->method = head.method;
  slot.head->minor = head.minor;
  slot.head->keep_alive = head.keep_alive && !tunnel_;
  give_descriptors(slot);
  user_->on_request(std::make_shared<Exchange>(weak_from_this(), visit_, slot.number, std::move(head)));
  return !closed();
}

// One piece: as much of the body as has come. Of a body that nobody wants, what has come is thrown away.
bool HttpConnection::parse_body(Slot& slot) {
  const bool unwanted = !slot.ready && slot.response;
  if (!slot.ready && !(unwanted && !input().empty())) return false;
  Buffer piece(std::max<std::size_t>(input().size(), 1));
  RequestParser::Step step;
  do {
    step = parser_.step(input());
    piece.append(as_bytes(step.body));
    consume(step.consumed);
  } while (step.event == RequestParser::Event::body);
  give_descriptors(slot);
  if (step.event == RequestParser::Event::end) end_body(slot);
  if (slot.ready && (!piece.empty() || slot.body_done)) {
    const auto self = shared_from_this();
    auto ready = std::exchange(slot.ready, nullptr);
    ready(std::move(piece));  // what is wrong behind it is told to who asks next
    return !closed();
  }
  if (step.event == RequestParser::Event::refused) {
    refuse(parser_.refusal());
  } else if (step.event == RequestParser::Event::more && ended_) {
    refuse({400, {ErrorCode::connection_lost, "read the request", "the connection ended within its body"}});
  }
  return step.event == RequestParser::Event::end;
}

void HttpConnection::end_body(Slot& slot) {
  slot.body_done = true;
  deadlines_.restart(Wait::request);
}

// It is answered in its turn, and nothing is read after it.
void HttpConnection::refuse(const Refusal& refusal) {
  log::debug("request refused status={} cause=\"{}\"", refusal.status, refusal.error.detail);
  deaf_ = true;
  pipeline_.begin_no_more();
  if (!slots_.empty() && !slots_.back().body_done) return refuse_body(slots_.back(), refusal);
  Response response = user_->refusal(refusal);
  if (closed()) return;
  response.close = true;
  Slot& slot = slots_.emplace_back();
  slot.number = pipeline_.begin();
  slot.body_done = true;
  pipeline_.hold(slot.number, response.body.size());
  slot.response = std::move(response);
}

void HttpConnection::refuse_body(Slot& slot, const Refusal& refusal) {
  slot.body_error = refusal.error;
  if (slot.ready)
    call_later([ready = std::exchange(slot.ready, nullptr), error = refusal.error]() mutable {
      ready(tl::unexpected<Error>(std::move(error)));
    });
  if (slot.response) return;  // its handler answered already; the connection ends after that
  Response response = user_->refusal(refusal);
  if (closed()) return;
  response.close = true;
  pipeline_.hold(slot.number, response.body.size());
  slot.response = std::move(response);
}

void HttpConnection::consume(std::size_t bytes) {
  taken_ += bytes;
  parsed_ += bytes;
}

// Those whose last byte was parsed; more than a request may have are closed.
void HttpConnection::give_descriptors(Slot& slot) {
  while (!received_.empty() && received_.front().last_byte <= parsed_) {
    if (slot.descriptors.size() < limits_.descriptors)
      slot.descriptors.push_back(std::move(received_.front().descriptor));
    received_.pop_front();
  }
}

// --- reading

bool HttpConnection::wants_bytes() const {
  if (phase_ != Phase::open || ended_ || deaf_ || head_waiting_) return false;
  if (parser_.in_request()) return !slots_.empty() && static_cast<bool>(slots_.back().ready);
  return !finishing_ && begin_timer_ == 0 && pipeline_.may_begin();
}

void HttpConnection::read_more() {
  if (reading_ || phase_ != Phase::open) return;
  if (!wants_bytes()) return watch_end();
  if (!visit_->may_read()) return;
  reading_ = true;
  transport_->read(limits_.read_bytes, [self = shared_from_this()](Result<Buffer> bytes) {
    self->reading_ = false;
    if (self->phase_ == Phase::lingering) return self->on_discarded(bytes);
    if (!self->closed()) self->on_read(std::move(bytes));
  });
}

void HttpConnection::on_read(Result<Buffer> bytes) {
  if (!bytes) return close();
  if (bytes->empty()) {
    ended_ = true;
    if (limits_.end_is_gone) return close();
    return pump();
  }
  fresh_ = false;
  input_.erase(0, std::exchange(taken_, 0));
  input_ += as_text(bytes->bytes());
  // Those beyond what the requests that may wait can have are closed here: each byte of a head can bring some.
  const std::size_t most = limits_.descriptors * std::max<std::size_t>(limits_.parse_ahead, 1);
  for (UniqueFd& descriptor : transport_->take_descriptors())
    if (received_.size() < most) received_.push_back({parsed_ + input_.size(), std::move(descriptor)});
  deadlines_.progress(Wait::body, bytes->size(), clock_.now());
  pump();
}

// Who waits for an answer and has gone is noticed before the answer is there. Not while a body waits to be read: what
// was sent before the end is still of use. Nor before a tunnel, whose owner will watch for itself.
void HttpConnection::watch_end() {
  if (watching_end_ || tunnel_ || slots_.empty() || (!slots_.back().body_done && !deaf_)) return;
  watching_end_ = true;
  transport_->wait_end([weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->close();
  });
}

}  // namespace larder::http
