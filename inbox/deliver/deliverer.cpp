#include "inbox/deliver/deliverer.h"

#include <algorithm>
#include <utility>

#include "base/io/log.h"

namespace larder::inbox {
namespace {

constexpr Duration kAfterTrouble = std::chrono::seconds(5);  // the ledger could not; it is asked again
constexpr Duration kLongestWait = std::chrono::minutes(10);  // the wall clock may jump

}  // namespace

Deliverer::Deliverer(DelivererSettings settings, Ledger& ledger, HandOver& hand_over, Runtime runtime)
    : settings_(std::move(settings)), ledger_(ledger), hand_over_(hand_over), runtime_(runtime) {}

Deliverer::~Deliverer() {
  alive_.end_guards();
  runtime_.timers.cancel(due_timer_);
  runtime_.timers.cancel(lease_timer_);
}

void Deliverer::start() {
  take_up_page({});
  renew_leases();
}

void Deliverer::take_up_page(std::string after) {
  ListQuery query;
  query.after = after;
  query.inbox = settings_.inbox;
  query.state = UploadState::delivering;
  ledger_.list(query, alive_.guard([this, after](Outcome<std::vector<UploadRow>> page) {
    if (!page) {
      log::warn("deliveries under way are not known yet inbox={} error={}", settings_.inbox, page.error().detail);
      due_timer_ = runtime_.timers.after(kAfterTrouble, [this, after] { take_up_page(after); });
      return;
    }
    for (const UploadRow& row : *page) begin(row, true);
    if (page->size() == kMaxPage) return take_up_page(page->back().id);
    started_ = true;
    claim_next();
  }));
}

void Deliverer::wake() {
  if (claiming_) {
    again_ = true;
    return;
  }
  if (started_) claim_next();
}

void Deliverer::claim_next() {
  if (claiming_ || stopping_ || attempts_.size() >= settings_.most_at_once) return;
  runtime_.timers.cancel(std::exchange(due_timer_, 0));
  claiming_ = true;
  again_ = false;
  ledger_.claim({settings_.inbox, settings_.holder, runtime_.clock.wall(), settings_.lease},
                alive_.guard([this](Outcome<std::optional<UploadRow>> claimed) { on_claimed(std::move(claimed)); }));
}

void Deliverer::on_claimed(Outcome<std::optional<UploadRow>> claimed) {
  claiming_ = false;
  if (!claimed) {
    log::warn("no delivery can be claimed inbox={} error={}", settings_.inbox, claimed.error().detail);
    return arm(kAfterTrouble);
  }
  if (*claimed) {
    begin(**claimed, false);
    return claim_next();
  }
  if (again_) return claim_next();
  wait_for_due();
}

void Deliverer::wait_for_due() {
  ledger_.next_due(settings_.inbox, alive_.guard([this](Outcome<std::optional<WallTime>> due) {
    if (!due) return arm(kAfterTrouble);
    if (!*due) return;  // wake() tells of the next
    arm(std::clamp<Duration>(**due - runtime_.clock.wall(), Duration::zero(), kLongestWait));
  }));
}

void Deliverer::arm(Duration delay) {
  runtime_.timers.cancel(due_timer_);
  due_timer_ = runtime_.timers.after(delay, [this] {
    due_timer_ = 0;
    claim_next();
  });
}

void Deliverer::begin(const UploadRow& row, bool resumed) {
  const unsigned attempt = row.delivery ? row.delivery->attempt : 0;
  attempts_.insert_or_assign(row.id, attempt);
  log::info("delivery begins upload={} inbox={} attempt={} size={}", row.id, row.inbox, attempt, row.size.value_or(0));
  hand_over_.begin(row, resumed, alive_.guard([this, id = row.id, attempt](AttemptEnd what) {
    on_attempt_ended(id, attempt, std::move(what));
  }));
}

void Deliverer::on_attempt_ended(const std::string& id, unsigned attempt, AttemptEnd what) {
  what.result = what.result.substr(0, kMaxResult);
  switch (what.kind) {
    case AttemptEnd::Kind::took:
      log::info("delivered upload={} inbox={} attempt={}", id, settings_.inbox, attempt);
      break;
    case AttemptEnd::Kind::refused:
      log::warn("refused by the application upload={} inbox={} reason={}", id, settings_.inbox, what.result);
      break;
    case AttemptEnd::Kind::again:
      log::warn("delivery is tried again upload={} inbox={} attempt={} reason={}", id, settings_.inbox, attempt,
                what.result);
      break;
  }
  keep_reply(id, attempt, what);
}

void Deliverer::keep_reply(const std::string& id, unsigned attempt, const AttemptEnd& what) {
  if (what.kind != AttemptEnd::Kind::took || !what.reply || !settings_.keep_reply) return write_end(id, attempt, what);
  settings_.keep_reply(id, *what.reply, alive_.guard([this, id, attempt, what](const Status& kept) {
    if (kept) return write_end(id, attempt, what);
    log::warn("the reply of an application is not kept yet upload={} error={}", id, kept.error().text());
    runtime_.timers.after(kAfterTrouble, alive_.guard([this, id, attempt, what] { keep_reply(id, attempt, what); }));
  }));
}

// As the ledger has it (DeliveryRow::reply).
std::string Deliverer::reply_of(const AttemptEnd& what) const {
  if (!what.reply_url.empty()) return what.reply_url;
  return std::string(what.reply && settings_.keep_reply ? kReplyInStore : std::string_view());
}

void Deliverer::write_end(const std::string& id, unsigned attempt, const AttemptEnd& what) {
  auto written = alive_.guard([this, id, attempt, what](Outcome<UploadRow> row) {
    const bool trouble = !row && (row.error().problem == Problem::failed || row.error().problem == Problem::busy ||
                                  row.error().problem == Problem::no_space);
    if (trouble) {
      log::warn("the outcome of a delivery is not written yet upload={} error={}", id, row.error().detail);
      runtime_.timers.after(kAfterTrouble, alive_.guard([this, id, attempt, what] { write_end(id, attempt, what); }));
      return;
    }
    if (!row) log::warn("the outcome of a delivery does not fit upload={} error={}", id, row.error().detail);
    attempts_.erase(id);
    if (row && row->settled_at && settings_.on_settled) settings_.on_settled(*row);
    if (stopping_ && attempts_.empty() && stopped_) return std::exchange(stopped_, nullptr)();
    claim_next();
  });
  const WallTime now = runtime_.clock.wall();
  switch (what.kind) {
    case AttemptEnd::Kind::took:
      return ledger_.acknowledge(id, what.result, reply_of(what), now, std::move(written));
    case AttemptEnd::Kind::refused:
      return ledger_.reject(id, what.result, StoredAnswer{what.status, what.result}, now, std::move(written));
    case AttemptEnd::Kind::again: {
      RetryRules retry = settings_.retry;
      retry.least = what.retry_after;
      return ledger_.end_attempt(id, attempt, what.result, now, retry, std::move(written));
    }
  }
}

void Deliverer::renew_leases() {
  const WallTime until = runtime_.clock.wall() + settings_.lease;
  for (const auto& [id, attempt] : attempts_) {
    ledger_.renew(id, attempt, until, [id = id](const Outcome<UploadRow>& row) {
      if (!row) log::warn("the lease of a delivery is not renewed upload={} error={}", id, row.error().detail);
    });
  }
  lease_timer_ = runtime_.timers.after(settings_.lease / 3, [this] { renew_leases(); });
}

void Deliverer::stop(Task done) {
  stopping_ = true;
  runtime_.timers.cancel(std::exchange(due_timer_, 0));
  if (attempts_.empty() || !hand_over_.ends_by_itself()) return done();
  stopped_ = std::move(done);
}

}  // namespace larder::inbox
