#include "inbox/service/append.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace larder::inbox {
void Append::start(Turn turn) {
  turn_ = std::move(turn);
  turn_.on_wanted(parts_.context->guard([weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self) return;
    const bool drains = self->parts_.context->draining;
    self->stop(drains ? Problem::busy : Problem::superseded,
               drains ? "the inbox is stopping; go on later" : "a newer request for the upload came", true);
  }));
  parts_.context->ledger.take(
      parts_.part.id, parts_.principal, parts_.context->holder,
      parts_.context->guard([self = shared_from_this()](Outcome<UploadRow> row) { self->on_taken(std::move(row)); }));
}

void Append::on_taken(Outcome<UploadRow> row) {
  if (!row) return answer(as_refused(std::move(row.error())));
  row_ = std::move(*row);
  if (waits_for_seal(row_)) return seal_first();
  declare();
}

// A crash or an error of the disk came between the last byte and the seal. What this part means is known after it.
void Append::seal_first() {
  parts_.settlements->resume(std::move(turn_), row_, [self = shared_from_this()](Outcome<UploadStatus> settled) {
    if (!settled) return self->answer(std::move(settled));
    self->row_.state = settled->state;
    self->row_.answer = settled->answer;
    self->plan();
  });
}

// Before any byte: a crash must not leave bytes without the size and digest that came with them.
void Append::declare() {
  const AppendPart& part = parts_.part;
  const bool news = row_.state == UploadState::receiving && part.total && !row_.size;
  // First whether the request makes sense at all.
  if (auto planned = plan_append(row_, part, parts_.context->settings.limits_of(row_.inbox)); !news || !planned) {
    const bool unsized = row_.state == UploadState::receiving && !row_.size && planned && !planned->changes_nothing;
    return unsized ? check_room([](Append& self) { self.plan(); }) : plan();
  }
  parts_.context->room(parts_.context->guard([self = shared_from_this()](Outcome<std::uint64_t> room) {
    if (!room) return self->answer(as_refused(std::move(room.error())));
    self->parts_.context->ledger.declare({self->row_.id, self->row_.epoch},
                                         {*self->parts_.part.total, self->parts_.part.sha256, *room},
                                         self->parts_.context->guard([self](Outcome<UploadRow> row) {
                                           if (!row) return self->answer(as_refused(std::move(row.error())));
                                           self->row_ = std::move(*row);
                                           self->plan();
                                         }));
  }));
}

// An upload whose size nobody said has nothing reserved: it takes what is there, but not what is to be kept free.
void Append::check_room(void (*then)(Append&)) {
  parts_.context->room(parts_.context->guard([self = shared_from_this(), then](Outcome<std::uint64_t> room) {
    self->working_ = false;
    if (room && *room > 0) return then(*self);
    Refused refused = room ? Refused{Problem::no_space,
                                     fmt::format("cannot take more of upload {}: the disk is full but for what is kept "
                                                 "free; try again later",
                                                 self->row_.id),
                                     status_of(self->row_), std::nullopt}
                           : std::move(room.error());
    self->part_ ? self->cut_and_answer(std::move(refused)) : self->answer(as_refused(std::move(refused)));
  }));
}

void Append::plan() {
  if (early_) return wind_up();
  auto planned = plan_append(row_, parts_.part, parts_.context->settings.limits_of(row_.inbox));
  if (!planned) return answer(as_refused(std::move(planned.error())));
  plan_ = *planned;
  if (parts_.part.digest) hasher_ = std::make_shared<PartHasher>(parts_.part.digest->algorithm);
  if (plan_.changes_nothing) return go_on();
  open();
}

void Append::open() {
  working_ = true;
  auto known = parts_.context->hashes.take(row_.id);
  parts_.context->store.open(row_.id, row_.offset, std::move(known),
                             parts_.context->guard([self = shared_from_this()](Result<std::unique_ptr<Part>> part) {
                               self->on_open(std::move(part));
                             }));
}

void Append::on_open(Result<std::unique_ptr<Part>> part) {
  working_ = false;
  if (!part) return answer(as_refused(refused_by(part.error(), row_)));
  part_ = std::move(*part);
  kept_at_ = parts_.context->runtime.clock.now();
  go_on();
}

