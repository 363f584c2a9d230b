#include "inbox/service/uploads.h"

#include <fmt/format.h>

#include <utility>

#include "inbox/service/append.h"

namespace larder::inbox {
namespace {

tl::unexpected<Refused> stopping() {
  return as_refused({Problem::busy, "cannot take the request: the inbox is stopping; ask again later", std::nullopt,
                     std::chrono::seconds(5)});
}

std::string new_id(Random& random) {
  const std::uint64_t high = random.next();
  return make_upload_id(high, random.next());
}

}  // namespace

Uploads::Uploads(Ledger& ledger, Store& store, Runtime runtime, UploadSettings settings, VerdictHook* hook)
    : context_(new Context{ledger, store, runtime, settings, hook, new_id(runtime.random), nullptr}),
      settlements_(std::make_shared<Settlements>(context_)),
      turns_(runtime.executor),
      awaited_(runtime.timers) {}

Uploads::~Uploads() {
  context_->alive.end_guards();
  context_->on_accepted = nullptr;
  settlements_->forget_waiters();
}

void Uploads::on_accepted(UniqueFunction<void(const UploadRow&)> accepted) {
  context_->on_accepted = std::move(accepted);
}

void Uploads::recover(Recovery::Finished finished) {
  std::make_shared<Recovery>(context_, settlements_, turns_, std::move(finished))->start();
}

void Uploads::expire(WallTime now, Janitor::Finished finished) {
  std::make_shared<Janitor>(context_, settlements_, now, std::move(finished))->start();
}

void Uploads::drain() {
  context_->draining = true;
  turns_.stop_all();
  awaited_.end_all();
}

// The turn is asked for before anybody can know the id: a repeated creation that finds the upload waits for it.
void Uploads::create(const Principal& principal, CreateUpload request, Answer done) {
  auto& loop = context_->runtime.executor;
  auto wrong = check_creation(request, context_->settings.limits_of(request.inbox));
  if (context_->draining || wrong) {
    auto why = wrong ? Outcome<UploadStatus>(as_refused(std::move(*wrong))) : Outcome<UploadStatus>(stopping());
    return loop.post([why = std::move(why), done = std::move(done)]() mutable { done(std::move(why)); });
  }
  context_->room([this, alive = alive_.watch(), principal, request = std::move(request),
                  done = std::move(done)](Outcome<std::uint64_t> room) mutable {
    if (alive.expired()) return;
    if (!room) return done(as_refused(std::move(room.error())));
    NewUpload upload;
    upload.id = new_id(context_->runtime.random);
    upload.principal = principal.name;
    upload.holder = context_->holder;
    upload.request = std::move(request);
    upload.now = context_->wall();
    const UploadLimits& limits = context_->settings.limits_of(upload.request.inbox);
    upload.expires_at = upload.now + limits.expiry;
    upload.max_open = limits.max_open;
    upload.room = *room;
    context_->ledger.create(std::move(upload),
                            alive_.guard([this, done = std::move(done)](Outcome<FoundOrMade> made) mutable {
                              if (!made) return done(as_refused(std::move(made.error())));
                              on_made(std::move(*made), std::move(done));
                            }));
  });
}

void Uploads::on_made(FoundOrMade made, Answer done) {
  UploadRow& row = made.row;
  context_->owners.put(row.id, row.principal);
  auto as_created = [created = made.created, done = std::move(done)](Outcome<UploadStatus> status) mutable {
    if (status) status->created = created;
    done(std::move(status));
  };
  if (row.state == UploadState::receiving && !waits_for_seal(row)) {
    return as_created(status_of(row));
  }
  const std::string id = row.id;
  with_turn(id, std::move(as_created), [this, row = std::move(row)](Turn turn, Answer answer) mutable {
    // It may have been settled while the turn was another's.
    context_->ledger.take(
        row.id, row.principal, context_->holder,
        alive_.guard([this, turn = std::move(turn), answer = std::move(answer)](Outcome<UploadRow> now) mutable {
          if (!now) return answer(as_refused(std::move(now.error())));
          answer_row(std::move(turn), std::move(*now), std::move(answer));
        }));
  });
}

// What a client is told of an upload: it never sees all bytes there before the upload is accepted.
void Uploads::answer_row(Turn turn, UploadRow row, Answer done) {
  if (waits_for_seal(row)) return settlements_->resume(std::move(turn), std::move(row), std::move(done));
  if (row.state == UploadState::receiving || (was_accepted(row.state) && row.state != UploadState::rejected)) {
    return done(status_of(row));
  }
  if (row.state == UploadState::sealed) return done(as_refused(pending(row)));
  done(as_refused(impossible(row, "go on with")));
}

void Uploads::with_turn(const std::string& id, Answer done, UniqueFunction<void(Turn, Answer)> go) {
  turns_.ask(id, false, alive_.guard([done = std::move(done), go = std::move(go)](Outcome<Turn> turn) mutable {
    if (!turn) return done(as_refused(std::move(turn.error())));
    go(std::move(*turn), std::move(done));
  }));
}

void Uploads::look(const Principal& principal, const std::string& id, Answer done) {
  own(principal, id, std::move(done), [this, principal, id](Answer answer) mutable {
    with_turn(id, std::move(answer), [this, principal, id](Turn turn, Answer found) mutable {
      context_->ledger.take(
          id, principal.name, context_->holder,
          alive_.guard([this, turn = std::move(turn), found = std::move(found)](Outcome<UploadRow> row) mutable {
            if (!row) return found(as_refused(std::move(row.error())));
            answer_row(std::move(turn), std::move(*row), std::move(found));
          }));
    });
  });
}

// Somebody else's request must not end an append: the owner is asked for before the turn.
void Uploads::own(const Principal& principal, const std::string& id, Answer done, UniqueFunction<void(Answer)> go) {
  const std::string* const owner = context_->owners.find(id);
  if (owner != nullptr && *owner == principal.name) return go(std::move(done));
  context_->ledger.find(
      id, principal.name,
      alive_.guard([this, done = std::move(done), go = std::move(go)](Outcome<UploadRow> row) mutable {
        if (!row) return done(as_refused(std::move(row.error())));
        context_->owners.put(row->id, row->principal);
        go(std::move(done));
      }));
}

void Uploads::watch(const Principal& principal, const std::string& id, Answer done) {
  context_->ledger.find(id, principal.name, alive_.guard([done = std::move(done)](Outcome<UploadRow> row) mutable {
    if (!row) return done(as_refused(std::move(row.error())));
    done(status_of(*row));
  }));
}

void Uploads::append(const Principal& principal, AppendPart part, std::unique_ptr<BodyReader> body, Answer done) {
  if (context_->draining) {
    return context_->runtime.executor.post([done = std::move(done)]() mutable { done(stopping()); });
  }
  const std::string id = part.id;
  own(principal, id, std::move(done),
      [this, principal, id, part = std::move(part), body = std::move(body)](Answer answer) mutable {
        auto append = std::make_shared<Append>(
            Append::Parts{context_, settlements_, principal.name, std::move(part), std::move(body), std::move(answer)});
        turns_.ask(id, true, [append](Outcome<Turn> turn) {
          turn ? append->start(std::move(*turn)) : append->refuse(std::move(turn.error()));
        });
      });
}

void Uploads::complete(const Principal& principal, const std::string& id, Answer done) {
  own(principal, id, std::move(done), [this, principal, id](Answer answer) mutable {
    with_turn(id, std::move(answer), [this, principal, id](Turn turn, Answer found) mutable {
      context_->ledger.take(
          id, principal.name, context_->holder,
          alive_.guard([this, turn = std::move(turn), found = std::move(found)](Outcome<UploadRow> row) mutable {
            if (!row) return found(as_refused(std::move(row.error())));
            finish_whole(std::move(turn), std::move(*row), std::move(found));
          }));
    });
  });
}

void Uploads::finish_whole(Turn turn, UploadRow row, Answer done) {
  if (row.state == UploadState::sealed) {
    turn.end();
    return settlements_->judge(std::move(row), std::move(done));
  }
  if (row.state != UploadState::receiving || waits_for_seal(row)) {
    return answer_row(std::move(turn), std::move(row), std::move(done));
  }
  // Where a size was said, declaring the offset is refused: bytes are missing.
  context_->ledger.declare(
      {row.id, row.epoch}, {row.offset, std::nullopt},
      alive_.guard([this, turn = std::move(turn), done = std::move(done)](Outcome<UploadRow> declared) mutable {
        if (!declared) return done(as_refused(std::move(declared.error())));
        settlements_->resume(std::move(turn), std::move(*declared), std::move(done));
      }));
}

void Uploads::cancel(const Principal& principal, const std::string& id, Answer done) {
  own(principal, id, std::move(done), [this, principal, id](Answer answer) mutable {
    with_turn(id, std::move(answer), [this, principal, id](Turn turn, Answer found) mutable {
      context_->ledger.cancel(
          id, principal.name, context_->wall(),
          alive_.guard([this, turn = std::move(turn), found = std::move(found)](Outcome<UploadRow> row) mutable {
            if (!row) return found(as_refused(std::move(row.error())));
            drop_cancelled(std::move(turn), std::move(*row), std::move(found));
          }));
    });
  });
}

// The cancellation is durable; files that cannot be removed now are the janitor's.
void Uploads::drop_cancelled(Turn turn, UploadRow row, Answer done) {
  if (!row.has_content) return done(status_of(row));
  const std::string id = row.id;
  context_->drop_files({id}, [turn = std::move(turn), row = std::move(row),
                              done = std::move(done)](const Status&) mutable { done(status_of(row)); });
}

// Who waits is noted before the row is read: where the word comes in between, one of the two sees it.
void Uploads::await_application(const Principal& principal, const UploadStatus& status, Answer done) {
  const Duration wish = context_->settings.limits_of(status.inbox).wait_for_application;
  const Duration within = wish > Duration::zero() ? wish : Duration(context_->settings.answer_within);
  awaited_.add(status, context_->draining ? Duration::zero() : within, std::move(done));
  context_->ledger.find(status.id, principal.name, alive_.guard([this, id = status.id](const Outcome<UploadRow>& row) {
    if (!row) return awaited_.tell(id, as_refused(row.error()));
    note_settled(*row);
  }));
}

void Uploads::note_settled(const UploadRow& row) {
  if (!row.settled_at || !awaited_.has(row.id)) return;
  if (row.state == UploadState::delivered) return awaited_.tell(row.id, status_of(row));
  awaited_.tell(row.id, as_refused(impossible(row, "go on with")));
}

void Uploads::reply(const Principal& principal, const std::string& id, UniqueFunction<void(Outcome<Reply>)> done) {
  context_->ledger.find(
      id, principal.name, alive_.guard([this, done = std::move(done)](Outcome<UploadRow> row) mutable {
        if (!row) return done(as_refused(std::move(row.error())));
        const bool ended = row->settled_at.has_value();
        if (ended && row->state != UploadState::delivered)
          return done(as_refused(impossible(*row, "give the reply of")));
        if (!ended) {
          Refused undecided = pending(*row);
          undecided.detail =
              fmt::format("cannot give the reply of upload {}: the application has not answered", row->id);
          return done(as_refused(std::move(undecided)));
        }
        UploadStatus status = status_of(*row);
        if (!row->delivery || row->delivery->reply.empty())
          return done(as_refused({Problem::unknown_upload,
                                  fmt::format("cannot give the reply of upload {}: there is none", row->id),
                                  std::move(status), std::nullopt}));
        if (!status.has_reply)
          return done(as_refused({Problem::gone,
                                  fmt::format("cannot give the reply of upload {}: it was kept long enough", row->id),
                                  std::move(status), std::nullopt}));
        if (!status.reply_at.empty()) return done(Reply{std::move(status), {}});
        open_reply(std::move(status), std::move(done));
      }));
}

void Uploads::open_reply(UploadStatus status, UniqueFunction<void(Outcome<Reply>)> done) {
  const std::string id = status.id;
  context_->store.open_reply(
      id, alive_.guard([status = std::move(status), done = std::move(done)](Result<OpenReply> opened) mutable {
        if (opened) return done(Reply{std::move(status), std::move(*opened)});
        Refused refused = inbox::refused_by(opened.error());
        refused.upload = std::move(status);
        done(as_refused(std::move(refused)));
      }));
}

}  // namespace larder::inbox
