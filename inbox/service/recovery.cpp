#include "inbox/service/recovery.h"

#include <algorithm>
#include <utility>

#include "base/io/log.h"
#include "inbox/service/append_rules.h"

namespace larder::inbox {
namespace {

ExpectedFile expected_of(const UploadRow& row) {
  switch (row.state) {
    case UploadState::receiving:
      return {row.id, ExpectedFile::Kind::part, row.offset};
    case UploadState::failed:
    case UploadState::cancelled:
    case UploadState::expired:
      return {row.id, ExpectedFile::Kind::none, 0};
    case UploadState::sealed:
    case UploadState::accepted:
    case UploadState::delivering:
    case UploadState::delivered:
    case UploadState::rejected:
      break;
  }
  return {row.id, ExpectedFile::Kind::content, row.offset};
}

}  // namespace

void Recovery::start() {
  context_->store.make_directories(context_->guard([self = shared_from_this()](Status made) {
    if (!made) return self->fail(made.error());
    self->list_files();
  }));
}

void Recovery::list_files() {
  context_->store.list(context_->guard([self = shared_from_this()](Result<std::vector<std::string>> ids) {
    if (!ids) return self->fail(ids.error());
    self->files_.insert(ids->begin(), ids->end());
    self->next_page("");
  }));
}

void Recovery::next_page(const std::string& after) {
  ListQuery query;
  query.after = after;
  query.with_content_only = true;
  context_->ledger.list(query, context_->guard([self = shared_from_this()](Outcome<std::vector<UploadRow>> rows) {
    if (!rows) return self->fail(rows.error());
    if (rows->empty()) return self->remove_orphans();
    self->on_rows(std::move(*rows));
  }));
}

void Recovery::on_rows(std::vector<UploadRow> rows) {
  std::vector<ExpectedFile> expected;
  for (const UploadRow& row : rows) {
    expected.push_back(expected_of(row));
    files_.erase(row.id);
  }
  report_.uploads += rows.size();
  context_->store.match(std::move(expected), context_->guard([self = shared_from_this(), rows = std::move(rows)](
                                                                 Result<std::vector<std::string>> missing) mutable {
    if (!missing) return self->fail(missing.error());
    self->on_matched(std::move(rows), std::move(*missing));
  }));
}

void Recovery::on_matched(std::vector<UploadRow> rows, std::vector<std::string> missing) {
  const std::string last = rows.back().id;
  std::vector<UploadRow> lost;
  for (UploadRow& row : rows) {
    const bool open = row.state == UploadState::receiving || row.state == UploadState::sealed;
    if (std::find(missing.begin(), missing.end(), row.id) != missing.end()) {
      // A crash between the removal of a file and its note leaves no more than that.
      const bool over = row.state == UploadState::delivered || row.state == UploadState::rejected;
      if (over) continue;
      log::error("the file of an upload is lost upload={} state={}", row.id, state_name(row.state));
      report_.damaged.push_back(row.id);
      if (open) lost.push_back(std::move(row));
    } else if (row.state == UploadState::sealed || waits_for_seal(row)) {
      unsettled_.push_back(std::move(row));
    }
  }
  fail_missing(std::move(lost), [self = shared_from_this(), last] { self->next_page(last); });
}

void Recovery::fail_missing(std::vector<UploadRow> missing, UniqueFunction<void()> then) {
  if (missing.empty()) return then();
  const UploadRow row = std::move(missing.back());
  missing.pop_back();
  const StoredAnswer answer{500, "what came of it was lost by the server's disk; upload it again with a new key"};
  context_->ledger.refuse({row.id, row.epoch}, UploadEvent::wrong_content, answer, context_->wall(),
                          context_->guard([self = shared_from_this(), missing = std::move(missing),
                                           then = std::move(then)](Outcome<UploadRow> failed) mutable {
                            if (!failed) return self->fail(failed.error());
                            self->fail_missing(std::move(missing), std::move(then));
                          }));
}

void Recovery::remove_orphans() {
  report_.orphans = files_.size();
  std::vector<std::string> orphans(files_.begin(), files_.end());
  files_.clear();
  context_->store.remove(std::move(orphans), context_->guard([self = shared_from_this()](Status removed) {
    if (!removed) return self->fail(removed.error());
    self->settle_next();
  }));
}

// One after the other. An upload that cannot be settled now stays as it is: the next request for it, or the janitor,
// tries again.
void Recovery::settle_next() {
  if (unsettled_.empty()) return finished_(std::move(report_));
  UploadRow row = std::move(unsettled_.back());
  unsettled_.pop_back();
  ++report_.sealed;
  const bool is_judged = context_->is_judged(row.inbox) && row.state == UploadState::sealed;
  turns_.ask(row.id, false, context_->guard([self = shared_from_this(), row, is_judged](Outcome<Turn> turn) mutable {
    const auto settled = [self, is_judged](const Outcome<UploadStatus>& status) {
      if (!status) log::warn("an upload cannot be accepted yet error=\"{}\"", status.error().detail);
      if (!is_judged) self->settle_next();
    };
    if (!turn) return settled(tl::unexpected<Refused>(turn.error()));
    self->settlements_->resume(std::move(*turn), std::move(row), settled);
    if (is_judged) self->settle_next();  // a hook may take its time
  }));
}

void Recovery::fail(const Refused& refused) {
  fail(Error{ErrorCode::database_error, "recover the uploads", refused.detail, std::nullopt});
}

}  // namespace larder::inbox