bool Append::may_read() const {
  if (reading_ || ended_ || early_) return false;
  const UploadSettings& settings = parts_.context->settings;
  if (waiting_ + writing_ == 0) return true;
  return waiting_ < settings.read_ahead && parts_.context->read_ahead < settings.read_ahead_in_all;
}

// Not up to the whole: its digest may have come with this request, and only a seal tells the ledger both.
bool Append::is_due() const {
  if (hasher_ || part_->end() == part_->kept() || is_whole()) return false;
  return parts_.context->runtime.clock.now() - kept_at_ >= parts_.context->settings.sync_each;
}

void Append::go_on() {
  if (answered_ || working_) {
    if (!answered_ && part_ && may_read()) read();
    return;
  }
  if (may_read()) read();
  if (part_ && is_due()) return keep(false);
  if (!pieces_.empty()) return write();
  if (early_) return wind_up();
  if (ended_) return conclude();
}

void Append::read() {
  reading_ = true;
  auto token = std::make_shared<CallbackToken>(parts_.context->runtime.executor,
                                               parts_.context->guard([self = shared_from_this()] { self->on_lost(); }));
  parts_.body->read(parts_.context->guard([self = shared_from_this(), token](Result<Buffer> piece) {
    token->mark_answered();
    self->on_piece(std::move(piece));
  }));
}

void Append::on_lost() {
  on_piece(fail(ErrorCode::connection_lost, "read the body", "the connection has gone"));
}

void Append::on_piece(Result<Buffer> piece) {
  reading_ = false;
  if (answered_) return;
  if (early_) return go_on();  // came too late
  if (!piece) {
    const bool slow = piece.error().code == ErrorCode::timed_out;
    return stop(slow ? Problem::too_slow : Problem::body_broken, piece.error().text(), true);
  }
  if (piece->empty()) {
    ended_ = true;
  } else {
    take_piece(std::move(*piece));
  }
  go_on();
}

void Append::take_piece(Buffer piece) {
  const std::uint64_t before = received_;
  received_ += piece.size();
  if (received_ > plan_.most) {
    return stop(plan_.beyond, fmt::format("the body has more than {} bytes", plan_.most), false);
  }
  if (plan_.changes_nothing) return;
  const std::uint64_t known = plan_.skip - std::min(plan_.skip, before);
  if (known > 0) {
    const auto skipped = static_cast<std::size_t>(std::min<std::uint64_t>(known, piece.size()));
    // The first bytes of the part, so none of it is at the disk yet.
    if (hasher_) hasher_->update(piece.bytes().first(skipped));
    if (skipped == piece.size()) return;
    piece = copy_of(piece.bytes().subspan(skipped));
  }
  waiting_ += piece.size();
  parts_.context->read_ahead += piece.size();
  pieces_.push_back(std::move(piece));
}

void Append::write() {
  working_ = true;
  writing_ = std::exchange(waiting_, 0);  // in memory until it is written
  part_->append(std::exchange(pieces_, {}), hasher_, parts_.context->guard([self = shared_from_this()](Status written) {
    self->on_written(std::move(written));
  }));
  if (may_read()) read();
}

void Append::on_written(Status written) {
  working_ = false;
  parts_.context->read_ahead -= std::exchange(writing_, 0);
  if (!written) return cut_and_answer(refused_by(written.error(), row_));
  go_on();
}

void Append::keep(bool at_end) {
  working_ = true;
  part_->sync(parts_.context->guard([self = shared_from_this(), at_end](Status synced) {
    if (!synced) {
      self->working_ = false;
      return self->cut_and_answer(refused_by(synced.error(), self->row_));
    }
    Context& context = *self->parts_.context;
    const WallTime now = context.wall();
    context.ledger.advance(
        {self->row_.id, self->row_.epoch},
        {self->row_.offset, self->part_->end(), now, now + context.settings.limits_of(self->row_.inbox).expiry},
        context.guard([self, at_end](Outcome<UploadRow> row) { self->on_kept(std::move(row), at_end); }));
  }));
}

