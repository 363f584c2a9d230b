#include "inbox/service/janitor.h"

#include <utility>

namespace larder::inbox {

void Janitor::expire() {
  context_->ledger.expire_due(now_, context_->guard([self = shared_from_this()](Outcome<std::vector<UploadRow>> rows) {
    if (!rows) return self->fail(rows.error());
    self->report_.expired += rows->size();
    rows->size() < kMaxPage ? self->remove() : self->expire();
  }));
}

void Janitor::remove() {
  const UploadSettings& settings = context_->settings;
  const RemovalTimes times{now_ - settings.keep_delivered, now_ - settings.keep_rejected};
  context_->ledger.removable(times, context_->guard([self = shared_from_this()](Outcome<std::vector<std::string>> ids) {
    if (!ids) return self->fail(ids.error());
    if (ids->empty()) return self->forget();
    const std::size_t count = ids->size();
    self->context_->drop_files(std::move(*ids), self->context_->guard([self, count](const Status& dropped) {
      if (!dropped) return self->finished_(tl::unexpected<Error>(dropped.error()));
      self->report_.removed += count;
      count < kMaxPage ? self->forget() : self->remove();
    }));
  }));
}

void Janitor::forget() {
  context_->ledger.forget(now_ - context_->settings.tombstones,
                          context_->guard([self = shared_from_this()](Outcome<std::size_t> gone) {
                            if (!gone) return self->fail(gone.error());
                            self->report_.forgotten += *gone;
                            *gone < kMaxPage ? self->judge_again("") : self->forget();
                          }));
}

void Janitor::judge_again(const std::string& after) {
  ListQuery query;
  query.after = after;
  query.state = UploadState::sealed;
  context_->ledger.list(query, context_->guard([self = shared_from_this()](Outcome<std::vector<UploadRow>> rows) {
    if (!rows) return self->fail(rows.error());
    for (UploadRow& row : *rows) {
      if (!self->settlements_->is_judged(row.id)) self->settlements_->judge(row, [](const Outcome<UploadStatus>&) {});
    }
    if (rows->size() < kMaxPage) return self->finished_(self->report_);
    self->judge_again(rows->back().id);
  }));
}

void Janitor::fail(const Refused& refused) {
  finished_(tl::unexpected<Error>(Error{ErrorCode::database_error, "tidy the uploads", refused.detail, std::nullopt}));
}

}  // namespace larder::inbox
