// How a connection answers: one answer after the other, a stream's next piece when the last is out.
#include <fmt/format.h>

#include "base/http/connection_impl.h"
#include "base/io/log.h"

namespace larder::http {

// --- ExchangeHost

void HttpConnection::inform(std::uint64_t number, int status, Fields fields) {
  Slot* const slot = slot_of(number);
  if (!slot || slot->response) return;
  auto text = write_interim(status, fields);
  if (!text) return log::error("interim answer left out error=\"{}\"", text.error().text());
  slot->interim.push_back(std::move(*text));
  wake();
}

void HttpConnection::respond(std::uint64_t number, Response response) {
  Slot* const slot = slot_of(number);
  if (!slot || slot->response) {
    if (response.stream) response.stream->cancel();
    return;
  }
  pipeline_.hold(number, response.body.size());
  slot->response = std::move(response);
  wake();
}

void HttpConnection::hand_over(std::uint64_t number, Fields fields, TakeStream take) {
  Slot* const slot = slot_of(number);
  if (!slot || slot->response) return;
  slot->response.emplace();
  slot->response->fields = std::move(fields);
  slot->take = std::move(take);
  wake();
}

void HttpConnection::on_gone(std::uint64_t number, Task gone) {
  if (Slot* const slot = slot_of(number)) slot->gone = std::move(gone);
}

// --- writing

// Whether it did something after which there may be more to do at once.
bool HttpConnection::write_some() {
  if (writing_) return false;
  if (!out_is_empty()) return send();
  if (slots_.empty()) return false;
  Slot& slot = slots_.front();
  if (!slot.interim.empty()) {
    out_text_ = std::move(slot.interim.front());
    slot.interim.pop_front();
    out_[0] = out_text_;
    return true;
  }
  if (!slot.response) return false;
  if (!slot.head_out && slot.response->endless && finishing_) {
    close();
    return false;
  }
  if (!slot.head_out) return begin_answer(slot);
  if (!slot.written) return stream_some(slot);
  end_answer();
  return true;
}

// Decides the form of the answer as well.
Result<std::string> HttpConnection::head_of(Slot& slot) {
  const bool last = slots_.size() == 1;
  const bool goes_on = slot.body_done && !(last && (finishing_ || ended_ || deaf_));
  slot.form = form_of(*slot.response, slot.head ? &*slot.head : nullptr, goes_on);
  if (slot.take) slot.form = {BodyEnd::none, std::nullopt, true};
  return write_head(slot.response->status, slot.response->fields, slot.form);
}

bool HttpConnection::begin_answer(Slot& slot) {
  auto head = head_of(slot);
  if (!head) {
    log::error("answer not written error=\"{}\"", head.error().text());
    cancel_stream(slot);
    if (closed()) return false;
    slot.take = nullptr;
    slot.response = refusal_response({500, {ErrorCode::internal, "answer", "see the log of the server"}});
    head = head_of(slot);
  }
  slot.head_out = true;
  if (!slot.form.keep_alive) pipeline_.begin_no_more();
  if (!std::exchange(slot.told, true)) user_->on_answered(slot.response->status);
  if (closed()) return false;
  out_text_ = std::move(*head);
  if (slot.form.end == BodyEnd::none) cancel_stream(slot);
  if (closed()) return false;
  slot.written = !slot.response->stream;
  const bool text = slot.written && slot.form.end != BodyEnd::none;
  first_due_ = slot.response->first_write && transport_->plain_socket() >= 0;
  if (first_due_ && text) out_text_ += slot.response->body;
  if (!first_due_ && text) out_[1] = slot.response->body;
  // Its first piece goes with the head where it is there already.
  if (!slot.written && !first_due_) {
    ask_for_piece(slot);
    if (closed()) return false;
    if (slot.piece) return take_piece(slot);
  }
  out_[0] = out_text_;
  return true;
}

// --- streams

bool HttpConnection::stream_some(Slot& slot) {
  if (!slot.piece) ask_for_piece(slot);
  if (closed() || !slot.piece) return false;
  return take_piece(slot);
}

void HttpConnection::ask_for_piece(Slot& slot) {
  if (std::exchange(slot.asking, true)) return;
  const auto stream = slot.response->stream;  // what it answers may end this connection
  stream->next([weak = weak_from_this(), number = slot.number](Result<Buffer> piece) {
    if (const auto self = weak.lock()) self->on_piece(number, std::move(piece));
  });
}

void HttpConnection::on_piece(std::uint64_t number, Result<Buffer> piece) {
  Slot* const slot = slot_of(number);
  if (!slot || !std::exchange(slot->asking, false)) return;
  slot->piece = std::move(piece);
  wake();
}

// Only the end of the connection can say now that the head promised something else.
bool HttpConnection::take_piece(Slot& slot) {
  Result<Buffer> piece = std::move(*slot.piece);
  slot.piece.reset();
  const std::uint64_t length = slot.streamed + (piece ? piece->size() : 0);
  const bool wrong =
      slot.form.length && (piece && piece->empty() ? length != *slot.form.length : length > *slot.form.length);
  if (!piece || wrong) {
    log::warn("answer broken off error=\"{}\"",
              piece ? "its body has another length than its head says" : piece.error().text());
    close();
    return false;
  }
  slot.streamed = length;
  const bool chunks = slot.form.end == BodyEnd::chunks;
  if (piece->empty()) {
    slot.written = true;
    slot.response->stream.reset();
    if (chunks) out_text_ += kLastChunk;
  } else {
    if (chunks) out_text_ += chunk_line(piece->size());
    out_piece_ = std::move(*piece);
    out_[1] = as_text(out_piece_.bytes());
    if (chunks) out_[2] = kChunkEnd;
  }
  out_[0] = out_text_;
  return true;
}

// --- the end of an answer

void HttpConnection::end_answer() {
  Slot slot = std::move(slots_.front());
  slots_.pop_front();
  pipeline_.end_front();
  slot.gone = nullptr;
  if (slot.take) return give_stream(slot);
  drop_slot(slot);
  again_ = true;  // another request may begin
  if (!slot.form.keep_alive && !closed()) linger();
}

void HttpConnection::give_stream(Slot& slot) {
  phase_ = Phase::closed;
  drop_slots();
  if (slot.counted) visit_->end_request();
  slot.take({transport_, std::string(input()), end_visit()});
  leave();
}

// --- the transport

bool HttpConnection::send() {
  if (first_due_) return send_first(slots_.front());
  writing_ = true;
  transport_->write(out_, [self = shared_from_this()](const Result<std::size_t>& count) { self->on_sent(count); });
  return false;
}

void HttpConnection::on_sent(const Result<std::size_t>& count) {
  writing_ = false;
  if (closed()) return;
  if (!count) return close();
  deadlines_.progress(Wait::write, *count, clock_.now());
  std::size_t left = *count;
  for (std::string_view& part : out_) {
    const std::size_t of_it = std::min(left, part.size());
    part.remove_prefix(of_it);
    left -= of_it;
  }
  if (out_is_empty()) {
    out_text_.clear();
    out_piece_ = {};
  }
  pump();
}

bool HttpConnection::send_first(Slot& slot) {
  auto write = std::move(slot.response->first_write);  // it may end this connection, and the answer with it
  FirstWrite first = write(transport_->plain_socket(), out_[0]);
  if (closed()) return false;
  first_due_ = first.kind == FirstWrite::Kind::later;
  switch (first.kind) {
    case FirstWrite::Kind::sent:
      out_[0].remove_prefix(std::min(first.bytes, out_[0].size()));
      if (out_is_empty()) out_text_.clear();
      return true;
    case FirstWrite::Kind::without:
      return true;
    case FirstWrite::Kind::later:
      slot.response->first_write = std::move(write);
      writing_ = true;
      transport_->wait_writable([self = shared_from_this()](const Status& ready) {
        self->writing_ = false;
        if (self->closed()) return;
        if (!ready) return self->close();
        self->pump();
      });
      return false;
    case FirstWrite::Kind::instead:
      cancel_stream(slot);
      if (closed() || !first.response) break;
      slot.response = std::move(*first.response);
      slot.head_out = slot.written = false;
      out_ = {};
      return true;
    case FirstWrite::Kind::broken:
      break;
  }
  close();
  return false;
}

}  // namespace larder::http