void Append::on_kept(Outcome<UploadRow> row, bool at_end) {
  working_ = false;
  if (!row) return cut_and_answer(std::move(row.error()));
  row_ = std::move(*row);
  part_->keep();
  kept_at_ = parts_.context->runtime.clock.now();
  if (!at_end && !row_.size) {
    working_ = true;
    return check_room([](Append& self) { self.go_on(); });
  }
  if (!at_end) return go_on();
  parts_.context->remember(row_.id, part_->known_hash());
  if (!early_) return answer(status_of(row_));
  early_->why.upload = status_of(row_);
  answer(as_refused(std::move(early_->why)));
}

// The body came to its end, and all of it is written.
void Append::conclude() {
  if (plan_.changes_nothing) {
    if (parts_.part.length && received_ < *parts_.part.length) {
      stop(Problem::body_broken, "the body is shorter than was said", true);
      return;
    }
    return answer(status_of(row_));
  }
  if (parts_.part.length && received_ != *parts_.part.length) {
    return stop(Problem::body_broken, fmt::format("the body has {} bytes, not {}", received_, *parts_.part.length),
                true);
  }
  if (hasher_ && !hasher_->equals(*parts_.part.digest)) {
    return cut_and_answer(
        {Problem::part_digest,
         fmt::format("cannot append to upload {}: the part does not have its digest; send it again", row_.id),
         status_of(row_), std::nullopt});
  }
  if (is_whole()) return seal(false);
  if (part_->end() == part_->kept()) {
    parts_.context->remember(row_.id, part_->known_hash());
    return answer(status_of(row_));
  }
  keep(true);
}

void Append::wind_up() {
  if (!early_->why.upload) early_->why.upload = status_of(row_);
  if (plan_.changes_nothing || !part_) return answer(as_refused(std::move(early_->why)));
  if (hasher_ || !early_->keeps) return cut_and_answer(std::move(early_->why));
  // An offset that equals the size is told to nobody before the upload is accepted.
  if (is_whole()) return seal(true);
  if (part_->end() != part_->kept()) return keep(true);
  parts_.context->remember(row_.id, part_->known_hash());
  answer(as_refused(std::move(early_->why)));
}

void Append::seal(bool early) {
  answered_ = true;  // nothing is read or written any more
  parts_.settlements->seal(std::move(turn_), row_, std::move(part_), parts_.part.sha256,
                           [self = shared_from_this(), early](Outcome<UploadStatus> settled) {
                             self->answered_ = false;
                             if (!early || !settled) return self->answer(std::move(settled));
                             self->early_->why.upload = *settled;
                             self->answer(as_refused(std::move(self->early_->why)));
                           });
}

// Where the cut fails the bytes stay nobody's: the next opening cuts them off.
void Append::cut_and_answer(Refused why) {
  if (!part_ || part_->end() == part_->kept()) return answer(as_refused(std::move(why)));
  working_ = true;
  part_->cut(parts_.context->guard([self = shared_from_this(), why = std::move(why)](Status cut) mutable {
    self->working_ = false;
    if (cut) self->parts_.context->remember(self->row_.id, self->part_->known_hash());
    self->answer(as_refused(std::move(why)));
  }));
}

void Append::stop(Problem problem, std::string why, bool keeps) {
  if (answered_ || early_) return;
  early_ = Early{
      {problem, fmt::format("cannot append to upload {}: {}", parts_.part.id, why), std::nullopt, std::nullopt}, keeps};
  if (!row_.id.empty()) early_->why.upload = status_of(row_);
  if (problem == Problem::busy) early_->why.retry_after = std::chrono::seconds(5);
  if (!keeps) {
    parts_.context->read_ahead -= std::exchange(waiting_, 0);
    pieces_.clear();
  }
  // Earlier, an answer of the ledger or the disk is under way, and leads to wind_up().
  if (part_ || plan_.changes_nothing) go_on();
}

void Append::answer(Outcome<UploadStatus> outcome) {
  if (std::exchange(answered_, true)) return;
  parts_.context->read_ahead -= std::exchange(waiting_, 0);
  pieces_.clear();
  part_.reset();
  // Not within its own callback.
  parts_.context->runtime.executor.post([body = std::shared_ptr<BodyReader>(std::move(parts_.body))] {});
  turn_.end();
  parts_.done(std::move(outcome));
}

}  // namespace larder::inbox
