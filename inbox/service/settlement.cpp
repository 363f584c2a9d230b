#include "inbox/service/settlement.h"

#include <fmt/format.h>

#include <utility>

namespace larder::inbox {
void Settlements::seal(Turn turn, UploadRow row, std::unique_ptr<Part> part, std::optional<Digest> expected,
                       Done<UploadStatus> done) {
  if (row.declared) expected = row.declared;
  auto sealing =
      std::make_shared<Sealing>(Sealing{std::move(turn), std::move(row), std::move(part), expected, std::move(done)});
  sealing->part->hash(
      context_->guard([self = shared_from_this(), sealing](Result<Digest> digest) { self->check(sealing, digest); }));
}

void Settlements::check(const Shared& sealing, Result<Digest> digest) {
  if (!digest) {
    if (digest.error().code == ErrorCode::content_damaged) return fail_content(sealing, 500, digest.error().text());
    return sealing->done(as_refused(refused_by(digest.error(), sealing->row)));
  }
  sealing->digest = *digest;
  if (!sealing->expected || *sealing->expected == *digest) return finish(sealing);
  fail_content(sealing, 422,
               fmt::format("the SHA-256 of what came is {}, that of the file is {}; upload it again with a new key",
                           to_hex(*digest), to_hex(*sealing->expected)));
}

void Settlements::finish(const Shared& sealing) {
  sealing->part->finish(context_->guard([self = shared_from_this(), sealing](Status finished) {
    if (!finished) return sealing->done(as_refused(refused_by(finished.error(), sealing->row)));
    self->commit(sealing);
  }));
}

void Settlements::commit(const Shared& sealing) {
  Seal seal{sealing->row.offset, sealing->part->end(), sealing->digest, context_->wall(), std::nullopt};
  if (!context_->is_judged(sealing->row.inbox)) seal.accept_with = StoredAnswer{};
  seal.answer_later = context_->waits_for_application(sealing->row.inbox);
  context_->ledger.seal({sealing->row.id, sealing->row.epoch}, std::move(seal),
                        context_->guard([self = shared_from_this(), sealing](Outcome<UploadRow> row) {
                          if (!row) return sealing->done(as_refused(std::move(row.error())));
                          sealing->turn.end();
                          if (row->state == UploadState::sealed) {
                            return self->judge(std::move(*row), std::move(sealing->done));
                          }
                          if (self->context_->on_accepted) self->context_->on_accepted(*row);
                          sealing->done(status_of(*row));
                        }));
}

void Settlements::fail_content(const Shared& sealing, int status, const std::string& text) {
  context_->ledger.refuse(
      {sealing->row.id, sealing->row.epoch}, UploadEvent::wrong_content, {status, text}, context_->wall(),
      context_->guard([self = shared_from_this(), sealing, text](Outcome<UploadRow> row) {
        if (!row) return sealing->done(as_refused(std::move(row.error())));
        self->context_->drop_files({row->id}, self->context_->guard([sealing, text, failed = *row](const Status&) {
          sealing->done(as_refused(
              {Problem::content_digest, "cannot take the upload: " + text, status_of(failed), std::nullopt}));
        }));
      }));
}

void Settlements::resume(Turn turn, UploadRow row, Done<UploadStatus> done) {
  if (row.state == UploadState::sealed) return judge(std::move(row), std::move(done));
  auto known = context_->hashes.take(row.id);
  const std::string id = row.id;
  const std::uint64_t offset = row.offset;
  context_->store.open(id, offset, std::move(known),
                       context_->guard([self = shared_from_this(), turn = std::move(turn), row = std::move(row),
                                        done = std::move(done)](Result<std::unique_ptr<Part>> part) mutable {
                         if (!part) return done(as_refused(refused_by(part.error(), row)));
                         self->seal(std::move(turn), std::move(row), std::move(*part), std::nullopt, std::move(done));
                       }));
}

void Settlements::forget_waiters() {
  for (const auto& [id, waiters] : judged_) {
    for (const Waiter& waiter : waiters) context_->runtime.timers.cancel(waiter.timer);
  }
  const auto dying = std::exchange(judged_, {});
}

void Settlements::judge(UploadRow row, Done<UploadStatus> done) {
  const bool asked = judged_.contains(row.id);
  wait(row, std::move(done));
  if (asked) return;
  if (!context_->is_judged(row.inbox)) return on_verdict(row, {});
  context_->hook->judge(status_of(row), row.principal, context_->store.content_path(row.id),
                        context_->guard([weak = weak_from_this(), row](const Verdict& verdict) {
                          if (const auto self = weak.lock()) self->on_verdict(row, verdict);
                        }));
}

void Settlements::wait(const UploadRow& row, Done<UploadStatus> done) {
  Waiter waiter{std::move(done)};
  waiter.timer =
      context_->runtime.timers.after(context_->settings.answer_within, context_->guard([weak = weak_from_this(), row] {
        const auto self = weak.lock();
        if (!self) return;
        const auto found = self->judged_.find(row.id);
        if (found == self->judged_.end() || found->second.empty()) return;
        // The timers of one upload end in the order in which they were set.
        Waiter first = std::move(found->second.front());
        found->second.erase(found->second.begin());
        first.done(as_refused(pending(row)));
      }));
  judged_[row.id].push_back(std::move(waiter));
}

void Settlements::on_verdict(const UploadRow& row, const Verdict& verdict) {
  const auto settled = context_->guard(
      [self = shared_from_this(), row](Outcome<UploadRow> changed) { self->on_settled(row, std::move(changed)); });
  switch (verdict.kind) {
    case Verdict::Kind::good:
      return context_->ledger.accept(
          {row.id, row.epoch},
          context_->waits_for_application(row.inbox) ? std::nullopt : std::optional(StoredAnswer{}), context_->wall(),
          settled);
    case Verdict::Kind::refused:
      return context_->ledger.refuse({row.id, row.epoch}, UploadEvent::scanner_refused, {422, verdict.text},
                                     context_->wall(), settled);
    case Verdict::Kind::unavailable:
      return answer_all(row.id, as_refused(pending(row)));
  }
}

void Settlements::on_settled(const UploadRow& before, Outcome<UploadRow> row) {
  if (!row) return answer_all(before.id, as_refused(std::move(row.error())));
  if (row->state != UploadState::rejected) {
    if (context_->on_accepted) context_->on_accepted(*row);
    return answer_all(row->id, status_of(*row));
  }
  answer_all(row->id, as_refused(impossible(*row, "accept")));
}

void Settlements::answer_all(const std::string& id, const Outcome<UploadStatus>& answer) {
  auto found = judged_.extract(id);
  if (!found) return;
  for (Waiter& waiter : found.mapped()) {
    context_->runtime.timers.cancel(waiter.timer);
    waiter.done(answer);
  }
}

}  // namespace larder::inbox
